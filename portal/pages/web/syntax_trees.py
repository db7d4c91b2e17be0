"""Changes to the syntax tree of a template that leave what it shows as it is."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

AnyNode = TypeVar("AnyNode", bound=nodes.Node)


def all_nodes(tree: nodes.Node) -> Iterator[nodes.Node]:
    """Yield every node once, the tree first: each search of Jinja's own for a type walks the whole tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.iter_child_nodes())


def copied(tree: AnyNode) -> AnyNode:
    """Return a copy of a tree; Python's own would copy the environment that each node knows."""
    fields = (_copied(value) for _, value in tree.iter_fields())
    return type(tree)(*fields, lineno=tree.lineno, environment=tree.environment)


def _copied(value: object) -> object:
    if isinstance(value, list):
        return [_copied(each) for each in value]
    return copied(value) if isinstance(value, nodes.Node) else value


def parts(shown: nodes.Expr) -> list[nodes.Expr]:
    """Return what an expression shows one after the other: what ``~`` joins can be shown each by itself."""
    return shown.nodes if isinstance(shown, nodes.Concat) else [shown]


def join_outputs(tree: nodes.Node) -> None:
    """Join what is shown one after the other without a condition, so that Jinja joins the constants in it."""
    for node in all_nodes(tree):
        for _, statements in node.iter_fields(only=("body", "else_")):
            statements[:] = _joined(statements)


def _joined(statements: list[nodes.Node]) -> list[nodes.Node]:
    joined: list[nodes.Node] = []
    for statement in statements:
        if isinstance(statement, nodes.Output) and joined and isinstance(joined[-1], nodes.Output):
            joined[-1].nodes.extend(statement.nodes)
        else:
            joined.append(statement)
    return joined


class Names(NodeTransformer):
    """Puts expressions in the place of names, and other names.

    Args:
        values: the expressions, by the names in whose place they stand.
        renamed: the other names.
    """

    def __init__(self, values: Mapping[str, nodes.Expr], renamed: Mapping[str, str]) -> None:
        self._values, self._renamed = values, renamed

    def visit_Name(self, name: nodes.Name) -> nodes.Expr:
        if name.name in self._values:
            return copied(self._values[name.name])
        name.name = self._renamed.get(name.name, name.name)
        return name


class Constants(NodeTransformer):
    """Leaves of each condition that is constant only what holds.

    Args:
        folded: returns an expression whose constant parts are constants.
    """

    def __init__(self, folded: Callable[[nodes.Node], nodes.Expr]) -> None:
        self._folded = folded

    def visit_If(self, condition: nodes.If) -> nodes.Node | list[nodes.Node]:
        if condition.elif_:
            first, *others = condition.elif_
            condition.elif_ = []
            condition.else_ = [nodes.If(first.test, first.body, others, condition.else_, lineno=first.lineno)]
        self.generic_visit(condition)
        test = condition.test = self._folded(condition.test)
        if not isinstance(test, nodes.Const):
            return condition
        return condition.body if test.value else condition.else_

    def visit_CondExpr(self, condition: nodes.CondExpr) -> nodes.Node:
        self.generic_visit(condition)
        test = condition.test = self._folded(condition.test)
        if isinstance(test, nodes.Const) and condition.expr2 is not None:
            return condition.expr1 if test.value else condition.expr2
        return condition
