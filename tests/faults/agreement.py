"""The table of docs/operating.md on what fails: viewer, ledger and Zype agree, as a test has just seen it."""

import sys
from dataclasses import dataclass, replace

from tests.docs.pages import read, rows
from tests.harness.page import Page

HEADING = "\n## When something fails\n"
NO_ROW = "no row"
PENDING = "an attempt without an outcome"


@dataclass(frozen=True)
class Agreement:
    """What three parties say of a link while something fails, and what comes of the same PIN afterwards.

    Args:
        fault: what fails.
        viewer: the status of the answer and the heading of the page.
        ledger: the outcome in the ledger.
        zype: what Zype did.
        again: the outcome in the ledger when the viewer sends the same PIN again, once all is well; None if a test
            does not try that, which leaves this to another one of the same row.
    """

    fault: str
    viewer: str
    ledger: str
    zype: str
    again: str | None

    def check(self) -> None:
        """Compare it with the documented row, and print it; what it says must not contradict itself."""
        sys.stdout.write(f"{self.row}\n")
        expected = documented()[self.fault]
        if self.again is None:
            expected = replace(expected, again=None)
        assert self == expected, f"docs/operating.md should have:\n{self.row}"
        if "is linked" in self.viewer:
            assert self.zype == "linked", "a page that says so without a link"
        if "We can't link" in self.viewer:
            assert self.zype != "linked", "a link, though the page says that nothing has changed"
        if self.zype == "linked":
            assert self.ledger != NO_ROW, "a link without a row"

    @property
    def row(self) -> str:
        """It as a row of the table."""
        return f"| {self.fault} | {self.viewer} | {self.ledger} | {self.zype} | {self.again or 'not tried'} |"


def documented() -> dict[str, Agreement]:
    """Return the documented rows by what fails."""
    section = read("docs/operating.md").partition(HEADING)[2].partition("\n## ")[0]
    found = [Agreement(*row) for row in rows(section, r"(?!What fails|---)(.+)")]
    assert len({row.fault for row in found}) == len(found), "something fails twice"
    return {row.fault: row for row in found}


def words_of(page: Page) -> str:
    """Return status and heading of a page as the table has them; of a refusal, the heading of its summary."""
    summary = page.select("[role=alert] h2")
    heading = page.text("[role=alert] h2") if summary else page.heading
    return words(page.status, heading)


def words(status: int, heading: str) -> str:
    """Return a status and the heading of a page as the table has them."""
    return f"{status}, “{heading.partition(':')[0]}”"
