"""What a page in Chromium must satisfy at the sizes and in the colours that people have."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Page

SMALL_PHONE, PHONE, LAPTOP = (320, 640), (360, 740), (1280, 800)
SMALLEST_TARGET = 44
# A checkbox is pressed by its label.
PRESSED = """
    main :is(button, select, textarea, a.button, label:has([type=checkbox]), input:not([type=hidden], [type=checkbox]))
"""
# Sent to Chromium once, and compiled only on the pages that are checked.
DEFINE_AXE = f"window.loadAxe = function () {{ {AXE_SCRIPT} }};"
RUN_AXE = "options => { window.axe ?? loadAxe(); return axe.run({resultTypes: ['violations'], ...options}); }"
MEASURE = """([selector, smallest]) => [
    document.documentElement.scrollWidth - document.documentElement.clientWidth,
    [...document.querySelectorAll(selector)]
        .map(it => [it.outerHTML.slice(0, 200), it.getBoundingClientRect()])
        .filter(([, box]) => box.height > 0 && box.height < smallest)
        .map(([html, box]) => `${html} is ${box.height} px high`),
    [...document.querySelectorAll(".sandbox-band p")]
        .filter(it => it.offsetHeight > 1.5 * parseFloat(getComputedStyle(it).lineHeight)).length
]"""


class AppearanceCheck:
    """Checks that pages fit, can be pressed, and can be read by eyes and by assistive technology.

    Args:
        page: the tab that shows them; it has opened none yet.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        page.add_init_script(DEFINE_AXE)

    def __call__(self, name: str) -> None:
        """Fail unless the page that is open now is sound; afterwards it has the size of a phone, and light colours.

        Args:
            name: what the page is called if it fails.
        """
        self._run_axe(name, {})
        self._page.emulate_media(color_scheme="dark")
        self._check_size(name, *LAPTOP)
        # In dark only the colours differ.
        self._run_axe(f"{name} in dark", {"runOnly": ["color-contrast"]})
        self._page.emulate_media(color_scheme="light")
        self._check_size(name, *SMALL_PHONE)
        self._check_size(name, *PHONE)

    def _run_axe(self, name: str, options: dict[str, Any]) -> None:
        found = AxeResults(self._page.evaluate(RUN_AXE, options))
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"

    def _check_size(self, name: str, width: int, height: int) -> None:
        self._page.set_viewport_size({"width": width, "height": height})
        overflow, low, wrapped = self._page.evaluate(MEASURE, [PRESSED, SMALLEST_TARGET])
        assert overflow <= 0, f"{name} is {overflow} px too wide at {width} px"
        assert not low, f"{name} at {width} px: {low}"
        assert not wrapped or width < LAPTOP[0], f"{name}: the band at the top has several lines at {width} px"
