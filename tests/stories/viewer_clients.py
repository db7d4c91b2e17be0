"""Viewers for load: each keeps cookies and one connection, and renders nothing.

For tests in which many act at the same time. Checking each page as the page client does would take longer than
what the test measures.
"""

import html
import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Self, TypeVar
from urllib.parse import urlencode, urlsplit

from portal.domain.outcomes import Outcome

Item = TypeVar("Item")
Result = TypeVar("Result")

SECONDS = 30
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
# The heading of each outcome. To a viewer, misconfigured looks like unavailable on purpose.
HEADINGS = {
    "PIN not found": Outcome.NOT_FOUND,
    "This PIN can't be linked": Outcome.REFUSED,
    "Enter the PIN exactly as your TV shows it": Outcome.MALFORMED,
    "Please wait before you try again": Outcome.TOO_MANY,
    "We can't link your TV right now": Outcome.UNAVAILABLE,
    "We did not hear back": Outcome.UNKNOWN,
}


@dataclass(frozen=True)
class Response:
    """The answer that a viewer got.

    Args:
        status: of HTTP.
        location: where a redirect leads.
        retry_after: the header, in seconds.
        text: the page.
        seconds: from the request to the last byte.
    """

    status: int
    location: str | None
    retry_after: int | None
    text: str
    seconds: float

    @property
    def outcome(self) -> Outcome | None:
        """The outcome that the page shows; none for a page about something else."""
        if self.status == 303 and self.location == "/activate/done":
            return Outcome.LINKED
        found = [outcome for words, outcome in HEADINGS.items() if f"<h2>{words}" in html.unescape(self.text)]
        return found[0] if len(found) == 1 else None


class ViewerClient:
    """A numbered viewer of the sandbox.

    Args:
        origin: of the portal.
        number: n of un@example.com.
        address: that a proxy in front names; none without one.
    """

    def __init__(self, origin: str, number: int, address: str | None = None) -> None:
        self.number = number
        self._origin = origin
        self._address = address
        self._cookies: dict[str, str] = {}
        self._token = ""
        self._connection = http.client.HTTPConnection(urlsplit(origin).netloc, timeout=SECONDS)

    @property
    def consumer_id(self) -> str:
        """The consumer_id that the sandbox's seed gives this viewer."""
        return f"{self.number:024x}"

    @property
    def cookie(self) -> str:
        """The Cookie header of the browser."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    @property
    def token(self) -> str:
        """The CSRF token of the page that was opened last."""
        return self._token

    @property
    def local_port(self) -> int:
        """The local port of the browser's connection."""
        port: int = self._connection.sock.getsockname()[1]
        return port

    def sign_in(self) -> Self:
        """Sign in, and open the page with the PIN field."""
        self.open("/sign-in")
        shown = self.send_password(f"u{self.number}@example.com", f"pw-{self.number}")
        assert shown.status == 303, shown
        self.open()
        return self

    def send_password(self, email: str, password: str) -> Response:
        """Press the button of the sign-in page, which was opened before."""
        return self._send("POST", "/sign-in", {"email": email, "password": password})

    def another_tab(self) -> "ViewerClient":
        """Return another connection with the cookies of this one, and its CSRF token, which is the session's."""
        tab = ViewerClient(self._origin, self.number, self._address)
        tab._cookies, tab._token = dict(self._cookies), self._token
        return tab

    def open(self, path: str = "/activate") -> Response:
        """Open a page."""
        shown = self._send("GET", path)
        found = TOKEN.search(shown.text)
        self._token = found[1] if found else self._token
        return shown

    def enter_pin(self, pin: str) -> Response:
        """Type a PIN and press the button."""
        return self._send("POST", "/activate", {"pin": pin, "from": ""})

    def close(self) -> None:
        """Close the browser."""
        self._connection.close()

    def _send(self, method: str, path: str, fields: dict[str, str] | None = None) -> Response:
        headers = {"Cookie": self.cookie}
        if self._address:
            headers["X-Forwarded-For"] = self._address
        body = None
        if fields is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode({"csrf_token": self._token, **fields})
        started = time.perf_counter()
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        seconds = time.perf_counter() - started
        for value in answer.headers.get_all("Set-Cookie", []):
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(value).items()}
        retry_after = answer.getheader("Retry-After")
        wait = int(retry_after) if retry_after else None
        return Response(answer.status, answer.getheader("Location"), wait, text, seconds)


class ViewerClients:
    """All viewers of a portal, so that their connections can be closed at the end.

    Args:
        origin: of the portal.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._browsers: list[ViewerClient] = []

    def viewer(self, number: int, address: str | None = None) -> ViewerClient:
        """Return a viewer of the sandbox who has signed in."""
        return self.stranger(number, address).sign_in()

    def stranger(self, number: int, address: str | None = None) -> ViewerClient:
        """Return a browser in which nobody is signed in."""
        stranger = ViewerClient(self._origin, number, address)
        self._browsers.append(stranger)
        return stranger

    def viewers(self, count: int) -> list[ViewerClient]:
        """Return this many signed-in viewers, numbered from 0, who have an address each if a proxy names it."""
        return [self.viewer(number, f"192.0.2.{number}") for number in range(count)]

    def tab_of(self, viewer: ViewerClient) -> ViewerClient:
        """Return another connection of the same browser, which a worker has accepted and is ready to send a PIN."""
        tab = viewer.another_tab()
        self._browsers.append(tab)
        # The page that costs least.
        assert tab.open("/healthz").status == 200
        return tab

    def close(self) -> None:
        """Close every browser."""
        for browser in self._browsers:
            browser.close()


def all_at_once(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Call a function for all items at the same moment, each in its own thread; return the results in order."""
    start = threading.Barrier(len(items))

    def wait_and_call(item: Item) -> Result:
        start.wait(SECONDS)
        return function(item)

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(wait_and_call, items))


@contextmanager
def repeatedly(
    function: Callable[[Item], Result], items: Sequence[Item], pause: float = 0.0, spread: float = 0.0
) -> Iterator[None]:
    """Call a function for each item again and again, each in its own thread, while the block runs.

    Args:
        pause: seconds between two calls for an item.
        spread: seconds over which the first calls are spread evenly.
    """
    stop = threading.Event()

    def call(number: int, item: Item) -> None:
        stop.wait(spread * number / len(items))
        while not stop.is_set():
            function(item)
            stop.wait(pause)

    threads = [threading.Thread(target=call, args=given) for given in enumerate(items)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
