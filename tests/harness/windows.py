"""Windows of Chromium that tests use one after the other: to open one takes longer than to show a page in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

from tests.harness.chromium import Watch

TIMEOUT_MILLISECONDS = 10_000
OpenWindow = Callable[..., Page]


class Window:
    """A window with its own cookies.

    Args:
        has_clock: whether tests can move its clock.
        options: of Playwright's context, such as ``java_script_enabled``.
    """

    def __init__(self, browser: Browser, *, has_clock: bool = False, **options: Any) -> None:
        self.context = browser.new_context(**{"locale": "en", **options})
        self.context.set_default_timeout(TIMEOUT_MILLISECONDS)
        self.watch = Watch(self.context)
        self.page = self.context.new_page()
        if has_clock:
            self.page.clock.install()

    def empty(self) -> None:
        """Make it as it was when it was opened, but for what the browser keeps of static files."""
        for page in self.context.pages:
            if page is not self.page:
                page.close()
        # What a tab stores belongs to the origin that it shows.
        self.page.evaluate("() => { try { sessionStorage.clear(); localStorage.clear(); } catch (error) {} }")
        self.page.goto("about:blank")
        self.page.emulate_media(color_scheme="light", forced_colors="none")
        self.page.unroute_all()
        self.context.clear_cookies()


class Windows:
    """The windows that are open in a browser.

    Args:
        browser: that opens them.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: dict[str, list[Window]] = {}

    @contextmanager
    def opening(self) -> Iterator[OpenWindow]:
        """Yield a function that opens a window: ``open_window(360, 740, has_touch=True)``.

        At the end of the block it fails on any error in its windows, and on any request to another host. After that
        others use them, unless they were opened with ``is_shared=False``: what is added to a window for good, such as a
        script, would stay in it.
        """
        used: list[tuple[Window, str | None]] = []

        def open_window(width: int, height: int, *, is_shared: bool = True, **options: Any) -> Page:
            key = repr(sorted(options.items()))
            free = self._free.setdefault(key, []) if is_shared else []
            window = free.pop() if free else Window(self._browser, **options)
            used.append((window, key if is_shared else None))
            window.page.set_viewport_size({"width": width, "height": height})
            return window.page

        try:
            yield open_window
        except BaseException:
            for window, _ in used:
                window.context.close()
            raise
        faults = [fault for window, key in used for fault in self._give_back(window, key)]
        assert not faults, "\n".join(faults)

    def _give_back(self, window: Window, key: str | None) -> list[str]:
        if key is None:
            window.context.close()
        else:
            window.empty()
            self._free[key].append(window)
        return window.watch.take_faults()
