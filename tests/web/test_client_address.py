"""The client's address: one client has one address, however the server and the proxies in front write it."""

from collections.abc import Callable

import pytest
from flask import Flask

from portal.database.sessions import sessions
from portal.ledger.tables import ledger
from portal.sandbox import seed
from portal.settings.addresses import NO_ADDRESS, client_address, network_prefix, site_prefix
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.internals import logged, rows
from tests.harness.page import PageClient

SAME = {
    "203.0.113.9": (
        "203.0.113.9",
        " 203.0.113.9 ",
        "203.0.113.9:40001",
        "203.0.113.9:1",
        '"203.0.113.9"',
        '"203.0.113.9:40001"',
        "[203.0.113.9]",
        "::ffff:203.0.113.9",
        "[::ffff:203.0.113.9]:40001",
        "::FFFF:cb00:7109",
        # As a translator in front of servers that only have IPv6 writes it.
        "64:ff9b::203.0.113.9",
        "[64:ff9b::cb00:7109]:40001",
    ),
    "2001:db8::1": (
        "2001:db8::1",
        "2001:DB8:0:0:0:0:0:1",
        "[2001:db8::1]",
        "[2001:db8::1]:40001",
        '"[2001:db8::1]:40001"',
        "2001:db8:0:0:0:0:0:1:40001",
        "[2001:db8::1%eth0]:40001",
        "2001:db8::1%25en0",
    ),
    NO_ADDRESS: (
        *(
            "",
            "unknown",
            "_hidden",
            "-",
            "client",
            "localhost",
            "203.0.113.9:",
            "203.0.113.9:http",
            "203.0.113.9:4\u0661",
        ),
        *("203.0.113.256", "203.0.113", "0203.0.113.9", "203.0.113.9, 192.0.2.1", "203.0.113.9 192.0.2.1", "unix:"),
        *(
            "[2001:db8::1",
            "2001:db8::1]",
            "[]:80",
            "2001:db8::1::2",
            "2001:db8::1%" + "a" * 99,
            "\u0662.0.0.1",
            "203.0.113.9\0",
        ),
    ),
}
PREFIXES = [
    ("203.0.113.9:40001", "203.0.113.9", None),
    ("[2001:db8:1:2:3::4]:40001", "2001:db8:1:2::/64", "2001:db8:1::/48"),
    ("::ffff:203.0.113.9", "203.0.113.9", None),
    ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
    ("rubbish", NO_ADDRESS, None),
]


def test_every_spelling_of_an_address_is_the_same_address() -> None:
    for address, spellings in SAME.items():
        assert {spelling: client_address(spelling) for spelling in spellings} == dict.fromkeys(spellings, address)
        assert client_address(address) == address


@each("address, network, site", PREFIXES)
def test_ipv6_counts_by_its_networks(address: str, network: str, site: str | None) -> None:
    assert network_prefix(address) == network
    assert site_prefix(address) == site


@pytest.fixture
def behind_a_proxy(make_app: Callable[..., Flask]) -> Flask:
    """A portal behind one proxy, with low limits."""
    return make_app(proxy_hops="1", limit_sign_in="1/15minutes", limit_flood="1000/minute")


def test_a_port_makes_no_new_address_for_any_limit_and_row(
    behind_a_proxy: Flask, browse: Callable[..., PageClient]
) -> None:
    browser = browse(behind_a_proxy)
    services = services_of(behind_a_proxy)
    for number, spelling in enumerate(SAME["203.0.113.9"]):
        # What a client sends stands in front, with a quote that is not closed to hide what the proxy adds.
        headers = {"X-Forwarded-For": f'192.0.2.{number}, "192.0.2.77, {spelling}'}
        token = str(browser.get("/sign-in", headers=headers).select("[name=csrf_token]")[0]["value"])
        fields = {"email": f"u{number}@example.com", "password": "wrong", "csrf_token": token}
        status = 422 if number < 10 else 429
        browser.send("POST", "/sign-in", status, data=fields, headers=headers)

    found = rows(behind_a_proxy, ledger)
    assert {row["address_hash"] for row in found} == {services.ledger.keyring.address("203.0.113.9")}
    # Ten that failed, and the first that the limit stopped.
    assert len(found) == 22


def test_a_session_keeps_the_same_hash_as_the_ledger(behind_a_proxy: Flask, browse: Callable[..., PageClient]) -> None:
    browser = browse(behind_a_proxy)
    headers = {"X-Forwarded-For": "[2001:db8::1]:40001"}
    token = str(browser.get("/sign-in", headers=headers).select("[name=csrf_token]")[0]["value"])
    fields = {"email": seed.ALICE.email, "password": seed.ALICE.password, "csrf_token": token}
    browser.send("POST", "/sign-in", 303, data=fields, headers=headers)

    hashes = {row["address_hash"] for table in (ledger, sessions) for row in rows(behind_a_proxy, table)}
    assert hashes == {services_of(behind_a_proxy).ledger.keyring.address("2001:db8::ffff")}


def test_what_is_no_address_is_one_client_and_logged_once_without_its_text(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app = make_app(proxy_hops="1", limit_flood="3/hour")
    browser = browse(app)
    with logged() as events:
        for address, status in (("_secret1", 200), ("unknown", 200), ("-", 200), ("_secret2", 429)):
            browser.get("/sign-in", status, headers={"X-Forwarded-For": address})
    browser.get("/sign-in", headers={"X-Forwarded-For": "192.0.2.1"})

    warnings = [event for event in events if event["log_level"] == "warning"]
    assert warnings == [{"event": "client_address_unreadable", "hops": 1, "log_level": "warning"}]
    assert "_secret" not in str(events)
