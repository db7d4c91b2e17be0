"""Components written out where a page calls them, while it is compiled: a call takes longer than most things it shows.

A component reads its arguments and a few globals, and nothing else. So its body can stand in the place of the call,
with names of its own. Where it does more, the call stays a call, which shows the same.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from jinja2 import nodes
from jinja2.compiler import has_safe_repr

from portal.pages.web.jinja.constants import Constants, Fold
from portal.pages.web.jinja.syntax_trees import Filling, Names, Statements, all_nodes, copied, parts, stored_names

# What a component may name without being handed it. No page has a variable of such a name.
GLOBALS = frozenset({"ui", "csrf_token", "asset", "date_time_pattern", "ngettext", "_", "gettext"})
# What means something else in another place, or has a scope of its own.
BOUND = (
    nodes.Block,
    nodes.Macro,
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.EvalContextModifier,
    nodes.NSRef,
)
DEEPEST = 8

# The template and the name of a macro.
Place = tuple[str, str]


class NotExpandableError(Exception):
    """A call has to stay a call."""


@dataclass(frozen=True)
class Component:
    """A macro, which is the caller's own copy, and where the macros are that it knows by a name."""

    macro: nodes.Macro
    scope: Mapping[str, Place]


def component_of(tree: nodes.Template, place: Place) -> Component | None:
    """Return a component of a template; none if it has no such macro."""
    template, wanted = place
    macros = {node.name: node for node in tree.body if isinstance(node, nodes.Macro)}
    if wanted not in macros:
        return None
    scope = {name: (template, name) for name in macros}
    for node in tree.body:
        if isinstance(node, nodes.FromImport) and isinstance(node.template, nodes.Const):
            pairs = ((name, name) if isinstance(name, str) else name for name in node.names)
            scope |= {alias: (node.template.value, name) for name, alias in pairs}
    return Component(copied(macros[wanted]), scope)


class Expansion(Statements):
    """Writes out the components that a template calls.

    Args:
        place: returns where the macro is that templates call ``ui.name``; none if there is none.
        component: returns a copy of a component; none if there is none in that place.
        folded: returns a tree whose constant expressions are constants.
        scope: the macros that it knows by a name, besides ``ui.name``.
        depth: how many components it is in.
    """

    def __init__(
        self,
        place: Callable[[str], Place | None],
        component: Callable[[Place], Component | None],
        folded: Fold,
        scope: Mapping[str, Place],
        numbers: Iterator[int],
        depth: int = 0,
    ) -> None:
        self._place_of, self._component, self._folded = place, component, folded
        self._scope, self._numbers, self._depth = scope, numbers, depth

    def visit_Output(self, output: nodes.Output) -> list[nodes.Node]:
        written: list[nodes.Node] = []
        for child in chain.from_iterable(map(parts, output.nodes)):
            body = self._shown(child, None) if isinstance(child, nodes.Call) else None
            written += [nodes.Output([child], lineno=output.lineno)] if body is None else body
        return written

    def visit_CallBlock(self, block: nodes.CallBlock) -> nodes.Node | list[nodes.Node]:
        self.generic_visit(block)
        body = None if block.args else self._shown(block.call, block.body)
        return block if body is None else body

    def _shown(self, call: nodes.Call, caller: list[nodes.Node] | None) -> list[nodes.Node] | None:
        """Return what a call shows; none if it calls no component, or has to stay a call."""
        place = self._place(call.node)
        component = self._component(place) if place and self._depth < DEEPEST else None
        try:
            return self._written_out(component, call, caller) if component else None
        except NotExpandableError:
            return None

    def _place(self, callee: nodes.Expr) -> Place | None:
        match callee:
            case nodes.Getattr(node=nodes.Name(name="ui"), attr=name):
                return self._place_of(name)
            case nodes.Name(name=name):
                return self._scope.get(name)
        return None

    def _written_out(self, component: Component, call: nodes.Call, caller: list[nodes.Node] | None) -> list[nodes.Node]:
        body = nodes.Scope(component.macro.body)
        values = {name: self._folded(value) for name, value in _arguments(component.macro, call).items()}
        stored = _stored_names(body, values.keys() | component.scope.keys() | GLOBALS)
        constants = {name: value for name, value in values.items() if isinstance(value, nodes.Const)}
        number = next(self._numbers)
        renamed = {name: f"{component.macro.name}_{number}_{name}" for name in values.keys() | stored}
        Names(constants, renamed).visit(body)
        Constants(self._folded).visit(body)
        if not all(has_safe_repr(value.value) for value in constants.values()):
            # Jinja folds what can be written as Python's code, and not what is an attribute of something else.
            self._folded(body)
        inner = (self._place_of, self._component, self._folded, component.scope, self._numbers, self._depth + 1)
        Expansion(*inner).visit(body)
        self._name_imported(body, component.scope)
        for node in all_nodes(body):
            # So that an error names the line of the page.
            node.lineno = call.lineno
        _fill(body, caller)
        targets = [name for name in values if name not in constants]
        if not targets and not stored:
            return body.body
        named = [nodes.Name(renamed[name], "param", lineno=call.lineno) for name in targets]
        return [nodes.With(named, [values[name] for name in targets], body.body, lineno=call.lineno)]

    def _name_imported(self, body: nodes.Node, scope: Mapping[str, Place]) -> None:
        """Call by ``ui.name`` what a component imported and is still called: the page has imported nothing."""
        macros = {}
        for name in {node.name for node in all_nodes(body) if isinstance(node, nodes.Name)} & scope.keys():
            if self._place_of(scope[name][1]) != scope[name]:
                raise NotExpandableError
            macros[name] = nodes.Getattr(nodes.Name("ui", "load"), scope[name][1], "load")
        Names(macros, {}).visit(body)


def _arguments(macro: nodes.Macro, call: nodes.Call) -> Mapping[str, nodes.Expr]:
    """Return the value of each argument. Raises NotExpandableError for what Jinja refuses or finds out later."""
    names = [argument.name for argument in macro.args]
    defaults = dict(zip(names[::-1], macro.defaults[::-1], strict=False))
    given = dict(zip(names, call.args, strict=False)) | {named.key: named.value for named in call.kwargs}
    values = {name: value for name, value in (defaults | given).items() if name in names}
    is_odd = call.dyn_args or call.dyn_kwargs or len(given) != len(call.args) + len(call.kwargs)
    if is_odd or given.keys() - {*names} or values.keys() != {*names}:
        raise NotExpandableError
    if not all(isinstance(defaults[name], nodes.Const) for name in defaults.keys() - given.keys()):
        raise NotExpandableError
    return values


def _stored_names(body: nodes.Node, known: frozenset[str] | set[str]) -> set[str]:
    """Return the names that a component sets. Raises NotExpandableError if it names what it does not know."""
    names = [node for node in all_nodes(body) if isinstance(node, nodes.Name)]
    stored = stored_names(body)
    loaded = {node.name for node in names if node.ctx == "load"}
    if (
        stored & known
        or loaded - stored - known - {"caller"}
        or any(isinstance(node, BOUND) for node in all_nodes(body))
    ):
        raise NotExpandableError
    return stored


def _fill(body: nodes.Scope, caller: list[nodes.Node] | None) -> None:
    """Put what a call block has into the place of ``{{ caller() }}``."""
    calls = [node for node in all_nodes(body) if isinstance(node, nodes.Name) and node.name == "caller"]
    if caller is None and not calls:
        return
    # Within a loop "loop" would be another one.
    within = [node for node in all_nodes(body) if isinstance(node, nodes.For | nodes.CallBlock)]
    if caller is None or len(calls) != 1 or any(inner is calls[0] for node in within for inner in all_nodes(node)):
        raise NotExpandableError
    filling = Filling("caller", caller)
    filling.visit(body)
    if not filling.is_done:
        raise NotExpandableError
