"""A picture that is written small shows what it was made of, and another one is told from it."""

from playwright.sync_api import Page

from tests.harness.windows import OpenWindow
from tests.screenshots.pictures import framed, is_stale, small

SHOWN = "<!DOCTYPE html><style>body { margin: 0; background: linear-gradient(teal, navy) }</style><p>PIN zizm529"


def drawn(page: Page, html: str) -> bytes:
    page.set_content(html)
    return page.screenshot()


def test_a_picture_is_stale_once_a_word_of_the_page_is_another(open_window: OpenWindow) -> None:
    page = open_window(320, 240)
    shot = drawn(page, SHOWN)
    kept = small(page, shot)

    assert len(kept) < len(shot)
    assert not is_stale(page, kept, drawn(page, SHOWN))
    assert is_stale(page, kept, drawn(page, SHOWN.replace("zizm", "word")))
    assert is_stale(page, kept, framed(page, [shot])), "another size"
