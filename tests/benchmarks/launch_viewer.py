"""A viewer on the night of a launch: signs in, types the PIN, and tries again where a page says so."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from tests.benchmarks.http_connection import Answer, ConnectionEnded
from tests.benchmarks.reconciliation import LINKED, NO_ANSWER, NOT_FOUND, Sent
from tests.benchmarks.result_pages import shown
from tests.benchmarks.visitor import Visitor

WRONG_SHARE, REPEAT_SHARE = 0.3, 0.1
# In seconds: to type a PIN, to read a page that says to try again, and between two clicks.
TYPING, WAITING, CLICKS = (5.0, 15.0), (10.0, 20.0), (0.1, 0.5)
MOST_TRIES = 8
TURNED_AWAY = "no_sign_in"


@dataclass
class Night:
    """What was seen.

    Args:
        seconds_a_minute: 60, or fewer in a quick run.
        began: by ``time.perf_counter``.
        arrivals: the minute at which each viewer arrived.
        answers: of each POST of a PIN, and of each sign-in that did not work: the minute, the page, and the seconds.
        pages: the minute and the seconds of each page that was opened to sign in or to enter a PIN.
        sent: the PINs, to be compared with what arrived at Zype.
        ends: how many evenings ended how.
    """

    seconds_a_minute: float
    began: float = 0.0
    arrivals: list[float] = field(default_factory=list)
    answers: list[tuple[float, str, float]] = field(default_factory=list)
    pages: list[tuple[float, float]] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)

    def minute(self) -> float:
        """Return the time since the beginning."""
        return (time.perf_counter() - self.began) / self.seconds_a_minute


class LaunchViewer:
    """One viewer with a new TV.

    Args:
        browser: theirs.
        night: takes what they see.
        pins: the PINs of all.
        random: decides how they behave.
    """

    def __init__(self, browser: Visitor, night: Night, pins: Iterator[str], random: Random) -> None:
        self._browser = browser
        self._night = night
        self._random = random
        pin = next(pins)
        self._pins = [f"x{pin}", f"g{pin}"] if random.random() < WRONG_SHARE else [f"g{pin}"]

    async def evening(self) -> None:
        """Link the TV, or give up."""
        end = "gave up"
        try:
            if await self._sign_in() and await self._link():
                done = await self._browser.get("/activate/done")
                end = "linked" if shown(done) == LINKED else "linked, and the page after it did not say so"
        except asyncio.CancelledError:
            end = "was still trying"
        except (ConnectionEnded, TimeoutError, OSError):
            end = "got no answer"
        finally:
            self._night.ends[end] = self._night.ends.get(end, 0) + 1
            self._browser.leave()

    async def _sign_in(self) -> bool:
        await self._open_page()
        number = self._browser.number
        fields = {"email": f"u{number}@example.com", "password": f"pw-{number}"}
        for _ in range(MOST_TRIES):
            page, seconds = await self._timed(lambda: self._browser.post("/sign-in", fields))
            if page == "to /activate":
                return True
            self._night.answers.append((self._night.minute(), TURNED_AWAY, seconds))
            await self._pause(WAITING)
        return False

    async def _link(self) -> bool:
        await self._open_page()
        page = ""
        for pin in self._pins:
            await self._pause(TYPING)
            page = await self._send_until_clear(pin)
        return page == LINKED

    async def _open_page(self) -> None:
        _, seconds = await self._timed(lambda: self._browser.get("/activate"))
        self._night.pages.append((self._night.minute(), seconds))

    async def _send_until_clear(self, pin: str) -> str:
        """Send a PIN, and again as long as a page says that it may be tried again; return the last page."""
        for _ in range(MOST_TRIES):
            if self._random.random() < REPEAT_SHARE:
                page = await self._click_twice(pin)
            else:
                page = await self._click(self._browser, pin)
            if page in (LINKED, NOT_FOUND, "too_many"):
                return page
            await self._pause(WAITING)
        return page

    async def _click_twice(self, pin: str) -> str:
        """Send a PIN twice, the second time on another connection, and return what that one shows."""
        other = self._browser.twin()
        first = asyncio.create_task(self._click(self._browser, pin))
        await asyncio.sleep(self._random.uniform(*CLICKS))
        second = await self._click(other, pin)
        await first
        other.hang_up()
        return second

    async def _click(self, browser: Visitor, pin: str) -> str:
        page = NO_ANSWER
        try:
            page, seconds = await self._timed(lambda: browser.post("/activate", {"pin": pin}))
            self._night.answers.append((self._night.minute(), page, seconds))
        finally:
            self._night.sent.append(Sent(browser.consumer_id, pin, page))
        return page

    async def _timed(self, send: Callable[[], Awaitable[Answer]]) -> tuple[str, float]:
        """Return the page that comes, and after how many seconds."""
        began = time.perf_counter()
        try:
            page = shown(await send())
        except (ConnectionEnded, TimeoutError, OSError):
            page = NO_ANSWER
        return page, time.perf_counter() - began

    async def _pause(self, seconds: tuple[float, float]) -> None:
        await asyncio.sleep(self._random.uniform(*seconds) * self._night.seconds_a_minute / 60)
