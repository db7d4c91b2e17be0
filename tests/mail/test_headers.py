"""Headers that every reader decodes to the text that was set, judged by a strict one."""

import pytest

from portal.mail.headers import mailbox_field, text_field
from tests.harness.cases import each
from tests.harness.catalogues import CATALOGUES, catalogue, translations
from tests.harness.strict_mail_reader import decoded, mailbox, read, unfolded

NAMES = (
    *("TV", "Zype Activate", "Example TV, Inc.", 'TV "Quotes", Inc.', "Back\\slash", "O'Hara & Sons", "(comment)"),
    *("Café TV", "Café au lait et thé", "テレビ", "قناة العائلة", "Ünïcödé ünd möre", "é" * 60, "テ" * 60, "😀" * 30),
    *("x" * 60, "a b" * 20, "é b " * 14 + "é", ". . .", "@", "<a@b.example>", "a; b: c, d", "Mallory <m@x.example>,"),
    *("=", "=?", "?=", "?==?", "a =?utf-8?q?b?= c", "=?utf-8?b?YQ0KQmNjOiBt?=", "=_=", "_under_ score", "é=?é?=é"),
    *("a" * 59 + "é", "é" + "a" * 59, "a" * 30 + " é " + "b" * 20, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
)
SUBJECT = "%(brand_name)s: "


def subjects() -> list[str]:
    """Return the subjects of all mails, in English and as they are translated; each catalogue has every text."""
    translated = [translations(catalogue(folder)) for folder in CATALOGUES]
    found = {
        string for texts in translated for text, (string, *_) in texts.items() if text.singular.startswith(SUBJECT)
    }
    return sorted(found | {text.singular for text in translated[0] if text.singular.startswith(SUBJECT)})


def test_every_subject_and_every_name_in_it_is_read_as_it_was_set() -> None:
    found = subjects()
    assert len(found) >= 4 * (len(CATALOGUES) + 1)
    for number, subject in enumerate((*found, *["%(brand_name)s", "a %(brand_name)s"] * 3)):
        # Each name with every third subject: what differs is where the words end.
        for brand_name in NAMES[number % 3 :: 3]:
            text = subject % {"brand_name": brand_name}
            name, value = unfolded(text_field("Subject", text))
            assert (name, decoded(value)) == ("Subject", text)


def test_every_name_of_a_sender_is_read_as_it_was_set() -> None:
    for address in ("help@example.com", "a" * 64 + "@" + "b" * 60 + ".example"):
        for brand_name in NAMES:
            field = mailbox_field("From", brand_name, address)
            assert mailbox(unfolded(field)[1]) == (brand_name, address), field


def test_what_everybody_can_read_stays_readable() -> None:
    assert text_field("Subject", "TV: our support team") == "Subject: TV: our support team"
    assert mailbox_field("From", "Example TV", "a@b.example") == "From: Example TV <a@b.example>"
    assert mailbox_field("From", "TV, Inc.", "a@b.example") == 'From: "TV, Inc." <a@b.example>'
    assert mailbox_field("From", "Café TV", "a@b.example") == "From: =?utf-8?q?Caf=C3=A9_TV?= <a@b.example>"


@each(
    "wrong",
    [
        "Subject: \r\n =?utf-8?q?folded_before_its_first_word?=",
        "Subject: =?utf-8?q?half_a_character_=C3?=\r\n =?utf-8?q?=A9?=",
        "Subject: =?utf-8?q?no_space?==?utf-8?q?between?=",
        "Subject: in_a_word=?utf-8?q?x?=",
        "Subject: =?utf-8?q?a space?=",
        "Subject: =?utf-8?q?" + "a" * 80 + "?=",
        "Subject: =?utf-8?q?a?=\r\n  =?utf-8?q?two_spaces?=",
        "Subject: é",
    ],
)
def test_the_strict_reader_refuses_what_not_every_reader_understands(wrong: str) -> None:
    with pytest.raises((AssertionError, UnicodeDecodeError)):
        decoded(unfolded(wrong)[1])


def test_the_strict_reader_shows_what_is_lost_between_words() -> None:
    assert decoded("=?utf-8?q?a?= =?utf-8?q?b?= c") == "ab c"
    with pytest.raises(AssertionError, match="7-bit"):
        read(b"Subject: a\r\n\r\n\xc3\xa9")
