"""What visitors do, once or over and over, and which page each of them has to see then."""

import random
from collections.abc import Awaitable, Callable, Iterator
from itertools import count

from tests.benchmarks.reconciliation import NO_ANSWER, Sent
from tests.benchmarks.result_pages import shown
from tests.benchmarks.visitor import Visitor

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
REASON = {"reason": "no_hands", "details": "The caller reads the PIN to me.", "ticket": "", "identity_checked": "y"}
# Of ten PINs that are sent in the case "link" one is mistyped.
WRONG_SHARE = 0.1


class WrongPage(Exception):
    """A visitor saw another page than the one that had to come."""


def numbered_pins(first: int) -> Iterator[str]:
    """Yield different PINs, without the letter in front that says whether they exist."""
    for number in count(first):
        text = ""
        for _ in range(7):
            number, digit = divmod(number, len(DIGITS))
            text = DIGITS[digit] + text
        yield text


class Steps:
    """What the visitors of one run do.

    Args:
        is_floor: they visit the floor, which has no password.
        pins: the PINs of this run.
    """

    def __init__(self, *, is_floor: bool, pins: Iterator[str]) -> None:
        self.sent: list[Sent] = []
        self._is_floor = is_floor
        self._pins = pins
        self._random = random.Random(7)

    async def sign_in(self, visitor: Visitor) -> str:
        """Sign in with a new browser, up to the redirect that says that it was right."""
        visitor.leave()
        if self._is_floor:
            return shown(await visitor.get(f"/sign-in/{visitor.consumer_id}"))
        await visitor.get("/sign-in")
        number = visitor.number
        form = {"email": f"u{number}@example.com", "password": f"pw-{number}"}
        return shown(await visitor.post("/sign-in", form))

    async def entry(self, visitor: Visitor) -> str:
        """Open the page for the PIN."""
        return shown(await visitor.get("/activate"))

    async def link(self, visitor: Visitor) -> str:
        """Send a PIN, which is sometimes wrong; return whether the page is the one for it."""
        if self._random.random() < WRONG_SHARE:
            return await self.not_found(visitor)
        return await self._send_pin(visitor, "g", "linked")

    async def not_found(self, visitor: Visitor) -> str:
        """Send a PIN that does not exist."""
        return await self._send_pin(visitor, "x", "not_found")

    async def tvs(self, visitor: Visitor) -> str:
        """Open the page of the linked TVs."""
        return shown(await visitor.get("/devices"))

    async def find_viewer(self, agent: Visitor) -> str:
        """Look the viewer up whom this agent helps, and open the form to link a TV for them."""
        await agent.get("/support")
        await agent.post("/support", {"who": agent.consumer_id})
        return shown(await agent.get(f"/support/viewers/{agent.consumer_id}/link"))

    async def agent_link(self, agent: Visitor) -> str:
        """Enter a PIN for the viewer, and confirm it after reading it back."""
        path, pin, form = f"/support/viewers/{agent.consumer_id}/link", "g" + next(self._pins), agent.page
        page = shown(await agent.post(path, {"pin": pin, **REASON}))
        if page != "read_back":
            return page
        page = shown(await agent.post(f"{path}/confirm", {"answer": "link"}))
        self.sent.append(Sent(agent.consumer_id, pin, page))
        agent.page = form
        return page

    async def _send_pin(self, visitor: Visitor, prefix: str, wanted: str) -> str:
        pin, page = prefix + next(self._pins), NO_ANSWER
        try:
            page = shown(await visitor.post("/activate", {"pin": pin}))
        finally:
            self.sent.append(Sent(visitor.consumer_id, pin, page))
        return "as_due" if page == wanted else page

    async def two_tvs(self, visitor: Visitor) -> str:
        """Link two TVs, which the page of the TVs then shows."""
        await self.entry(visitor)
        await self._send_pin(visitor, "g", "linked")
        return await self._send_pin(visitor, "g", "linked")


Step = Callable[[Visitor], Awaitable[str]]
# A case: what visitors do once signed in, what they then do over and over, and the page that each has to see.
CASES: dict[str, tuple[str | None, str, str]] = {
    "entry": (None, "entry", "entry"),
    "link": ("entry", "link", "as_due"),
    "not_found": ("entry", "not_found", "as_due"),
    "sign_in": (None, "sign_in", "to /activate"),
    "tvs": ("two_tvs", "tvs", "tvs"),
    "agent_link": ("find_viewer", "agent_link", "linked"),
}
