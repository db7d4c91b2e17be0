"""Thousands of attempts while everything fails at random, and what must hold of them at the end."""

import http.client
import itertools
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from portal.domain.outcomes import Action, Outcome
from portal.domain.pins import Pin
from portal.ledger.tables import ledger
from portal.sandbox.state import EXTENSION, Sandbox
from portal.settings.keys import keyring
from portal.settings.settings import Settings
from tests.harness.faulty_proxy import OF_CONNECTIONS, Fault, FaultyProxy
from tests.harness.redis_server import Redis
from tests.harness.simulated_zype import SimulatedZype
from tests.stories.viewer_clients import ViewerClient, ViewerClients
from tests.stories.workers import children_of

THREADS, VIEWERS = 64, 16
# Of a hundred calls so many fail, and of new connections as well: fewer than open the breaker by chance.
CALLS_THAT_FAIL, CONNECTIONS_THAT_FAIL = 30, 15
WRONG_PINS = 15
# These would hold a thread for as long as the deadline of a call.
RARE = (Fault.HANG, Fault.HANG_ANSWER, Fault.TRICKLE, Fault.HANG_HANDSHAKE)
LIMITS = {
    "PORTAL_LIMIT_VIEWER": "1000000/15minutes",
    "PORTAL_LIMIT_ADDRESS": "1000000/15minutes",
    "PORTAL_LIMIT_FLOOD": "1000000/minute",
    "PORTAL_LIMIT_SIGN_IN": "1000000/15minutes",
    "PORTAL_ZYPE_CONCURRENCY": "39",
    "PORTAL_THREADS": "40",
    "PORTAL_ZYPE_CONNECT_TIMEOUT": "0.5",
    "PORTAL_ZYPE_READ_TIMEOUT": "1",
    # So that each viewer has an address, and a share, of their own.
    "PORTAL_PROXY_HOPS": "1",
}
Disturb = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Attempt:
    """One PIN that a viewer sends.

    Args:
        device_id: of the TV that shows it; none for a PIN that no TV shows.
    """

    pin: str
    device_id: str | None


@dataclass
class Story:
    """What happened to one PIN of one viewer, who sent it once or twice.

    Args:
        sent: how many calls to link it arrived at Zype.
        written: how many attempts are in the ledger.
        has_tv: whether a TV showed it.
        is_linked: whether that is linked to the viewer.
        statuses: of the answers; none where none came.
        outcomes: that the pages named.
    """

    sent: int
    written: int
    has_tv: bool
    is_linked: bool
    statuses: list[int | None] = field(default_factory=list)
    outcomes: list[Outcome | None] = field(default_factory=list)

    def contradictions(self) -> list[str]:
        """Return what must never be."""
        must_not_be = {
            "a success page without a link": Outcome.LINKED in self.outcomes and not self.is_linked,
            "a page that says that nothing has changed, and a link": {*self.outcomes} == {Outcome.UNAVAILABLE}
            and self.is_linked,
            "not found, though a TV shows it": Outcome.NOT_FOUND in self.outcomes and self.has_tv,
            "a link without a row": bool(self.sent or self.is_linked) and not self.written,
            "sent twice": self.sent > min(self.written, len(self.statuses)),
            "another answer": not {*self.statuses} <= {None, 303, 422, 503},
        }
        return [what for what, is_so in must_not_be.items() if is_so]


@dataclass
class Soak:
    """The viewers, and what they saw.

    Args:
        seed: of all that is random.
        proxy: in front of the sandbox.
        sandbox: Zype.
        settings: of the portal.
        shown: who sent which PIN, and what the page said; no status where none came.
    """

    seed: int
    proxy: FaultyProxy
    sandbox: SimulatedZype
    settings: Settings
    shown: list[tuple[str, Attempt, int | None, Outcome | None]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()
        self._attempts = itertools.count(1)

    def run(self, origin: str, count: int, disturbances: dict[str, Disturb]) -> None:
        """Sign in as many viewers as there are threads, and let them send PINs while the disturbances happen."""
        clients = ViewerClients(origin)
        viewers = [clients.viewer(number, f"198.51.100.{number}") for number in range(VIEWERS)]
        tabs = [clients.tab_of(viewer) for viewer in viewers for _ in range(THREADS // VIEWERS)]
        with ThreadPoolExecutor(THREADS) as pool:
            self.proxy.pick, self.proxy.pick_for_connection = self._fault_of_call, self._fault_of_connection
            stop = threading.Event()
            disturbing = threading.Thread(target=self._disturb, args=(disturbances, stop))
            disturbing.start()
            try:
                for future in [pool.submit(self._send_pins, viewer, count) for viewer in tabs]:
                    future.result()
            finally:
                stop.set()
                disturbing.join()
                clients.close()
        self.proxy.pick, self.proxy.pick_for_connection = (lambda pin: Fault.NONE), (lambda: Fault.NONE)

    def _send_pins(self, viewer: ViewerClient, count: int) -> None:
        """Send PINs until all threads together have sent enough; an unknown one is sent once more."""
        pending: Attempt | None = None
        while next(self._attempts) <= count:
            attempt, is_second = pending or self._new_attempt(), pending is not None
            try:
                page = viewer.enter_pin(attempt.pin)
                status, outcome = page.status, page.outcome
            except (http.client.HTTPException, OSError):
                status = outcome = None
                # As a browser does, it connects again.
                viewer.close()
            self.shown.append((viewer.consumer_id, attempt, status, outcome))
            pending = attempt if outcome in (None, Outcome.UNKNOWN, Outcome.UNAVAILABLE) and not is_second else None

    def _new_attempt(self) -> Attempt:
        with self._lock:
            if self._random.randrange(100) < WRONG_PINS:
                return Attempt(f"wrong{self._random.randrange(10**9)}", None)
            device_id = f"tv-{self._random.getrandbits(64):x}"
            state: Sandbox = self.sandbox.app.extensions[EXTENSION]
            return Attempt(state.store.acquire(device_id).pin, device_id)

    def _fault_of_call(self, _pin: str) -> Fault:
        return self._pick(CALLS_THAT_FAIL, [fault for fault in Fault if fault not in (Fault.NONE, *OF_CONNECTIONS)])

    def _fault_of_connection(self) -> Fault:
        return self._pick(CONNECTIONS_THAT_FAIL, [fault for fault in OF_CONNECTIONS if fault is not Fault.REFUSE])

    def _pick(self, percent: int, faults: list[Fault]) -> Fault:
        with self._lock:
            if self._random.randrange(100) >= percent:
                return Fault.NONE
            fault = self._random.choices(faults, [1 if fault in RARE else 4 for fault in faults])[0]
            self.faults[fault] += 1
            return fault

    def _disturb(self, disturbances: dict[str, Disturb], stop: threading.Event) -> None:
        """Let each disturbance happen in turn, in an order of chance, and then again."""
        while not stop.is_set():
            names = sorted(disturbances)
            self._random.shuffle(names)
            for name in names:
                if stop.wait(self._random.uniform(0.1, 0.4)):
                    return
                self.faults[name] += 1
                with disturbances[name]():
                    stop.wait(self._random.uniform(0.05, 0.3))

    def report(self) -> str:
        """Return what happened, and what the pages said."""
        said = Counter(str(outcome or status or "no answer") for _, _, status, outcome in self.shown)
        lines = [f"seed {self.seed}, {len(self.shown)} attempts, {len(self.proxy.received)} calls to Zype"]
        lines += [f"  {name}: {number}" for name, number in [*said.most_common(), *self.faults.most_common()]]
        return "\n".join(lines)

    def contradictions(self) -> list[str]:
        """Return what must not be there: pages, rows and calls that contradict each other."""
        keys, sent = keyring(self.settings), Counter(self.proxy.received)
        written = Counter((row.consumer_id, row.pin_fingerprint) for row in self._attempts_in_ledger())
        state: Sandbox = self.sandbox.app.extensions[EXTENSION]
        stories: dict[tuple[str, Attempt], Story] = {}
        for consumer_id, attempt, status, outcome in self.shown:
            device = state.store.status(attempt.device_id) if attempt.device_id else None
            story = stories.setdefault(
                (consumer_id, attempt),
                Story(
                    sent[consumer_id, attempt.pin],
                    written[consumer_id, keys.fingerprint(Pin(attempt.pin))],
                    has_tv=device is not None,
                    is_linked=device is not None and device.consumer_id == consumer_id,
                ),
            )
            story.statuses.append(status)
            story.outcomes.append(outcome)
        unknown = [pin for pin in sent if pin not in {(consumer_id, attempt.pin) for consumer_id, attempt in stories}]
        return [f"{pin} that nobody sent" for pin in unknown] + [
            f"{fault}: {attempt.pin} of {consumer_id}, {story}"
            for (consumer_id, attempt), story in stories.items()
            for fault in story.contradictions()
        ]

    def _attempts_in_ledger(self) -> Sequence[sa.Row[Any]]:
        begun = sa.select(ledger.c.consumer_id, ledger.c.pin_fingerprint).where(ledger.c.outcome.is_(None))
        engine = sa.create_engine(self.settings.database_url.get_secret_value())
        with engine.connect() as connection:
            rows = connection.execute(begun.where(ledger.c.action == Action.LINK)).all()
        engine.dispose()
        return rows


def killed_worker(serve: int) -> Disturb:
    """One of the workers is killed, and replaced: every fourth time, since half of the viewers lose their answer."""
    times = itertools.count()

    @contextmanager
    def kill() -> Iterator[None]:
        workers = children_of(serve)
        if workers and next(times) % 4 == 0:
            os.kill(workers[0], signal.SIGKILL)
        yield

    return kill


def redis_gone(server: Redis) -> Disturb:
    """Redis is killed, and started again."""

    @contextmanager
    def kill() -> Iterator[None]:
        server.kill()
        yield
        server.start()

    return kill


def redis_hanging(server: Redis) -> Disturb:
    """Redis answers nothing, and later goes on."""

    @contextmanager
    def hang() -> Iterator[None]:
        server.hang()
        yield
        server.go_on()

    return hang
