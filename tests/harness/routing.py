"""The rules of routes, compiled once a worker: that takes most of the time in which a test builds its portal."""

from collections.abc import Callable, Iterator

from werkzeug.routing import BaseConverter, Rule
from werkzeug.routing.rules import RulePart

_BUILDERS: dict[tuple[object, ...], Callable[..., tuple[str, str]]] = {}
_PARSED: dict[str, tuple[list[RulePart], list[tuple[bool, str]], dict[str, BaseConverter]]] = {}


class CompiledOnceRule(Rule):
    """A rule that shares what was compiled with every equal rule of the process: all portals have the same routes."""

    def _parse_rule(self, rule: str) -> Iterator[RulePart]:
        if rule not in _PARSED:
            before = len(self._trace)
            parts = list(super()._parse_rule(rule))
            _PARSED[rule] = parts, self._trace[before:], dict(self._converters)
        else:
            parts, trace, converters = _PARSED[rule]
            self._trace.extend(trace)
            self._converters.update(converters)
            self.arguments.update(converters)
        yield from parts

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        # The functions depend on these alone. Werkzeug binds what is returned to this rule.
        key = (*self._trace, *sorted((self.defaults or {}).items()), append_unknown)
        if key not in _BUILDERS:
            _BUILDERS[key] = super()._compile_builder(append_unknown)
        return _BUILDERS[key]
