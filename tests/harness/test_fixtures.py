"""The fixtures stand for what they say."""

from collections.abc import Callable

import pytest
import requests

from portal.database.database import Database
from portal.database.schema import SchemaState, state_of
from tests.harness.page import PageClient
from tests.harness.people import Alice, Mallory
from tests.harness.programs import need
from tests.harness.servers import Processes
from tests.harness.simulated_zype import SimulatedZype


def test_a_tv_of_the_sandbox_is_not_linked_and_greets_nobody(sandbox: SimulatedZype) -> None:
    tv, other = sandbox.tv(), sandbox.tv()
    assert tv.pin != other.pin
    assert (tv.is_linked(), tv.owner(), tv.greeting()) == (False, None, None)
    assert sandbox.record() == []


def test_each_test_has_a_migrated_database_of_its_own(any_database_url: str) -> None:
    database = Database(any_database_url)
    try:
        assert state_of(database) is SchemaState.CURRENT
    finally:
        database.dispose()


def test_alice_links_her_tv(alice: Alice, sandbox: SimulatedZype) -> None:
    tv = sandbox.tv()
    alice.opens("/activate").signs_in().types_pin(tv.pin)
    assert alice.page.heading == "Your TV is linked"
    assert tv.is_linked()
    assert tv.greeting() == "Alice"
    assert [call["status"] for call in sandbox.record()] == [200]


def test_mallory_has_a_browser_of_their_own(alice: Alice, mallory: Mallory) -> None:
    alice.signs_in()
    mallory.opens("/activate")
    assert mallory.page.select('form[action="/sign-in"]')


def test_the_portal_is_served_on_a_port(live: str, browse_over_http: Callable[[str], PageClient]) -> None:
    Alice(browse_over_http(live)).signs_in().signs_out()


def test_the_portal_is_served_by_processes(
    processes: Processes, browse_over_http: Callable[[str], PageClient], sandbox: SimulatedZype
) -> None:
    tv = sandbox.tv()
    Alice(browse_over_http(processes.url)).signs_in().types_pin(tv.pin)
    assert tv.greeting() == "Alice"
    assert requests.get(f"{processes.url}/healthz", timeout=5).ok


def test_a_missing_program_skips_the_test_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTAL_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        need("no-such-program")


def test_a_missing_program_fails_the_test_where_everything_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_REQUIRE", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        need("no-such-program")
