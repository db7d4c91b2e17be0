"""Pending authorizations on both databases: limits and single use hold when several ask at the same moment."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from limits import parse_many

from portal.database.authorizations import AuthorizationKind, Authorizations
from portal.database.database import Database
from portal.settings.loading import load

CONTENT = {"code_verifier": "made-up-verifier"}
THREADS = 8


@pytest.fixture
def stopped() -> list[str]:
    """The kind of each authorization that a limit stopped."""
    return []


@pytest.fixture
def authorizations(any_database_url: str, environ: dict[str, str], stopped: list[str]) -> Iterator[Authorizations]:
    """The pending authorizations, with nothing in them."""
    database = Database(any_database_url, connections=THREADS)
    yield Authorizations(database, load(environ), on_stop=stopped.append)
    database.dispose()


def begin(
    authorizations: Authorizations,
    state: str,
    *,
    limits: str = "100/minute",
    browser: str = "browser",
    address: str = "192.0.2.7",
) -> bool:
    wait = authorizations.begin(
        AuthorizationKind.VIEWER,
        state,
        browser=browser,
        address=address,
        next_path="/devices",
        content=CONTENT,
        limits=parse_many(limits),
    )
    return wait is None


def test_of_many_callbacks_at_once_one_is_given_the_content(authorizations: Authorizations) -> None:
    begin(authorizations, "state")
    with ThreadPoolExecutor(THREADS) as threads:
        taken = list(
            threads.map(lambda _: authorizations.take(AuthorizationKind.VIEWER, "state", "browser"), range(THREADS))
        )

    assert [found.content for found in taken if found and found.content] == [CONTENT]
    assert {found.next_path for found in taken if found} == {"/devices"}


def test_of_many_requests_at_once_only_as_many_are_stored_as_the_limit_allows(
    authorizations: Authorizations, stopped: list[str]
) -> None:
    def ask(number: int) -> bool:
        return begin(authorizations, f"state {number}", limits="3/minute", browser=f"browser {number}")

    with ThreadPoolExecutor(THREADS) as threads:
        assert sum(threads.map(ask, range(THREADS))) == 3
    assert stopped == [AuthorizationKind.VIEWER] * (THREADS - 3)


def test_it_is_given_to_no_other_browser_and_for_no_other_kind(authorizations: Authorizations) -> None:
    begin(authorizations, "state")
    for browser in (None, "", "another"):
        found = authorizations.take(AuthorizationKind.VIEWER, "state", browser)
        assert found
        assert found.content is None
    assert authorizations.take(AuthorizationKind.AGENT, "state", "browser") is None
    assert authorizations.take(AuthorizationKind.VIEWER, "another", "browser") is None

    found = authorizations.take(AuthorizationKind.VIEWER, "state", "browser")
    assert found
    assert found.content == CONTENT


def test_the_48_network_of_an_address_can_begin_ten_times_as_many(authorizations: Authorizations) -> None:
    def begins(number: int, network: int) -> bool:
        address = f"2001:db8:{network}:{number}::1"
        return begin(authorizations, f"{network} {number}", limits="1/minute", browser=str(number), address=address)

    assert [begins(number, 0) for number in range(12)] == [True] * 10 + [False] * 2
    assert begins(0, 1)


def test_an_authorization_counts_until_somebody_has_signed_in_with_it(authorizations: Authorizations) -> None:
    begin(authorizations, "first", limits="1/minute")
    authorizations.take(AuthorizationKind.VIEWER, "first", "browser")
    assert not begin(authorizations, "second", limits="1/minute")

    authorizations.finish(AuthorizationKind.VIEWER, "first")

    assert begin(authorizations, "second", limits="1/minute")
