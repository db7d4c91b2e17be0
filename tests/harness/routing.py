"""The rules of routes, compiled once a worker: that takes most of the time in which a test builds its portal."""

from collections.abc import Callable

from werkzeug.routing import Rule

_BUILDERS: dict[tuple[object, ...], Callable[..., tuple[str, str]]] = {}


class CompiledOnceRule(Rule):
    """A rule that shares the functions which build its URLs with every equal rule of the process."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        # The functions depend on these alone. Werkzeug binds what is returned to this rule.
        key = (*self._trace, *sorted((self.defaults or {}).items()), append_unknown)
        if key not in _BUILDERS:
            _BUILDERS[key] = super()._compile_builder(append_unknown)
        return _BUILDERS[key]
