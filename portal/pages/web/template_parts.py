"""What a template has that others rely on: blocks, macros, forms, fields and what it asks of other templates."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import Environment, nodes
from jinja2.meta import find_referenced_templates

# In the text of a template, whose tags may be cut by what Jinja puts in: each pattern keeps to one attribute.
ACTION = re.compile(r'\b(?:form)?action="(/[^"?]*)')
NAME = re.compile(r'(?<!<meta )\bname="([\w-]+)"')
# What stands for the name of a field that a component is handed as ``input``.
FIELD = "{{ input.name }}"
POST_FORM = re.compile(r'<form\b[^>]*\bmethod="post"', re.IGNORECASE)


@dataclass(frozen=True)
class Parts:
    """What a template has.

    Args:
        blocks: their names.
        macros: the names of the arguments of each.
        actions: paths, or the beginnings of paths, that its forms are sent to.
        fields: names of what its forms send.
        forms: how many forms it writes itself, without the component.
        csrf_tokens: how many tokens against forged forms it writes itself.
        components: of ``ui``.
        filters: their names.
        templates: those that it names.
    """

    blocks: frozenset[str]
    macros: Mapping[str, frozenset[str]]
    actions: frozenset[str]
    fields: frozenset[str]
    forms: int
    csrf_tokens: int
    components: frozenset[str]
    filters: frozenset[str]
    templates: frozenset[str]


def parts(templates: Environment, source: str) -> Parts:
    """Return what a template has. Raises jinja2.TemplateSyntaxError."""
    tree = templates.parse(source)
    found = [*_nodes(tree)]
    calls = [node for node in found if isinstance(node, nodes.Call)]
    attributes = [node for node in found if isinstance(node, nodes.Getattr)]
    text = "".join(node.data for node in found if isinstance(node, nodes.TemplateData))
    return Parts(
        blocks=frozenset(node.name for node in found if isinstance(node, nodes.Block)),
        macros={node.name: frozenset(arg.name for arg in node.args) for node in found if isinstance(node, nodes.Macro)},
        actions=frozenset([*ACTION.findall(text), *_actions(calls)]),
        fields=frozenset([*NAME.findall(text), *_handed(calls), *_written(attributes)]),
        forms=len(POST_FORM.findall(text)),
        csrf_tokens=sum(_name(call.node) == "csrf_token" for call in calls),
        components=frozenset(node.attr for node in attributes if _name(node.node) == "ui"),
        filters=frozenset(node.name for node in found if isinstance(node, nodes.Filter)),
        templates=frozenset(name for name in find_referenced_templates(tree) if name),
    )


def _nodes(tree: nodes.Node) -> Iterator[nodes.Node]:
    """Yield every node once: each search of Jinja's own for a type walks the whole tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.iter_child_nodes())


def _actions(calls: Iterable[nodes.Call]) -> Iterator[str]:
    """Yield the paths that the component is given. Of one that is put together, the beginning counts."""
    for call in calls:
        if _name(call.node) == "form" and call.args:
            first = next((node for node in _leaves(call.args[0]) if isinstance(node, nodes.Const)), None)
            if first and isinstance(first.value, str) and first.value.startswith("/"):
                yield first.value


def _leaves(node: nodes.Node) -> Iterator[nodes.Node]:
    """Yield the parts of an expression in their order."""
    yield node
    for child in node.iter_child_nodes():
        yield from _leaves(child)


def _handed(calls: Iterable[nodes.Call]) -> Iterator[str]:
    """Yield the fields that a component is handed, as a field or by name: it writes their names."""
    for call in calls:
        yield from (arg.attr for arg in call.args if isinstance(arg, nodes.Getattr) and _name(arg.node) == "form")
        named = (keyword.value for keyword in call.kwargs if keyword.key == "name")
        yield from (str(value.value) for value in named if isinstance(value, nodes.Const))


def _written(attributes: Iterable[nodes.Getattr]) -> Iterator[str]:
    """Yield the fields whose names a template writes itself: ``form.pin.name``, or ``input.name`` of a component."""
    for found in attributes:
        if found.attr == "name" and _name(found.node) == "input":
            yield FIELD
        elif found.attr == "name" and isinstance(found.node, nodes.Getattr) and _name(found.node.node) == "form":
            yield found.node.attr


def _name(node: nodes.Node) -> str:
    """Return the last part of a name: ``form`` of ``form`` and of ``ui.form``; nothing for what has none."""
    return node.attr if isinstance(node, nodes.Getattr) else node.name if isinstance(node, nodes.Name) else ""
