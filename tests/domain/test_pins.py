"""What counts as a PIN, and that a PIN never prints itself."""

import re
import sys
import unicodedata
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.characters import OVERRIDES, visible
from portal.domain.pins import MalformedPin, Pin, PinCase, PinRules
from tests.harness.cases import each

RULES = PinRules()
PINS = st.from_regex(RULES.pattern, fullmatch=True)
# Everything that a person, a keyboard or a copied message may add without meaning a character of the PIN.
SEPARATORS = "".join(map(chr, (*range(9, 14), 0x20, 0x85, 0xA0, 0x2007, 0x2028, 0x202F, 0x3000))) + "-‐‑–—−－ー・•·_＿"
INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u061c\u2066\u2069\ufe0f\u3164\U000e0101"
# Number signs of scripts from right to left: the only formats that are seen.
SEEN = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
KEYBOARD_DASHES = (
    "\u2212\u30fc\uff70\u2500\u2501\u2043\u2053\u207b\u208b\u02d7\u00af\u203e\uffe3_\uff3f\u203f\uff5e\u0640\u23af"
)
MIDDLE_DOTS = "\u00b7\u2022\u30fb\uff65\u2027\u2219\u22c5\u0387\u2e31"
UNSEEN = (
    "\ufffc\u034f\u115f\u17b4\u180b\u180f\u2061\u2065\u206a\u2800\u3164\ufe00\ufe0f\uffa0\ufff0\U000e0061\U000e01ef"
)
PORTAL = PinRules(public_url="https://tv.example.com")


@cache
def marks(category: str) -> list[str]:
    """Return every character of a category of Unicode, or of all that begin with a letter: by no list of ours."""
    return [c for c in map(chr, range(sys.maxunicode)) if unicodedata.category(c).startswith(category)]


def normalised(typed: str, rules: PinRules = RULES) -> str:
    return rules.normalise(typed).secret


@each("pin", ["zizm529", "zabc123", "s3kf32", "1234", "a" * 16])
def test_a_pin_of_zype_is_unchanged(pin: str) -> None:
    assert normalised(pin) == pin


@each(
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
)
def test_spaces_dashes_and_invisible_marks_are_dropped(typed: str) -> None:
    assert normalised(typed) == "zizm529"


@each("typed", ["ｚｉｚｍ５２９", "ＺＩＺＭ５２９", "zizm٥٢٩", "zizm۵۲۹", "zizm५२९", "zizm𝟓𝟐𝟗"])
def test_full_width_forms_and_foreign_digits_become_ascii(typed: str) -> None:
    assert normalised(typed) == "zizm529"


@each(
    "mark",
    [
        *"\x00\x07\x1b\x1c\x1d\x1e\x1f\x7f\x80\x9f",
        *"\u202a\u202b\u202c\u202d\u202e",
        *"📺\u2796ſ\u212aéß²①\u0301ⅷ一\ud800\u0600",
    ],
)
def test_other_characters_outside_printable_ascii_are_malformed(mark: str) -> None:
    with pytest.raises(MalformedPin):
        RULES.normalise(f"zizm{mark}529")


def test_every_dash_and_what_keyboards_give_for_one_is_dropped() -> None:
    for mark in (*marks("Pd"), *KEYBOARD_DASHES, *MIDDLE_DOTS):
        assert normalised(f"{mark}zizm{mark}{mark}529{mark}") == "zizm529", ascii(mark)


def test_what_cannot_be_seen_is_dropped() -> None:
    for mark in ({*marks("Cf")} - {*OVERRIDES}) | {*UNSEEN}:
        if mark not in SEEN:
            assert normalised(f"{mark}zizm{mark}529{mark}") == "zizm529", ascii(mark)


def test_punctuation_quotes_and_brackets_around_the_whole_are_dropped() -> None:
    for mark in (*marks("P"), *"`´<>~|^=+$", *"\u02b9\u02bc\u02bd\u02ee\u00a8\u02cb\u309b"):
        assert normalised(f"{mark}zizm529{mark}") == "zizm529", ascii(mark)
    for typed in (
        "**zizm529**",
        '"zizm529."',
        "( zizm-529 )",
        "「zizm529」。",
        "“ zizm529 ”…",
        "<zizm529>,",
        "¿zizm529?!",
    ):
        assert normalised(typed) == "zizm529", typed


def test_punctuation_inside_is_never_dropped() -> None:
    for mark in "!\"#$%&'()*+,./:;<=>?@[\\]^`{|}~":
        with pytest.raises(MalformedPin):
            RULES.normalise(f"zizm{mark}529")


@each(
    "pattern, typed, pin",
    [
        ("[A-Z]{3}-[0-9]{3}", " ABC-123. ", "ABC-123"),
        # An automatic correction made another dash of it.
        ("[A-Z]{3}-[0-9]{3}", "ABC\u2013123", "ABC-123"),
        ("[A-Z]{3}-[0-9]{3}", "A_B C-1·23", "ABC-123"),
        ("[*#0-9]{4,8}", "*12#34*", "*12#34*"),
        ("[*#0-9]{4,8}", "“*1234#”", "*1234#"),
        ("[A-Z]{3} [0-9]{3}", " ABC\u00a0123 ", "ABC 123"),
    ],
)
def test_a_character_that_the_pattern_names_is_never_dropped(pattern: str, typed: str, pin: str) -> None:
    assert normalised(typed, PinRules("keep", re.compile(pattern))) == pin


def test_no_pattern_is_tried_on_more_than_32_characters() -> None:
    with pytest.raises(MalformedPin):
        # It would take hours.
        PinRules(pattern=re.compile("([a-z]+[0-9]*)+")).normalise("a" * 40 + "!a")
    assert normalised("a" * 32 + " -\u200b" * 100, PinRules(pattern=re.compile("a+"))) == "a" * 32
    with pytest.raises(MalformedPin):
        PinRules(pattern=re.compile("a+")).normalise("a" * 33)


@each(
    "link",
    [
        "https://tv.example.com/activate#pin=zizm529",
        "https://tv.example.com/activate?pin=zizm529",
        "HTTPS://TV.EXAMPLE.COM/ACTIVATE#PIN=ZIZM529",
        "tv.example.com/activate#pin=zizm529",
        "http://tv.example.com:443/activate/?utm_source=qr&pin=zizm-529&x",
        "https://tv.example.com/Activate/#utm=1&Pin=zizm%20529",
        "https://tv.example.com/activate#?pin=zizm529",
        "https://tv.example.com/activate#pin%3Dzizm529",
        "https://tv.example.com/activate%23pin=zizm529",
        "https://tv.example.com/activate%3Fpin%3Dzizm529",
        "https://tv.example.com/activate#utm=1;pin=zizm529",
        "https://tv.example.com/activate?utm=1&amp;pin=zizm529",
        "https://tv.example.com/activate?pin=zizm+529",
        "https://tv.example.com/activate?pin=&pin=zizm529",
        "tv.example.com/?pin=zizm529",
        "tv.example.com?pin=zizm529",
        "  <https://tv.example.com/activate#pin=zizm529>. ",
        "https://tv.example.com/activate#pin=\r\n zizm529",
        "ｈｔｔｐｓ：//tv.example.com/activate＃pin＝zizm529\u200b",
    ],
)
def test_a_link_of_the_portal_gives_the_pin_in_it(link: str) -> None:
    pin = PORTAL.normalise(link)
    assert (pin.secret, pin.is_from_link) == ("zizm529", True)


@each(
    "link",
    [
        "https://evil.example/activate#pin=zizm529",
        "https://tv.example.com.evil.example/activate#pin=zizm529",
        "https://tv.example.com@evil.example/activate#pin=zizm529",
        "https://tv.example.com/activate",
        "https://tv.example.com/activate#pin=",
        "https://tv.example.com/activate#pin=zizm\u202e529",
        "https://tv.example.com/devices#pin=zizm529",
        "ftp://tv.example.com/activate#pin=zizm529",
        "see https://tv.example.com/activate#pin=zizm529",
    ],
)
def test_another_link_gives_none(link: str) -> None:
    with pytest.raises(MalformedPin):
        PORTAL.normalise(link)


def test_a_typed_pin_is_from_no_link() -> None:
    assert not PORTAL.normalise("zizm529").is_from_link
    with pytest.raises(MalformedPin):
        RULES.normalise("https://tv.example.com/activate#pin=zizm529")


def test_nothing_unseen_comes_back() -> None:
    assert visible(f" zi\u200bz\u202em\u2066\ufe0f-5\x00\x1b{UNSEEN}2\u20289📺 ") == " zizm-52\u20289📺 "


@each("typed", ["", " ", "-", "abc", "a" * 17, "zizm.529", "zizm,529", "' OR 1=1 --", "<b>zizm</b>", "a" * 1_000_000])
def test_input_that_does_not_match_the_pattern_is_malformed(typed: str) -> None:
    with pytest.raises(MalformedPin):
        RULES.normalise(typed)


def test_the_whole_pin_must_match_not_just_its_start() -> None:
    with pytest.raises(MalformedPin):
        PinRules("keep", re.compile("[a-z]{4}")).normalise("abcd9")


@each("case, pin", [("lower", "ab12"), ("upper", "AB12"), ("keep", "aB12")])
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


@each("typed", ["529", "52961" * 10, "52961" * 1000, "\u202e52961", "5#2961"])
def test_the_error_never_contains_the_input(typed: str) -> None:
    with pytest.raises(MalformedPin) as caught:
        RULES.normalise(typed)
    assert "529" not in str(caught.value)
    assert caught.value.__context__ is None


def test_pins_are_equal_by_their_text() -> None:
    assert Pin("zizm529") == Pin("zizm529")
    assert Pin("zizm529") != Pin("zizm528")


@each(
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
)
def test_a_pin_in_a_text_is_found(text: str) -> None:
    assert RULES.appears_in(Pin("zizm529"), text)


def test_a_pin_in_a_text_is_found_as_normalise_would_read_it() -> None:
    for mark in (*marks("Pd"), *KEYBOARD_DASHES, *MIDDLE_DOTS, *UNSEEN, *marks("P"), *"\u202e\x00"):
        assert RULES.appears_in(Pin("zizm529"), f"It is {mark}zizm{mark}529{mark}"), ascii(mark)
    rules = PinRules("keep", re.compile("[A-Z]{3}-[0-9]{3}"))
    for text in ("ABC-123", "abc 123", "ABC\u2013123", "(ABC123)"):
        assert rules.appears_in(Pin("ABC-123"), text), text
    assert not rules.appears_in(Pin("#-7"), "7 o'clock")


@each("text", ["", "Her remote has no letters left on it.", "zizm52", "529zizm"])
def test_a_text_without_the_pin_is_not_flagged(text: str) -> None:
    assert not RULES.appears_in(Pin("zizm529"), text)


def test_a_pin_of_punctuation_is_found_only_where_it_is() -> None:
    assert not RULES.appears_in(Pin("#*#*"), "nothing of the kind")
    assert RULES.appears_in(Pin("#*#*"), "it shows # * # *")
