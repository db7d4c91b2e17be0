"""The states of each component: one file a component in templates/styleguide/states, in which comments begin states."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, Template
from markupsafe import Markup

from portal.settings.package_data import data_dir

FOLDER = data_dir("templates") / "styleguide/states"
_NAME = re.compile(r"^\{# (.+) #\}\n", re.MULTILINE)
_ID = re.compile(r'\sid="([^"]+)"')
_REFERENCE = re.compile(r'(\s(?:id|for|form|aria-(?:describedby|labelledby|controls))="|\shref="#)([^"]*)"')
_LANDMARK = re.compile(r"<(?:nav|aside)\b(.*?)</(?:nav|aside)>", re.DOTALL)
_AUTOFOCUS = re.compile(r"\s+(?:data-)?autofocus(?=[\s>])")


@dataclass(frozen=True)
class State:
    """A state of a component.

    Args:
        name: what is special about it.
        source: the call of the macro, as templates have it.
    """

    name: str
    source: str


def states() -> Mapping[str, list[State]]:
    """Return the states of every component, by its name."""
    return {path.stem: _states(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.html"))}


def _states(text: str) -> list[State]:
    parts = _NAME.split(text)[1:]
    return [State(name, source.strip()) for name, source in zip(parts[::2], parts[1::2], strict=True)]


def shown(templates: Environment, context: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[State, Markup]]]]:
    """Yield each component with its states, and each state as a browser shows it.

    Args:
        templates: with the components.
        context: what the states may name.
    """
    number = 0
    for component, compiled in _compiled(templates).items():
        found = []
        for state, template in compiled:
            number += 1
            found.append((state, beside_others(template.render(context), number)))
        yield component, found


@cache
def _compiled(templates: Environment) -> Mapping[str, list[tuple[State, Template]]]:
    return {name: [(one, templates.from_string(one.source)) for one in found] for name, found in states().items()}


def beside_others(html: str, number: int) -> Markup:
    """Return a state that can stand beside others: ids of its own, no landmark, and the focus left to the page."""
    ids = set(_ID.findall(html))

    def numbered(match: re.Match[str]) -> str:
        words = [f"{word}-{number}" if word in ids else word for word in match[2].split()]
        return f'{match[1]}{" ".join(words)}"'

    html = _LANDMARK.sub(r'<div role="group"\1</div>', _REFERENCE.sub(numbered, html))
    # It was written by a template, which has escaped what is no markup.
    return Markup(_AUTOFOCUS.sub("", html))  # noqa: S704
