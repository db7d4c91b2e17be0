"""Whatever happens between portal and Zype, page, ledger and Zype agree, and the same PIN links afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.settings.settings import Settings
from tests.faults.agreement import Agreement, documented, words_of
from tests.harness.faulty_proxy import OF_REQUESTS, Fault, FaultyProxy, faulty_proxy
from tests.harness.people import Alice
from tests.harness.simulated_zype import TV, SimulatedZype
from tests.stories.ledger_rows import rows_of

PREFIX = "Zype "


@pytest.fixture
def proxy(sandbox: SimulatedZype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """The proxy in front of the sandbox, whose authority is trusted."""
    with faulty_proxy(sandbox.url, tmp_path) as proxy:
        monkeypatch.setenv("SSL_CERT_FILE", str(proxy.bundle))
        yield proxy


@pytest.fixture
def environ(environ: dict[str, str], proxy: FaultyProxy) -> dict[str, str]:
    """A portal that asks the proxy, and does not wait for long."""
    return environ | {
        "PORTAL_ZYPE_API_URL": proxy.url,
        "PORTAL_ZYPE_CONNECT_TIMEOUT": "0.3",
        "PORTAL_ZYPE_READ_TIMEOUT": "0.3",
        "PORTAL_LIMIT_VIEWER": "1000/15minutes",
    }


def zype_did(tv: TV, proxy: FaultyProxy) -> str:
    """Return what Zype did with a call to link, which the proxy has received once at most."""
    sent = [pin for _, pin in proxy.received].count(tv.pin)
    assert sent <= 1, "it was sent again"
    return "linked" if tv.is_linked() else "nothing"


def test_every_row_of_the_table_is_tested() -> None:
    folder = Path(__file__).parent
    tests = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    named = {PREFIX + fault for fault in Fault}
    assert [fault for fault in documented() if fault not in named and f'"{fault}"' not in tests] == []


def test_page_ledger_and_zype_agree(
    proxy: FaultyProxy, sandbox: SimulatedZype, alice: Alice, settings: Settings
) -> None:
    alice.signs_in()
    for fault in Fault:
        if fault is Fault.NONE:
            continue
        tv = sandbox.tv()
        alice.opens("/activate")
        with proxy.failing(fault):
            alice.types_pin(tv.pin, 503)
        seen, did = words_of(alice.page), zype_did(tv, proxy)
        outcome = rows_of(settings)[-1]["outcome"]
        assert fault not in OF_REQUESTS or did == "nothing"
        alice.types_pin(tv.pin)
        assert (tv.greeting(), alice.page.heading) == ("Alice", "Your TV is linked")
        again = rows_of(settings)[-1]["outcome"]
        # Of a viewer with many TVs the portal asks for ten alone.
        alice.undoes()
        Agreement(PREFIX + fault, seen, outcome, did, again).check()
    assert len(rows_of(settings)) == 4 * (len(Fault) - 1), "attempts and outcomes are not one to one"
