"""``make screenshots``: every picture of the README and of the docs, drawn from a portal with the people of the demo.

The portal is in live mode, as viewers see it. Its clock stands still and its random numbers are the same each time, so
the pictures are the same until a page changes. With ``--check`` nothing is written: the exit status is 1 if a picture
that is kept shows something else. Fonts are those of the Debian packages in ``.ci/run``.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import click
import structlog
from playwright.sync_api import Browser, Page

from portal.sandbox import seed
from tests.harness.chromium import chromium
from tests.screenshots.pictures import framed, is_stale, small
from tests.screenshots.scene import NOW, Scene, scene

FOLDER = Path(__file__).parent.parent.parent / "docs/img"
PHONE, DESKTOP, TV = (360, 740), (1280, 800), (800, 450)
MOST_BYTES = 60_000
Theme = Literal["light", "dark"]


class Studio:
    """Windows of both sizes, in which Alice and a supervisor are signed in, and one in which nobody is."""

    def __init__(self, browser: Browser, scene: Scene, url: str) -> None:
        self._browser = browser
        self._url = url
        self.stranger, self.phone = self._window(PHONE, is_mobile=True), self._window(PHONE, is_mobile=True)
        self.desktop, self.tv = self._window(DESKTOP), self._window(TV)
        for page in (self.phone, self.desktop):
            page.context.add_cookies(scene.cookies())

    def _window(self, size: tuple[int, int], is_mobile: bool = False) -> Page:
        width, height = size
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            is_mobile=is_mobile,
            has_touch=is_mobile,
            reduced_motion="reduce",
            locale="en",
            timezone_id="UTC",
        )
        context.clock.set_fixed_time(NOW)
        return context.new_page()

    def open(self, page: Page, path: str, theme: Theme = "light", language: str = "en") -> Page:
        """Show a page of the portal in a window."""
        page.context.add_cookies([{"name": "activate-language", "value": language, "url": self._url}])
        page.emulate_media(color_scheme=theme)
        # Otherwise a new fragment alone would load nothing.
        page.goto("about:blank")
        page.goto(f"{self._url}{path}")
        return page

    def enter(self, page: Page, pin: str, theme: Theme = "light", language: str = "en") -> Page:
        """Show the entry page with a PIN that was typed."""
        self.open(page, "/activate", theme, language).fill("#pin", pin)
        return page

    def journey(self, pin: str, theme: Theme, language: str) -> Iterator[bytes]:
        """Link a TV whose code somebody scanned who is signed in; yields each page on the way."""
        page = self.open(self.phone, f"/activate#pin={pin}", theme, language)
        page.press("#pin", "Enter")
        yes = page.locator('form[action="/activate/confirm"] button')
        yes.wait_for()
        page.wait_for_load_state()
        yield page.screenshot()
        # A mouse would stay over the next page, which may notice it or not.
        yes.press("Enter")
        page.wait_for_url("**/activate/done*")
        yield page.screenshot()
        yield self.open(page, "/devices", theme, language).screenshot()


def pictures(browser: Browser, scene: Scene) -> Iterator[tuple[str, bytes]]:
    """Yield each picture with its name."""
    studio = Studio(browser, scene, scene.url)
    draw = studio.stranger.context.new_page()
    studio.tv.goto(f"{scene.sandbox.url}/tv?embedded")
    pin = studio.tv.inner_text("#pin:visible")
    studio.tv.locator("#qr svg").wait_for()
    tv = studio.tv.screenshot()
    # Once it is linked it would sign in, at some moment, and the PINs of others be other ones.
    studio.tv.close()
    yield "tv-and-phone", framed(draw, [tv, studio.enter(studio.phone, pin).screenshot()], "tv")
    sign_in = studio.open(studio.stranger, "/activate").screenshot()
    yield "journey", framed(draw, [sign_in, *studio.journey(pin, "light", "en")])
    yield "journey-arabic-dark", framed(draw, [*studio.journey(scene.sandbox.tv().pin, "dark", "ar")])
    yield "entry-desktop", studio.enter(studio.desktop, scene.sandbox.tv().pin, "dark").screenshot()
    scene.clock.shift(timedelta(minutes=12))
    viewer = f"/support/viewers/{seed.ALICE.id}"
    yield "console-viewer", studio.open(studio.desktop, viewer).screenshot()
    yield "console-history", studio.open(studio.desktop, "/support/history", "dark").screenshot()
    yield "brand-example", framed(draw, [*in_another_brand(Studio(browser, scene, scene.branded_url), scene)])


def in_another_brand(studio: Studio, scene: Scene) -> Iterator[bytes]:
    """Yield a page without an account, one with it, and one on a dark phone."""
    pin = scene.sandbox.tv().pin
    yield studio.open(studio.stranger, "/activate").screenshot()
    yield studio.enter(studio.phone, pin).screenshot()
    _, done, _ = studio.journey(pin, "dark", "en")
    yield done


def main(arguments: list[str]) -> int:
    """Draw every picture, and write it or compare it with the one that is kept; return the exit status."""
    # The requests of the portal are nobody's business here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    faults = []
    with ExitStack() as stack:
        played = stack.enter_context(scene(Path(stack.enter_context(TemporaryDirectory()))))
        browser = stack.enter_context(chromium())
        compare = browser.new_page()
        for name, shot in pictures(browser, played):
            file = FOLDER / f"{name}.png"
            if "--check" not in arguments:
                file.write_bytes(small(compare, shot))
            if not file.is_file() or is_stale(compare, file.read_bytes(), shot):
                faults.append(f"{file.name} is stale: run make screenshots, and look at it")
            elif file.stat().st_size > MOST_BYTES:
                faults.append(f"{file.name} has {file.stat().st_size:,} bytes, more than {MOST_BYTES:,}")
    click.echo("\n".join(faults) or "every picture shows what is there")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
