"""Reads the documentation's pages for the tests."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))


def read(name: str) -> str:
    """Return the text of a file in the checkout."""
    return (ROOT / name).read_text(encoding="utf-8")


def rows(text: str, first: str = r"`([^`]+)`") -> Iterator[list[str]]:
    """Yield the cells of every table row whose first cell is one text in backticks."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and (match := re.fullmatch(first, cells[0])):
            yield [match[1], *cells[1:]]


def in_backticks(cell: str) -> str:
    """Return the text in backticks, or an empty text if the cell starts with anything else."""
    return cell.strip("`") if cell.startswith("`") else ""
