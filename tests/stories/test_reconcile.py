"""Pages, rows of the ledger and the sandbox's own record agree, one to one."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

import pytest
import sqlalchemy as sa

from portal.domain.outcomes import Outcome
from portal.domain.pins import Pin
from portal.settings.keys import keyring
from portal.settings.settings import Settings
from tests.harness.servers import Processes
from tests.harness.simulated_zype import TV, SimulatedZype
from tests.stories.ledger_rows import rows_of
from tests.stories.viewer_clients import Response, ViewerClient, ViewerClients

THREADS = 32
VIEWERS = 16
# The status that the sandbox answers for each kind of PIN, and the outcome that the viewer must see.
KINDS = {
    "good": (200, Outcome.LINKED),
    "silent": (200, Outcome.LINKED),
    "used": (404, Outcome.NOT_FOUND),
    "refused": (422, Outcome.REFUSED),
    "another": (200, Outcome.REFUSED),
    "http429": (429, Outcome.UNAVAILABLE),
    "http401": (401, Outcome.MISCONFIGURED),
    "http500": (500, Outcome.UNKNOWN),
}
# Ten 500s in a row would open the circuit breaker, and the PINs after them would not be sent.
WEIGHTS = {"good": 8, "used": 6, "http500": 1}
HIGH_LIMITS = {
    "PORTAL_LIMIT_VIEWER": "100000/15minutes",
    "PORTAL_LIMIT_ADDRESS": "100000/15minutes",
    "PORTAL_LIMIT_FLOOD": "100000/minute",
    # One worker may get all of the threads, and each of them may call Zype. Links can take three quarters of the calls.
    "PORTAL_THREADS": "48",
    "PORTAL_ZYPE_CONCURRENCY": str(THREADS * 4 // 3 + 1),
    # So that each viewer has an address, and a share, of their own.
    "PORTAL_PROXY_HOPS": "1",
}


@dataclass(frozen=True)
class Post:
    """One PIN that one viewer sends."""

    number: int
    pin: str
    kind: str


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """Limits that are too high to be reached here."""
    return environ | HIGH_LIMITS


def posts(count: int, tvs: list[TV]) -> list[Post]:
    """Return this many posts: every TV's PIN by two viewers, and magic PINs of every kind, each PIN once."""
    contested = [Post((n + more) % VIEWERS, tv.pin, "tv") for n, tv in enumerate(tvs) for more in (0, 1)]
    weights = [WEIGHTS.get(kind, 2) for kind in KINDS]
    kinds = [*KINDS, *random.choices(list(KINDS), weights, k=count - len(contested) - len(KINDS))]
    magic = [Post(random.randrange(VIEWERS), f"{kind}{n}", kind) for n, kind in enumerate(kinds)]
    mixed = contested + magic
    random.shuffle(mixed)
    return mixed


def send_all(clients: ViewerClients, sent: list[Post], threads: int) -> list[Response]:
    """Send the posts from threads, an equal number for each viewer; return the answers in the same order."""
    viewers = clients.viewers(VIEWERS)
    tabs = {viewer.number: [clients.tab_of(viewer) for _ in range(threads // VIEWERS)] for viewer in viewers}
    shown: dict[Post, Response] = {}

    def work(tab: ViewerClient, share: list[Post]) -> None:
        for post in share:
            shown[post] = tab.enter_pin(post.pin)

    shares = []
    for number, its_tabs in tabs.items():
        own = [post for post in sent if post.number == number]
        shares += [(tab, own[n :: len(its_tabs)]) for n, tab in enumerate(its_tabs)]
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(work, *share) for share in shares]:
            future.result()
    return [shown[post] for post in sent]


def compare(
    sent: list[Post], shown: list[Response], rows: list[sa.RowMapping], sandbox: SimulatedZype, settings: Settings
) -> None:
    """Compare pages, ledger and record, post by post."""
    calls = {(call["consumer_id"], call["pin"]): call for call in sandbox.record()}
    assert len(calls) == len(sandbox.record()) == len(sent), "a PIN was sent twice, or not at all"
    attempts = {(row["consumer_id"], row["pin_fingerprint"]): row["attempt_id"] for row in rows if not row["outcome"]}
    outcomes = {row["attempt_id"]: row for row in rows if row["outcome"]}
    assert len(attempts) == len(outcomes) == len(sent) == len(rows) / 2, "attempts and outcomes are not one to one"
    for post, page in zip(sent, shown, strict=True):
        consumer_id = f"{post.number:024x}"
        call = calls[consumer_id, sha256(post.pin.encode()).hexdigest()[:12]]
        row = outcomes[attempts[consumer_id, keyring(settings).fingerprint(Pin(post.pin))]]
        status, outcome = KINDS.get(post.kind) or (
            call["status"],
            Outcome.LINKED if call["done"] else Outcome.NOT_FOUND,
        )
        assert (call["status"], row["outcome"]) == (status, outcome), post
        # A viewer does not see the difference; only the operator does.
        shown_outcome = Outcome.UNAVAILABLE if outcome is Outcome.MISCONFIGURED else outcome
        assert page.outcome is shown_outcome, (post, page)
        assert row["consumer_id"] == row["actor_id"] == consumer_id


def each_tv_has_one_owner(sent: list[Post], shown: list[Response], tvs: list[TV]) -> None:
    """Of the two viewers who sent a TV's PIN, one saw "linked", and the TV is linked to that viewer."""
    owners: dict[str, list[str]] = {tv.pin: [] for tv in tvs}
    for post, page in zip(sent, shown, strict=True):
        if post.kind == "tv" and page.outcome is Outcome.LINKED:
            owners[post.pin].append(f"{post.number:024x}")
    assert all(owners[tv.pin] == [tv.owner()] for tv in tvs)


def test_pages_ledger_and_zype_agree_on_a_hundred_pins_from_32_threads(
    processes: Processes, clients: ViewerClients, sandbox: SimulatedZype, settings: Settings
) -> None:
    tvs = [sandbox.tv() for _ in range(40)]
    sent = posts(100, tvs)
    shown = send_all(clients, sent, THREADS)
    compare(sent, shown, rows_of(settings), sandbox, settings)
    each_tv_has_one_owner(sent, shown, tvs)
    assert Counter(page.outcome for page in shown).keys() == {
        Outcome.LINKED,
        Outcome.NOT_FOUND,
        Outcome.REFUSED,
        Outcome.UNAVAILABLE,
        Outcome.UNKNOWN,
    }


class TestOnPostgreSQL:
    @pytest.fixture
    def environ(self, environ: dict[str, str], postgresql_url: str) -> dict[str, str]:
        """The same, on PostgreSQL."""
        return environ | {"PORTAL_DATABASE_URL": postgresql_url}

    def test_pages_ledger_and_zype_agree_on_fifty_pins_from_16_threads(
        self, processes: Processes, clients: ViewerClients, sandbox: SimulatedZype, settings: Settings
    ) -> None:
        tvs = [sandbox.tv() for _ in range(15)]
        sent = posts(50, tvs)
        # Half as many, since for each of them a worker opens a connection to PostgreSQL.
        shown = send_all(clients, sent, THREADS // 2)
        compare(sent, shown, rows_of(settings), sandbox, settings)
        each_tv_has_one_owner(sent, shown, tvs)
