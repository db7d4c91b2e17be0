"""The visual checks find what they look for, and accept a page that is sound."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.harness.cases import each
from tests.harness.visual_checks import AppearanceCheck

SOUND = """<!DOCTYPE html><html lang=en><meta name=viewport content="width=device-width"><title>Sound</title>
<style>
:root { color-scheme: light dark } button { height: 44px }
@media (prefers-color-scheme: dark) { body { background: #000; color: #fff } }
</style>
<main><h1>Sound</h1><button>Press</button></main></html>"""

Check = Callable[[str], None]


@pytest.fixture(scope="module")
def check(browser: Browser) -> Iterator[Check]:
    """Check a page with this source."""
    with browser.new_page() as page:
        check_appearance = AppearanceCheck(page)
        page.goto("about:blank")

        def check(source: str) -> None:
            page.emulate_media(color_scheme="light")
            page.set_content(source)
            check_appearance("the page")

        yield check


def test_a_sound_page_passes(check: Check) -> None:
    check(SOUND)


@each(
    "old, new, fault",
    [
        ("Press", "Press" * 60, "too wide"),
        ("height: 44px", "height: 40px", "40 px high"),
        ("<h1>", "<img src='data:,'><h1>", "alternat"),
        ("button {", "button { color: #eee; background: #fff;", "contrast"),
        ("color: #fff", "color: #222", "in dark"),
        ("height: 44px", "height: 44px; min-width: 340px", "too wide at 320"),
    ],
)
def test_a_fault_is_found(check: Check, old: str, new: str, fault: str) -> None:
    assert old in SOUND
    with pytest.raises(AssertionError, match=fault):
        check(SOUND.replace(old, new, 1))


def test_what_pages_share_is_checked_for_contrast_again_when_it_differs(check: Check) -> None:
    def page(style: str, token: str = "") -> str:
        form = f'<form><input type="hidden" value="{token}"></form>'
        shared = f"<header><style>header {{ {style} }}</style><p>Sound</p>{form}</header>"
        return SOUND.replace("<main>", f"{shared}<main>")

    check(page(""))
    check(page("", "other"))
    with pytest.raises(AssertionError, match=r"(?s)in light .*contrast"):
        check(page("color: #ddd; background: #fff"))
    with pytest.raises(AssertionError, match=r"(?s)in dark .*contrast"):
        check(page("color: #333; background: transparent"))
