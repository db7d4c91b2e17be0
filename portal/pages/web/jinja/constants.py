"""What is the same for every request is worked out while a template is compiled, and becomes a part of its texts."""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from jinja2 import nodes
from jinja2.compiler import has_safe_repr
from jinja2.nodes import EvalContext
from jinja2.runtime import markup_join, str_join
from jinja2.visitor import NodeTransformer

from portal.pages.web.jinja.syntax_trees import Names, all_nodes, copied, stored_names

# What is shorter as it is, or no value.
UNFOLDED = (nodes.Const, nodes.TemplateData, nodes.Name)
_CONSTANT = nodes.Const(None)
Fold = Callable[[nodes.Node], Any]


class Folding(NodeTransformer):
    """Puts constants in the place of constant expressions.

    Jinja's own forgets that what ``~`` joins was markup, and tries what can't be constant.
    """

    def __init__(self, eval_ctx: EvalContext) -> None:
        self._eval_ctx = eval_ctx

    def __call__(self, tree: nodes.Node) -> Any:
        """Return a tree whose constant expressions are constants."""
        return self.visit(tree)

    def generic_visit(self, node: nodes.Node) -> nodes.Node:
        super().generic_visit(node)
        is_variable = isinstance(node, nodes.Call) or not isinstance(getattr(node, "node", _CONSTANT), nodes.Const)
        if not isinstance(node, nodes.Expr) or isinstance(node, UNFOLDED) or is_variable:
            return node
        try:
            return nodes.Const.from_untrusted(node.as_const(self._eval_ctx), lineno=node.lineno)
        except nodes.Impossible:
            return node

    def visit_Concat(self, joined: nodes.Concat) -> nodes.Expr:
        super().generic_visit(joined)
        values = [node.value for node in joined.nodes if isinstance(node, nodes.Const)]
        if len(values) < len(joined.nodes):
            return joined
        return nodes.Const(markup_join(values) if self._eval_ctx.autoescape else str_join(values), lineno=joined.lineno)


def put_in(page: nodes.Node, constants: Mapping[str, Any], folded: Fold) -> None:
    """Put the values of names into a page, and leave only what then holds."""
    Names({name: nodes.Const(value) for name, value in constants.items()}, {}).visit(page)
    folded(page)
    Constants(folded).visit(page)


def take_out(page: nodes.Template, constants: Mapping[str, Any]) -> None:
    """Name again what can't be written as Python's code, such as the brand as a whole, handed to a component."""
    _Named({id(value): name for name, value in constants.items()}).visit(page)


class _Named(NodeTransformer):
    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names

    def visit_Const(self, constant: nodes.Const) -> nodes.Expr:
        if has_safe_repr(constant.value):
            return constant
        return nodes.Name(self._names[id(constant.value)], "load", lineno=constant.lineno)


def own_constants(page: nodes.Template, base: Callable[[str], nodes.Template]) -> Mapping[str, Any]:
    """Return what a page sets once, and to a constant, for the template that it extends too.

    Args:
        base: returns that template.
    """
    match page.body:
        case [nodes.Extends(template=nodes.Const(value=str(name))), *statements]:
            found = dict(filter(None, map(_assigned_constant, statements)))
        case _:
            return {}
    names = [node.name for node in all_nodes(page) if isinstance(node, nodes.Name) and node.ctx != "load"]
    others = stored_names(base(name)) if found else ()
    return {name: value for name, value in found.items() if names.count(name) == 1 and name not in others}


def _assigned_constant(statement: nodes.Node) -> tuple[str, Any] | None:
    match statement:
        case nodes.Assign(target=nodes.Name(name=name), node=nodes.Const(value=value)):
            return name, value
    return None


class Constants(NodeTransformer):
    """Leaves of each condition that is constant only what holds, and writes out loops over what is constant."""

    def __init__(self, folded: Fold) -> None:
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

    def visit_With(self, block: nodes.With) -> nodes.Node | list[nodes.Node]:
        stored, known = stored_names(nodes.Scope(block.body)), dict[str, nodes.Expr]()
        pairs = list(zip(block.targets, map(self._folded, block.values), strict=True))
        block.targets, block.values = [], []
        for target, value in pairs:
            if isinstance(target, nodes.Name) and isinstance(value, nodes.Const) and target.name not in stored:
                known[target.name] = value
            else:
                block.targets.append(target)
                block.values.append(value)
        if known:
            body = nodes.Scope(block.body)
            Names(known, {}).visit(body)
            self._folded(body)
        self.generic_visit(block)
        return block if block.targets or stored else block.body

    def visit_For(self, loop: nodes.For) -> nodes.Node | list[nodes.Node]:
        turns = self._turns(loop)
        if turns is None:
            self.generic_visit(loop)
            return loop
        written = nodes.Scope(turns or loop.else_)
        self._folded(written)
        self.generic_visit(written)
        return written.body

    def _turns(self, loop: nodes.For) -> list[nodes.Node] | None:
        """Return what each turn of a loop does; none if that is not known, or a turn has names of its own."""
        iterable: nodes.Expr = self._folded(loop.iter)
        loop.iter = iterable
        names = {node.name for node in all_nodes(nodes.Scope(loop.body)) if isinstance(node, nodes.Name)}
        if loop.recursive or "loop" in names or stored_names(nodes.Scope(loop.body)):
            return None
        try:
            items = iterable.as_const()
            turns = [self._turn(loop, item) for item in items] if has_safe_repr(items) else None
        except nodes.Impossible:
            return None
        return None if turns is None else list(chain.from_iterable(turns))

    def _turn(self, loop: nodes.For, item: object) -> list[nodes.Node]:
        """Return what a loop does with an item. Raises nodes.Impossible if that is not known."""
        values = Names(_unpacked(loop.target, item), {})
        if loop.test is not None:
            test: nodes.Expr = self._folded(values.visit(copied(loop.test)))
            if not test.as_const():
                return []
        turn = copied(nodes.Scope(loop.body))
        values.visit(turn)
        return turn.body

    def visit_CondExpr(self, condition: nodes.CondExpr) -> nodes.Node:
        self.generic_visit(condition)
        test = condition.test = self._folded(condition.test)
        if isinstance(test, nodes.Const) and condition.expr2 is not None:
            return condition.expr1 if test.value else condition.expr2
        return condition


def _unpacked(target: nodes.Node, item: Any) -> Mapping[str, nodes.Expr]:
    """Return the values of the names that a loop sets. Raises nodes.Impossible if it sets something else."""
    match target:
        case nodes.Name(name=name):
            return {name: nodes.Const(item)}
        case nodes.Tuple(items=items) if isinstance(item, tuple | list) and len(items) == len(item):
            pairs = (_unpacked(name, value) for name, value in zip(items, item, strict=True))
            return {name: value for pair in pairs for name, value in pair.items()}
    raise nodes.Impossible
