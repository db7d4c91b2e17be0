"""Draws the icons that need pixels, of the portal and of the sandbox, from their icon.svg.

Run it by hand after a change of an icon.svg, from the folder of the checkout, and commit what it writes:
.venv/bin/python .ci/draw_icons.py
"""

import sys
from pathlib import Path

from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from portal.pages.web.icons import ico  # noqa: E402
from tests.harness.chromium import chromium  # noqa: E402

FAVICON_SIZES = (16, 32, 48)
TOUCH_SIZE = 180
# Phones cut the corners and paint what is transparent black: the icon has a white ground and an edge.
TOUCH_SHARE = 0.72


def draw(browser: Browser, drawing: str, size: int, share: float = 1.0, ground: str = "transparent") -> bytes:
    """Return a PNG of a drawing that takes a share of a square with a ground; the size is in pixels."""
    with browser.new_page(viewport={"width": size, "height": size}) as page:
        page.set_content(
            f"<style>html{{background:{ground}}}body{{margin:0;display:grid;place-items:center;height:{size}px}}"
            f"svg{{width:{size * share}px;height:{size * share}px}}</style>{drawing}"
        )
        return page.screenshot(omit_background=True)


def main() -> None:
    """Write favicon.ico and apple-touch-icon.png next to each icon.svg."""
    with chromium() as browser:
        for folder in (ROOT / "static/img", ROOT / "portal/sandbox/static"):
            drawing = (folder / "icon.svg").read_text("utf-8")
            pictures = [draw(browser, drawing, size) for size in FAVICON_SIZES]
            (folder / "favicon.ico").write_bytes(ico(*pictures))
            touch = draw(browser, drawing, TOUCH_SIZE, TOUCH_SHARE, "#fff")
            (folder / "apple-touch-icon.png").write_bytes(touch)


if __name__ == "__main__":
    main()
