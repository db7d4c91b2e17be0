"""A PIN read aloud: every sign that a PIN can hold has a word, and no two have the same."""

import string

import pytest

from portal.domain.phonetics import spell, words

PRINTABLE = [chr(number) for number in range(0x21, 0x7F)]


@pytest.mark.parametrize(
    ("pin", "spoken"),
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
def test_it_is_spelled_as_pilots_do(pin: str, spoken: str) -> None:
    assert spell(pin) == spoken


def test_where_the_case_matters_capitals_are_named() -> None:
    assert spell("aB1", tells_case=True) == "alfa-capital bravo-one"


def test_every_sign_has_a_word_of_its_own() -> None:
    named = words(tells_case=True)
    assert sorted(named) == sorted(PRINTABLE)
    assert len(set(named.values())) == len(named)


def test_where_the_case_is_folded_both_cases_have_one_word() -> None:
    named = words(tells_case=False)
    assert sorted(named) == sorted(PRINTABLE)
    assert all(named[letter] == named[letter.lower()] for letter in string.ascii_uppercase)


def test_what_has_no_word_is_left_as_it_is() -> None:
    assert spell("a\u00e4") == "alfa-\u00e4"
