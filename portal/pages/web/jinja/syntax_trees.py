"""Changes to the syntax tree of a template that leave what it shows as it is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from jinja2 import nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

_NAMED = re.compile(r"%\((\w+)\)s")
AnyNode = TypeVar("AnyNode", bound=nodes.Node)


def all_nodes(tree: nodes.Node) -> Iterator[nodes.Node]:
    """Yield every node once, the tree first: each search of Jinja's own for a type walks the whole tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for value in [getattr(node, field) for field in node.fields]:
            if isinstance(value, list):
                waiting.extend(each for each in value if isinstance(each, nodes.Node))
            elif isinstance(value, nodes.Node):
                waiting.append(value)


def copied(tree: AnyNode, line: int | None = None) -> AnyNode:
    """Return a copy of a tree; Python's own would copy the environment that each node knows.

    Args:
        line: of the whole copy; none if each node has its own.
    """
    fields = [_copied(getattr(tree, field), line) for field in tree.fields]
    return type(tree)(*fields, lineno=line or tree.lineno, environment=tree.environment)


def _copied(value: object, line: int | None) -> object:
    if isinstance(value, list):
        return [_copied(each, line) for each in value]
    return copied(value, line) if isinstance(value, nodes.Node) else value


def parts(shown: nodes.Expr) -> list[nodes.Expr]:
    """Return what an expression shows one after the other, each of which can be shown by itself.

    That is what ``~`` joins, and a text and what it names.
    """
    match shown:
        case nodes.Concat(nodes=joined):
            return joined
        case nodes.Mod(
            left=nodes.MarkSafeIfAutoescape(expr=nodes.Const(value=text)) | nodes.Const(value=Markup() as text),
            right=nodes.Dict(items=pairs),
        ):
            return _parts_of_text(text, {pair.key.as_const(): pair.value for pair in pairs}) or [shown]
    return [shown]


def _parts_of_text(text: str, named: Mapping[str, nodes.Expr]) -> list[nodes.Expr] | None:
    """Return a text in parts; none if it names something else, or has other marks than these."""
    pieces = _NAMED.split(text)
    texts, names = pieces[::2], pieces[1::2]
    if {*names} - named.keys() or any("%" in piece.replace("%%", "") for piece in texts):
        return None
    written = [nodes.MarkSafeIfAutoescape(nodes.Const(str(piece).replace("%%", "%"))) for piece in texts]
    values = (copied(named[name]) for name in names)
    return [written[0], *chain.from_iterable(zip(values, written[1:], strict=True))]


def join_outputs(tree: nodes.Node) -> None:
    """Join what is shown one after the other without a condition, of a template that escapes what it shows."""
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
    for statement in joined:
        if isinstance(statement, nodes.Output):
            statement.nodes = _joined_texts(statement.nodes)
    return joined


def _joined_texts(shown: list[nodes.Expr]) -> list[nodes.Expr]:
    joined: list[nodes.Expr] = []
    for node in shown:
        match node:
            case nodes.TemplateData(data=text):
                pass
            case nodes.Const(value=value):
                text = escape(value)
            case _:
                joined.append(node)
                continue
        if joined and isinstance(joined[-1], nodes.TemplateData):
            joined[-1] = nodes.TemplateData(joined[-1].data + str(text), lineno=joined[-1].lineno)
        else:
            joined.append(nodes.TemplateData(str(text), lineno=node.lineno))
    return joined


def stored_names(tree: nodes.Node) -> set[str]:
    """Return the names that are set in a tree, those of arguments and of loops included."""
    return {node.name for node in all_nodes(tree) if isinstance(node, nodes.Name) and node.ctx != "load"}


class Statements(NodeTransformer):
    """Changes statements, and looks for none in expressions."""

    def generic_visit(self, node: nodes.Node) -> nodes.Node:
        return node if isinstance(node, nodes.Expr) else super().generic_visit(node)


class Filling(Statements):
    """Puts statements in the place of each ``{{ name() }}``.

    Args:
        name: what is called there, such as ``caller``.
        statements: of which each place gets a copy.
    """

    def __init__(self, name: str, statements: Sequence[nodes.Node]) -> None:
        self._name, self._statements, self.is_done = name, statements, False

    def visit_Output(self, output: nodes.Output) -> list[nodes.Node]:
        filled: list[nodes.Node] = []
        for child in output.nodes:
            match child:
                case nodes.Call(node=nodes.Name(name=name), args=[], kwargs=[], dyn_args=None, dyn_kwargs=None) if (
                    name == self._name
                ):
                    self.is_done = True
                    filled += map(copied, self._statements)
                case _:
                    filled.append(nodes.Output([child], lineno=output.lineno))
        return filled


class Names(NodeTransformer):
    """Puts expressions in the place of names, and other names.

    Args:
        values: the expressions, by the names in whose place they stand.
        renamed: the other names.
    """

    def __init__(self, values: Mapping[str, nodes.Expr], renamed: Mapping[str, str]) -> None:
        self._values, self._renamed = values, renamed

    def visit_Name(self, name: nodes.Name) -> nodes.Expr:
        if name.name in self._values and name.ctx == "load":
            return copied(self._values[name.name])
        name.name = self._renamed.get(name.name, name.name)
        return name
