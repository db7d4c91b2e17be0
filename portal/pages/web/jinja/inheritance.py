"""A page and what it extends, as one template: Jinja would hand each piece of a page from one template to the next."""

from collections.abc import Callable, Mapping
from itertools import chain

from jinja2 import nodes

from portal.pages.web.jinja.syntax_trees import Filling, Statements, all_nodes, copied, stored_names

# What a template that extends another one may have outside of its blocks. Jinja shows no text of it.
OUTSIDE = (nodes.Extends, nodes.Assign, nodes.AssignBlock, nodes.Block, nodes.Output)
# What depends on the template that it is in.
BOUND = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Macro, nodes.EvalContextModifier)
# What has names of its own, which a block in it would not know.
SCOPES = (nodes.For, nodes.With, nodes.CallBlock, nodes.FilterBlock, nodes.AssignBlock)


class NotMergeableError(Exception):
    """A page has to extend its base each time when it is shown."""


def with_base(template: nodes.Template, base: Callable[[str], nodes.Template]) -> nodes.Template:
    """Return a template with what it extends, whose blocks it fills. Others may fill them in turn.

    Args:
        template: which becomes a part of that.
        base: returns the template of a name with what it extends, of which a copy is used.

    Raises:
        NotMergeableError: it might not show the same.
    """
    if not any(isinstance(node, nodes.Extends) for node in template.body):
        return template
    match template.body:
        case [nodes.Extends(template=nodes.Const(value=str(name)), lineno=line), *own]:
            # An error names a line of the page.
            extended = copied(base(name), line)
        case _:
            raise NotMergeableError
    _Overriding({block.name: block for block in template.find_all(nodes.Block)}).visit(extended)
    kept = [node for node in own if isinstance(node, nodes.Assign | nodes.AssignBlock)]
    return nodes.Template([*kept, *extended.body], lineno=1)


def in_place(template: nodes.Template) -> list[nodes.Node]:
    """Return what a template shows, without blocks. Raises NotMergeableError for one that no page can be."""
    # What is set in a scope is no part of what Jinja would keep for other templates.
    return [nodes.Scope(_InPlace().visit(template).body)]


def check(template: nodes.Template) -> None:
    """Raise NotMergeableError for a template that may show something else within another one."""
    found = list(all_nodes(template))
    is_extending = any(isinstance(node, nodes.Extends) for node in found)
    within = chain.from_iterable(node.find_all(nodes.Block) for node in found if isinstance(node, SCOPES))
    if (
        (is_extending and not all(isinstance(node, OUTSIDE) for node in template.body))
        or any(isinstance(node, BOUND) for node in found)
        or any(isinstance(node, nodes.Name) and node.name == "self" for node in found)
        or any(isinstance(node, nodes.Block) and node.scoped for node in found)
        or any(within)
    ):
        raise NotMergeableError


def _has_super(block: nodes.Block) -> bool:
    return any(isinstance(node, nodes.Name) and node.name == "super" for node in all_nodes(block))


class _Overriding(Statements):
    """Puts the blocks of a template into its base."""

    def __init__(self, blocks: Mapping[str, nodes.Block]) -> None:
        self._blocks = blocks

    def visit_Block(self, block: nodes.Block) -> nodes.Block:
        self.generic_visit(block)
        own = self._blocks.get(block.name)
        if own is None:
            return block
        if _has_super(own):
            # In a block within this one it would stand for something else.
            if any(map(_has_super, own.find_all(nodes.Block))):
                raise NotMergeableError
            Filling("super", _scoped(block.body)).visit(own)
        if _has_super(own):
            raise NotMergeableError
        return own


class _InPlace(Statements):
    """Leaves of each block what is in it."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def visit_Block(self, block: nodes.Block) -> list[nodes.Node]:
        if block.required or block.name in self._seen:
            raise NotMergeableError
        self._seen.add(block.name)
        self.generic_visit(block)
        return _scoped(block.body)


def _scoped(body: list[nodes.Node]) -> list[nodes.Node]:
    return [nodes.Scope(body)] if stored_names(nodes.Scope(body)) else body
