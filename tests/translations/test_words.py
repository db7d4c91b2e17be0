"""One word for one thing, in every language."""

from tests.docs.pages import PAGES, ROOT
from tests.harness.catalogues import texts

SHOWN = (
    *PAGES,
    *(ROOT / "templates").rglob("*.*"),
    *(ROOT / "portal").rglob("*.py"),
    *(ROOT / "portal").rglob("*.html"),
)


def test_english_writes_email_without_a_hyphen() -> None:
    """Browsers break a line at the hyphen: "e-" stood at the end of one, "mail" at the start of the next."""
    assert [path for path in SHOWN if "email" in path.read_text(encoding="utf-8")]
    assert not [path.name for path in SHOWN if "e-mail" in path.read_text(encoding="utf-8").lower()]
    assert not [text for text in texts() if "e-mail" in f"{text.singular} {text.plural}".lower()]
