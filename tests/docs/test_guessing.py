"""What docs/security.md says of the chances of guessing follows from the default settings."""

import re
from decimal import Decimal
from math import expm1, log1p

import pytest
from limits import RateLimitItem

from portal.ledger import delays
from portal.pages.auth.sign_in_attempts import ADDRESS_FACTOR
from portal.settings.rates import SITE_FACTOR
from portal.settings.settings import Settings
from tests.docs.pages import read

DEFAULTS = Settings()
DAY = 24 * 60 * 60
LIVE_PINS = 1000
# Of each pattern in the table: how many characters there are, and how many a PIN has.
SPACES = {"[a-z0-9]{7}": (36, 7), "[0-9]{6}": (10, 6), "[a-z0-9]{4}": (36, 4)}
CODES, VALID_CODES = 10**6, 3


def a_day(items: tuple[RateLimitItem, ...]) -> int:
    """Return how many attempts a day these limits allow."""
    return min(item.amount * DAY // min(item.get_expiry(), DAY) for item in items)


def chance(hit: float, tries: int = 1) -> str:
    """Return the chance of at least one hit in so many tries, in percent, as the page writes it."""
    percent = -100 * expm1(tries * log1p(-hit))
    return "over 99" if percent > 99 else f"{Decimal(f'{percent:.2g}'):f}"


@pytest.fixture(scope="module")
def page() -> str:
    """The page in one line, so that a sentence may be wrapped anywhere."""
    return re.sub(r"\s+", " ", read("docs/security.md"))


def test_the_table_of_pins_follows_from_the_limits() -> None:
    viewer, address = a_day(DEFAULTS.limit_viewer), a_day(DEFAULTS.limit_address)
    for pattern, (characters, length) in SPACES.items():
        space = characters**length
        tries = (1, viewer, address, address * SITE_FACTOR)
        chances = " | ".join(chance(LIVE_PINS / space, number) for number in tries)
        assert any(
            line.startswith(f"| `{pattern}`") and line.endswith(f" | {space:,} | {chances} |")
            for line in read("docs/security.md").splitlines()
        ), (pattern, chances)

    # The pattern of the last row is the shortest that matches.
    assert DEFAULTS.pin_pattern.fullmatch("a1b2")
    assert not DEFAULTS.pin_pattern.fullmatch("a1b")


def test_the_sentences_about_pins_follow_from_the_limits(page: str) -> None:
    viewer, address = a_day(DEFAULTS.limit_viewer), a_day(DEFAULTS.limit_address)
    assert f"With {LIVE_PINS:,} TVs" in page
    assert f"a viewer can fail {viewer} times a day, an address {address:,} times" in page
    assert f"the /48 network of an IPv6 address {address * SITE_FACTOR:,} times" in page
    assert f"takes {address // viewer:,} viewers' accounts" in page


def test_the_sentences_about_passwords_and_codes_follow_from_the_limits(page: str) -> None:
    account = a_day(DEFAULTS.limit_sign_in)
    slowed = int(DAY / delays.SECONDS)
    assert f"an address can try {account} passwords a day for one account, and {account * ADDRESS_FACTOR:,}" in page
    assert f"tried {slowed:,} times a day in each worker, which takes at least {slowed // account} addresses" in page
    assert f"That is {account} codes a day" in page
    assert f"a chance of {chance(VALID_CODES / CODES, account)} percent a day" in page
