"""What counts as an email address, however it was typed or pasted."""

from hypothesis import given
from hypothesis import strategies as st

from portal.domain.emails import normalise_email, same_email
from tests.harness.cases import each

ADDRESS = "alice@example.com"
TYPED = (
    "alice@example.com",
    " alice@example.com\u00a0",
    "alice\uff20example.com",
    "\uff41\uff4c\uff49\uff43\uff45\uff20\uff45\uff58ample\uff0ecom",
    "alice@example\u3002com",
    "alice\ufe6bexample.com",
    "al\u200bice@\u2060exam\u00adple.com\ufeff",
    "\u202aalice@example.com\u202c",
    "\u2068alice@example.com\u2069\ufe0f",
    "alice\u00a0@\u3000example.com",
    "mailto:alice@example.com",
    "MAILTO:alice@example.com?subject=Hello",
    "<mailto:alice@example.com>",
    "mailto:alice%40example.com",
    "mailto:Alice%20%3Calice@example.com%3E",
    "mailto://alice@example.com",
    "Alice [mailto:alice@example.com]",
    "Alice (alice@example.com)",
    "Alice <alice@example.com>",
    '"Smith, Alice" <alice@example.com>;',
    "Alice <mailto:alice@example.com>.",
    "<alice@example.com>",
    "alice@example.com.",
    "alice@example.com,",
    "alice@example.com;",
    '"alice@example.com"',
    "'alice@example.com'",
    "\u201calice@example.com\u201d.",
    "\u00abalice@example.com\u00bb",
    "(alice@example.com)",
    "\u300calice@example.com\u300d",
    "**alice@example.com**",
    "`alice@example.com`",
)
OTHER = {
    # Each may be somebody's.
    "'alice@example.com": "'alice@example.com",
    "_alice@example.com": "_alice@example.com",
    "a.b+c@example.com": "a.b+c@example.com",
    "mailto:100%25+c@example.com": "100%+c@example.com",
    "/100%25@example.com": "/100%25@example.com",
    "a..b.@docomo.example": "a..b.@docomo.example",
    "Alice@Example.COM": "Alice@Example.COM",
    "\u0430lice@example.com": "\u0430lice@example.com",
    "al\u0131ce@example.com": "al\u0131ce@example.com",
    "\u212aate@example.com": "\u212aate@example.com",
    "ali\ufb01ce@example.com": "ali\ufb01ce@example.com",
    "alice@b\u00fccher.example": "alice@b\u00fccher.example",
}
NONE = (
    "",
    "  ",
    "alice",
    "alice@",
    "@example.com",
    "@",
    "alice@@example.com",
    "alice@mallory@example.com",
    "alice example.com",
    "bob alice@example.com",
    "alice@example.com mallory@example.com",
    "alice@example.com,mallory@example.com",
    "Alice <alice@example.com>, Bob <bob@example.com>",
    "alice@example..com",
    "alice@.example.com",
    "alice@example.com\n",
    "alice@example.com\r\nBcc: mallory@example.com",
    "alice@example.com\0",
    "\x1b[2Jalice@example.com",
    "mailto:",
    "mailto:%0aalice@example.com",
    "mailto:alice@example.com%2Cmallory@example.com",
    "<>",
    "'",
    "a" * 255 + "@example.com",
    "a" * 100_000,
)


@each("typed", TYPED)
def test_the_same_address_however_it_was_typed(typed: str) -> None:
    assert normalise_email(typed) == ADDRESS


@each("typed, address", OTHER.items())
def test_no_other_letter_is_changed(typed: str, address: str) -> None:
    assert normalise_email(typed) == address
    assert not same_email(typed, ADDRESS) or typed.lower() == ADDRESS


@each("typed", NONE)
def test_what_is_no_address(typed: str) -> None:
    assert normalise_email(typed) is None


@given(st.text())
def test_normalising_twice_changes_nothing(typed: str) -> None:
    once = normalise_email(typed + "@example.com")
    assert once is None or normalise_email(once) == once


def test_only_the_case_of_ascii_letters_may_differ() -> None:
    assert same_email("Alice@Example.COM", ADDRESS)
    assert not same_email("\u212aate@example.com", "kate@example.com")
    assert not same_email("ka\u017fe@example.com", "kase@example.com")
