"""The docs describe the tree as it is: quoted paths exist, and the drawing of the layers matches the contracts."""

import re
import tomllib
from pathlib import Path

from tests.docs.pages import PAGES, ROOT, read
from tests.harness.cases import each

QUOTED_PATH = re.compile(r"(?<![\w./-])(?:portal|tests|templates|static|requirements|docs|\.ci)/[\w./*<>-]*")
# The column at which the second drawing begins, to the right of the first.
SECOND_DRAWING = 56


def missing_paths(text: str) -> list[str]:
    """Return the quoted paths that are not in the checkout; ``*`` and ``<name>`` match anything."""
    quoted = [path.rstrip(".") for path in QUOTED_PATH.findall(text)]
    return [path for path in quoted if not any(ROOT.glob(re.sub(r"<\w+>", "*", path)))]


def test_a_path_that_does_not_exist_is_found() -> None:
    text = "see `portal/app.py`, tests/nowhere.py, `static/js/*.js` and portal/translations/<code>/nothing.po."
    assert missing_paths(text) == ["tests/nowhere.py", "portal/translations/<code>/nothing.po"]


def test_urls_and_paths_of_other_folders_are_not_checked() -> None:
    assert missing_paths("https://example.com/portal/x and /opt/portal/x and brand/templates/x") == []


@each("page", PAGES)
def test_every_path_on_a_page_exists(page: Path) -> None:
    assert missing_paths(page.read_text(encoding="utf-8")) == []


def drawn_layers(lines: list[str]) -> list[set[str]]:
    """Return the names in each box of a drawing, from top to bottom."""
    boxes = re.split(r"\+-+\+", "\n".join(lines))
    return [names for box in boxes if (names := set(re.findall(r"^\s*\| (\w+)", box, re.MULTILINE)))]


def contract_layers(contract_id: str) -> list[set[str]]:
    """Return the layers of one of import-linter's contracts, from top to bottom."""
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == contract_id)
    return [set(re.split(r" [:|] ", layer)) for layer in layers]


def test_a_drawing_is_read_box_by_box() -> None:
    drawing = ["+----+", "| a  text | ", "| b  text", "|    more text", "+----+", "| c  |", "+----+"]
    assert drawn_layers(drawing) == [{"a", "b"}, {"c"}]


def test_the_drawing_shows_the_layers_of_the_contracts() -> None:
    drawing = read("docs/contributing.md").partition("\n    portal/ ")[2].partition("\n\nimport-linter")[0].splitlines()
    pages_and_sandbox = drawn_layers([line[SECOND_DRAWING:] for line in drawing])
    assert drawn_layers([line[:SECOND_DRAWING] for line in drawing]) == contract_layers("layers")
    assert pages_and_sandbox == [*contract_layers("pages"), {"sandbox"}]
