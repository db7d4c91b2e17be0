"""The rules of routes, compiled once a worker: that takes most of the time in which a test builds its portal."""

from typing import Any

from werkzeug.routing import Rule

_COMPILED: dict[tuple[object, ...], dict[str, Any]] = {}


class CompiledOnceRule(Rule):
    """A rule that shares what was compiled with every equal rule of the process: all portals have the same routes."""

    def compile(self) -> None:
        """Compile the rule, unless an equal one was compiled before."""
        key = self.rule, self.host, self.subdomain, self.merge_slashes, *sorted((self.defaults or {}).items())
        if key not in _COMPILED:
            super().compile()
            names = ("_parts", "_trace", "_converters")
            _COMPILED[key] = {name: getattr(self, name) for name in names} | {
                # Werkzeug binds these to the rule.
                name: getattr(self, name).__func__
                for name in ("_build", "_build_unknown")
            }
            return
        for name, value in _COMPILED[key].items():
            setattr(self, name, value.__get__(self) if name.startswith("_build") else value)
        self.arguments.update(self._converters)
