"""A PIN read aloud: every character of a PIN has a word of its own."""

import string

from portal.domain.phonetics import spell, words
from tests.harness.cases import each

PRINTABLE = [chr(number) for number in range(0x21, 0x7F)]


@each(
    "pin, spoken",
    [
        ("zizm529", "zulu-india-zulu-mike-five-two-nine"),
        ("abcdefg", "alfa-bravo-charlie-delta-echo-foxtrot-golf"),
        ("hijklmn", "hotel-india-juliett-kilo-lima-mike-november"),
        ("opqrst", "oscar-papa-quebec-romeo-sierra-tango"),
        ("uvwxyz", "uniform-victor-whiskey-xray-yankee-zulu"),
        ("0123456789", "zero-one-two-three-four-five-six-seven-eight-nine"),
        ("A1", "alfa-one"),
        ("a*b_c", "alfa-star-bravo-underscore-charlie"),
        ("", ""),
    ],
)
def test_a_pin_is_spelled_by_the_icao_alphabet(pin: str, spoken: str) -> None:
    assert spell(pin) == spoken


def test_capitals_are_named_where_the_case_matters() -> None:
    assert spell("aB1", case_sensitive=True) == "alfa-capital bravo-one"


def test_every_character_has_a_word_of_its_own() -> None:
    named = words(case_sensitive=True)
    assert sorted(named) == sorted(PRINTABLE)
    assert len(set(named.values())) == len(named)


def test_both_cases_have_one_word_where_the_case_is_folded() -> None:
    named = words(case_sensitive=False)
    assert sorted(named) == sorted(PRINTABLE)
    assert all(named[letter] == named[letter.lower()] for letter in string.ascii_uppercase)


def test_a_character_without_a_word_stays_as_it_is() -> None:
    assert spell("a\u00e4") == "alfa-\u00e4"
