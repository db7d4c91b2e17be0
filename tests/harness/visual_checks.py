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
CONTRAST = "color-contrast"
EVERYTHING_ELSE = {"rules": {CONTRAST: {"enabled": False}}}
# Contrast takes most of the time of axe, and is looked at only in the parts of a page that its caller does not know.
LOOK = """async ([selector, smallest, options, contrast, known]) => {
    const parts = [...document.body.children]
        .map(it => [it, document.body.className + it.outerHTML.replace(/ value="[^"]*"/g, "")]);
    const judged = parts.filter(([, html]) => known.includes(html)).map(([it]) => it);
    if (contrast && !window.axe) loadAxe();
    const found = [options && await axe.run({resultTypes: ['violations'], ...options})];
    if (contrast && judged.length < parts.length)
        found.push(await axe.run({exclude: judged}, {resultTypes: ['violations'], runOnly: [contrast]}));
    return [
        found.filter(it => it),
        parts.filter(([it]) => !it.matches("main")).map(([, html]) => html),
        document.documentElement.scrollWidth - document.documentElement.clientWidth,
        [...document.querySelectorAll(selector)]
            .map(it => [it.outerHTML.slice(0, 200), it.getBoundingClientRect()])
            .filter(([, box]) => box.height > 0 && box.height < smallest)
            .map(([html, box]) => `${html} is ${box.height} px high`),
        [...document.querySelectorAll(".sandbox-band p")]
            .filter(it => it.offsetHeight > 1.5 * parseFloat(getComputedStyle(it).lineHeight)).length
    ];
}"""


class AppearanceCheck:
    """Checks that pages fit, can be pressed, and can be read by eyes and by assistive technology.

    What pages share, such as the header, is checked for contrast only on the first that has it.

    Args:
        page: the tab that shows them; it has opened none yet.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._legible: dict[str, list[str]] = {"light": [], "dark": []}
        page.add_init_script(DEFINE_AXE)

    def __call__(self, name: str) -> None:
        """Fail unless the page that is open now is sound; afterwards it has the size of a phone, and light colours.

        Args:
            name: what the page is called if it fails.
        """
        self._look(name, PHONE, "light", EVERYTHING_ELSE)
        self._page.emulate_media(color_scheme="dark")
        # In dark only the colours differ.
        self._look(name, LAPTOP, "dark", None)
        self._page.emulate_media(color_scheme="light")
        self._look(name, SMALL_PHONE, None, None)
        self._page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})

    def _look(self, name: str, size: tuple[int, int], scheme: str | None, options: dict[str, Any] | None) -> None:
        """Look at the page once: its size always, contrast if there is a scheme, everything else with options."""
        width, height = size
        self._page.set_viewport_size({"width": width, "height": height})
        known = self._legible[scheme] if scheme else []
        contrast = CONTRAST if scheme else None
        looked = self._page.evaluate(LOOK, [PRESSED, SMALLEST_TARGET, options, contrast, known])
        found, parts, overflow, low, wrapped = looked
        for results in map(AxeResults, found):
            assert results.violations_count == 0, f"{name} in {scheme} at {width} px: {results.generate_report()}"
        assert overflow <= 0, f"{name} is {overflow} px too wide at {width} px"
        assert not low, f"{name} at {width} px: {low}"
        assert not wrapped or width < LAPTOP[0], f"{name}: the band at the top has several lines at {width} px"
        known += [part for part in parts if part not in known]
