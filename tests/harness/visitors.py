"""Clients that ask for a page again and again, and remember what came of it: answers, refusals, and lost requests."""

import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

SECONDS = 15.0
# Between two requests of one client.
PAUSE_SECONDS = 0.03


@dataclass
class Visitors:
    """What has happened so far to clients that go on until their connection is refused, or they are told to stop.

    Args:
        port: where they connect, on loopback.
        requests: what they send, in turn, such as ``GET /activate``; a POST has no body.
    """

    port: int
    requests: tuple[str, ...]
    statuses: Counter[int] = field(default_factory=Counter)
    # Requests without a whole answer, and connections that failed other than by a refusal.
    lost: list[str] = field(default_factory=list)
    refused: int = 0
    longest: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def visit(self, keeps_connection: bool) -> None:
        """Ask again and again, on one connection for as long as the server keeps it, or on a new one each time."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        for request in itertools.cycle(self.requests):
            if self._stop.wait(PAUSE_SECONDS):
                break
            started = time.monotonic()
            try:
                if connection.sock is None:
                    connection.connect()
                connection.request(*request.split())
                answer = connection.getresponse()
                answer.read()
                self.statuses[answer.status] += 1
            except ConnectionRefusedError:
                self.refused += 1
                return
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(f"{request}: {error!r}")
                connection.close()
            self.longest = max(self.longest, time.monotonic() - started)
            if not keeps_connection:
                connection.close()
        connection.close()

    def stop(self) -> None:
        """Let them stop after the request that is under way."""
        self._stop.set()


@contextmanager
def visitors(port: int, requests: tuple[str, ...], count: int) -> Iterator[Visitors]:
    """Let clients visit while the block runs; every other one keeps its connection."""
    visitors = Visitors(port, requests)
    threads = [threading.Thread(target=visitors.visit, args=(number % 2 == 0,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield visitors
    finally:
        visitors.stop()
        for thread in threads:
            thread.join(SECONDS)
