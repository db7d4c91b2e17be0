"""What a page in Chromium must satisfy at the sizes and in the colours that people have."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SMALL_PHONE, PHONE, LAPTOP = (320, 640), (360, 740), (1280, 800)
SMALLEST_TARGET = 44
# A checkbox is pressed by its label.
PRESSED = """
    main :is(button, select, textarea, a.button, label:has([type=checkbox]), input:not([type=hidden], [type=checkbox]))
"""
LOW_TARGETS = """([selector, smallest]) => [...document.querySelectorAll(selector)]
    .map(it => [it.outerHTML.slice(0, 200), it.getBoundingClientRect()])
    .filter(([, box]) => box.height > 0 && box.height < smallest)
    .map(([html, box]) => `${html} is ${box.height} px high`)"""
# In dark only the colours differ.
DARK_CONTRAST = "axe.run({runOnly: ['color-contrast'], resultTypes: ['violations']}).then(found => found.violations)"


def check_appearance(page: Page, name: str) -> None:
    """Fail unless a page fits, can be pressed, and can be read by eyes and by assistive technology.

    Args:
        page: the open page; afterwards it has the size of a phone, and light colours.
        name: what the page is called if it fails.
    """
    found = Axe().run(page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    page.emulate_media(color_scheme="dark")
    _check_size(page, name, *LAPTOP)
    unreadable = page.evaluate(DARK_CONTRAST)
    assert not unreadable, f"{name} in dark: {unreadable}"
    page.emulate_media(color_scheme="light")
    _check_size(page, name, *SMALL_PHONE)
    _check_size(page, name, *PHONE)


def _check_size(page: Page, name: str, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{name} is {overflow} px too wide at {width} px"
    low = page.evaluate(LOW_TARGETS, [PRESSED, SMALLEST_TARGET])
    assert not low, f"{name} at {width} px: {low}"
