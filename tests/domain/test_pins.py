"""What counts as a PIN, and that a PIN never prints itself."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.pins import MalformedPin, Pin, PinCase, PinRules

RULES = PinRules()
PINS = st.from_regex(RULES.pattern, fullmatch=True)
# Everything that a person, a keyboard or a copied message may add without meaning a character of the PIN.
SEPARATORS = "".join(map(chr, (*range(9, 14), 0x20, 0x85, 0xA0, 0x2007, 0x202F, 0x3000))) + "-‐‑–—−－"
INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u061c"


def normalised(typed: str, rules: PinRules = RULES) -> str:
    return rules.normalise(typed).secret


@pytest.mark.parametrize("pin", ["zizm529", "zabc123", "s3kf32", "1234", "a" * 16])
def test_a_pin_of_zype_is_unchanged(pin: str) -> None:
    assert normalised(pin) == pin


@pytest.mark.parametrize(
    "typed",
    [
        " zizm529\t",
        "ziz m 529\r\n",
        "zizm-529",
        "zizm\u2010529",
        "zizm\u2014529",
        "zizm\u2212529",
        "zizm\u3030529",
        "zizm\uff0d529",
        "zizm\u00ad529",
        "\ufeffzizm\u200b529\u2060",
        "\u200ezizm529\u200f\u061c",
        "zizm\u3000529\u00a0",
        "zizm\x85529\x0b",
    ],
    ids=ascii,
)
def test_spaces_dashes_and_invisible_marks_are_dropped(typed: str) -> None:
    assert normalised(typed) == "zizm529"


@pytest.mark.parametrize(
    "typed", ["ｚｉｚｍ５２９", "ＺＩＺＭ５２９", "zizm٥٢٩", "zizm۵۲۹", "zizm५२९", "zizm𝟓𝟐𝟗"], ids=ascii
)
def test_full_width_forms_and_foreign_digits_become_ascii(typed: str) -> None:
    assert normalised(typed) == "zizm529"


@pytest.mark.parametrize(
    "mark",
    [
        *"\x00\x07\x1b\x1c\x1d\x1e\x1f\x7f\x80\x9f",
        *"\u202a\u202b\u202c\u202d\u202e\u2066\u2069",
        *"📺ſéß²①\u0301ⅷ\ud800\U000e0061",
    ],
    ids=ascii,
)
def test_other_characters_outside_printable_ascii_are_malformed(mark: str) -> None:
    with pytest.raises(MalformedPin):
        RULES.normalise(f"zizm{mark}529")


@pytest.mark.parametrize(
    "typed",
    ["", " ", "-", "abc", "a" * 17, "zizm_529", "zizm.529", "' OR 1=1 --", "<b>zizm</b>", "a" * 1_000_000],
    ids=lambda typed: ascii(typed[:20]),
)
def test_input_that_does_not_match_the_pattern_is_malformed(typed: str) -> None:
    with pytest.raises(MalformedPin):
        RULES.normalise(typed)


def test_the_whole_pin_must_match_not_just_its_start() -> None:
    with pytest.raises(MalformedPin):
        PinRules("keep", re.compile("[a-z]{4}")).normalise("abcd9")


@pytest.mark.parametrize(("case", "pin"), [("lower", "ab12"), ("upper", "AB12"), ("keep", "aB12")])
def test_the_case_is_folded_before_the_pattern_is_applied(case: PinCase, pin: str) -> None:
    rules = PinRules(case, re.compile(pin))
    assert normalised("aB12", rules) == pin


def test_look_alikes_are_never_swapped() -> None:
    assert normalised("o0l1i5s2z8b") == "o0l1i5s2z8b"


def test_a_pin_of_digits_stays_a_string_with_its_leading_zeros() -> None:
    assert normalised("000123") == "000123"


@given(st.text())
def test_normalising_raises_only_malformed_pin(typed: str) -> None:
    try:
        pin = normalised(typed)
    except MalformedPin:
        return
    assert RULES.pattern.fullmatch(pin)


@given(st.text(min_size=1), st.sampled_from(["lower", "upper", "keep"]))
def test_normalising_twice_changes_nothing(typed: str, case: PinCase) -> None:
    rules = PinRules(case, re.compile(r"[!-~]+"))
    try:
        once = normalised(typed, rules)
    except MalformedPin:
        return
    assert normalised(once, rules) == once


@given(PINS, st.text(SEPARATORS + INVISIBLE, max_size=100))
def test_separators_between_the_characters_change_nothing(pin: str, separators: str) -> None:
    gaps = [separators[position :: len(pin)] for position in range(len(pin))]
    typed = "".join(character + gap for character, gap in zip(pin, gaps, strict=True))
    assert normalised(typed) == pin


@given(PINS)
def test_the_same_pin_in_full_width_capitals_is_the_same_pin(pin: str) -> None:
    wide = "".join(chr(ord(character) + 0xFEE0) for character in pin.upper())
    assert unicodedata.normalize("NFKC", wide) == pin.upper()
    assert normalised(wide) == pin


@given(PINS)
def test_a_pin_never_prints_itself(pin: str) -> None:
    hidden = Pin(pin)
    for text in (repr(hidden), str(hidden), f"{hidden}", f"{hidden!r}", repr([hidden]), "%s" % hidden):  # noqa: UP031
        assert pin not in text.replace("<Pin>", "")


@pytest.mark.parametrize("typed", ["529", "52961" * 10, "52961" * 100, "\u202e52961", "#52961"], ids=ascii)
def test_the_error_never_contains_the_input(typed: str) -> None:
    with pytest.raises(MalformedPin) as caught:
        RULES.normalise(typed)
    assert "529" not in str(caught.value)
    assert caught.value.__context__ is None


def test_pins_are_equal_by_their_text() -> None:
    assert Pin("zizm529") == Pin("zizm529")
    assert Pin("zizm529") != Pin("zizm528")


@pytest.mark.parametrize(
    "text",
    [
        "zizm529",
        "The PIN is ZIZM529.",
        "z-i-z-m-5-2-9",
        "zizm 529",
        "zizm,529",
        "z.i.z.m.5.2.9",
        "\uff5aizm\u200b529",
        "ziz\u00adm52\u0669",
        "\uff3a\uff29\uff3a\uff2d\uff15\uff12\uff19",
    ],
    ids=ascii,
)
def test_a_pin_in_a_text_is_found(text: str) -> None:
    assert RULES.appears_in(Pin("zizm529"), text)


@pytest.mark.parametrize("text", ["", "Her remote has no letters left on it.", "zizm52", "529zizm"])
def test_a_text_without_the_pin_is_not_flagged(text: str) -> None:
    assert not RULES.appears_in(Pin("zizm529"), text)


def test_a_pin_of_punctuation_is_found_only_where_it_is() -> None:
    assert not RULES.appears_in(Pin("#*#*"), "nothing of the kind")
    assert RULES.appears_in(Pin("#*#*"), "it shows # * # *")
