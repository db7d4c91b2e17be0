"""The pages of the docs, read as tests need them."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))


def read(name: str) -> str:
    """Return the text of a file of the checkout."""
    return (ROOT / name).read_text(encoding="utf-8")


def rows(text: str, first: str = r"`([^`]+)`") -> Iterator[list[str]]:
    """Yield the cells of each row of each table whose first cell is something in backticks."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and (match := re.fullmatch(first, cells[0])):
            yield [match[1], *cells[1:]]


def in_backticks(cell: str) -> str:
    """Return what stands in backticks, if nothing else stands there."""
    return cell.strip("`") if cell.startswith("`") else ""
