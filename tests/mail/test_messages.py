"""What a message says, in which language, and that no input can add a header or a recipient."""

import socket
import sys
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from portal.domain.errors import SettingsError
from portal.mail.messages import MessageWriter, NoAddress, parse_address
from portal.mail.outbox import Notice, NoticeKind
from portal.mail.written import WrittenMessage, written
from portal.settings.loading import load
from portal.settings.types import languages
from tests.harness.cases import each
from tests.harness.catalogues import catalogue, translations
from tests.harness.mail_servers import parse_message
from tests.harness.strict_mail_reader import ReadMessage, read

AT = datetime(2026, 5, 4, 12, 3, tzinfo=UTC)
TIMES = {
    "en": "May 4, 2026, 12:03\N{NARROW NO-BREAK SPACE}PM",
    "es": "4 de mayo de 2026, 12:03",
    "fr": "4 mai 2026, 12:03",
    "de": "4. Mai 2026, 12:03",
    "pt-BR": "4 de maio de 2026 12:03",
    "ja": "2026年5月4日 12:03",
    "ar": "4 مايو 2026، 12:03 م",
}
ALICE = "alice@example.com"


def writer(**settings: str) -> MessageWriter:
    given = {
        "PORTAL_SANDBOX_PUBLIC": "yes",
        "PORTAL_PUBLIC_URL": "https://tv.example.com",
        "PORTAL_MAIL_FROM": "help@example.com",
    }
    return MessageWriter(load(given | {f"PORTAL_{name.upper()}": value for name, value in settings.items()}))


def notice(kind: NoticeKind = NoticeKind.LINKED_BY_AGENT, tv_name: str | None = None) -> Notice:
    return Notice("5ec4e7" * 5 + "aa", kind, "consumer", tv_name, AT, 1)


def received(message: WrittenMessage) -> ReadMessage:
    """Return a message as the recipient reads it; Python's own library has to agree."""
    found = read(message.content)
    theirs = parse_message(message.content)
    assert (theirs["Subject"], theirs.get_content().replace("\r\n", "\n")) == (found.subject, found.text)
    return found


SENTENCES = {
    NoticeKind.LINKED_BY_AGENT: (
        "Our support team linked a TV to your account.",
        "By: our support team",
        "Open https://tv.example.com/devices and unlink the TV.",
    ),
    NoticeKind.UNLINKED_BY_AGENT: (
        "Our support team unlinked a TV from your account.",
        "By: our support team",
        "To link the TV again, open https://tv.example.com/activate",
    ),
    NoticeKind.SIGNED_OUT_BY_AGENT: (
        "Our support team signed you out in every browser. Your TVs stay linked.",
        "By: our support team",
        "To sign in again, open https://tv.example.com/sign-in",
    ),
    NoticeKind.LINKED_FROM_NEW_ADDRESS: (
        "A TV was linked to your account, from a place where you had not linked one before.",
        "By: you, or somebody signed in as you",
        "Open https://tv.example.com/devices and unlink the TV.",
    ),
    NoticeKind.LINK_BY_AGENT_UNKNOWN: (
        "Our support team tried to link a TV to your account. We did not hear whether it worked, so the TV may "
        "be linked.",
        "By: our support team",
        "If you asked them to, open https://tv.example.com/devices to see which TVs are linked.",
        "Open https://tv.example.com/devices. If it shows a TV that you do not want there, unlink it.",
    ),
    NoticeKind.UNLINK_BY_AGENT_UNKNOWN: (
        "Our support team tried to unlink a TV from your account. We did not hear whether it worked, so the TV may "
        "still be linked.",
        "By: our support team",
        "If you asked them to, open https://tv.example.com/devices to see which TVs are linked.",
        "To link the TV again, open https://tv.example.com/activate",
    ),
}


@each("kind", NoticeKind)
def test_it_says_what_was_done_when_by_whom_and_what_to_do(kind: NoticeKind) -> None:
    found = received(writer(brand_support_url="https://example.com/help").write(notice(kind, "Living room"), ALICE))
    text = found.text
    for sentence in (*SENTENCES[kind], "TV: Living room", "When: May 4, 2026, 12:03\N{NARROW NO-BREAK SPACE}PM UTC"):
        assert sentence in text
    for sentence in ("Change your password.", "Tell our support team: https://example.com/help"):
        assert sentence in text
    assert "We never ask for your PIN by email." in text
    assert text.startswith("Hello,\n\n")
    assert "\n\n\n" not in text


def test_what_is_not_known_is_left_out() -> None:
    text = received(writer().write(notice(), ALICE)).text
    assert "TV: " not in text
    assert "3. Tell our support team.\n" in text
    assert "\n\n\n" not in text


def test_a_support_address_is_shown_without_its_scheme() -> None:
    text = received(writer(brand_support_url="mailto:help@example.com").write(notice(), ALICE)).text
    assert "Tell our support team: help@example.com\n" in text


def test_the_headers_name_the_sender_and_mark_the_message_as_automatic() -> None:
    found = received(writer(brand_name="Café TV, Inc.").write(notice(), ALICE))
    assert found.sender == ("Café TV, Inc.", "help@example.com")
    assert found.subject == "Café TV, Inc.: our support team linked a TV to your account"
    date = parsedate_to_datetime(found.fields.pop("Date"))
    assert abs((date - datetime.now(UTC)).total_seconds()) < 10
    assert {name: value for name, value in found.fields.items() if name not in ("From", "Subject")} == {
        "To": "alice@example.com",
        "Message-ID": f"<{notice().attempt_id}@example.com>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "en",
        "MIME-Version": "1.0",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
    }


def test_a_message_has_the_same_id_each_time_it_is_written() -> None:
    domain = "a-rather-long-name-of-a-company." * 4 + "example"
    ids = {received(writer(mail_from=f"a@{domain}").write(notice(), ALICE)).fields["Message-ID"] for _ in range(2)}
    assert ids == {f"<{notice().attempt_id}@{domain}>"}


@each(
    "chosen, operators, expected",
    [
        ("de", "en", "de"),
        ("pt-BR", "en", "pt-BR"),
        (None, "fr", "fr"),
        ("tlh", "fr", "fr"),
        ("../../etc", "en", "en"),
    ],
)
def test_it_is_in_the_viewers_language_or_else_in_the_operators(
    chosen: str | None, operators: str, expected: str
) -> None:
    found = received(writer(language=operators).write(notice(), ALICE, chosen))
    assert found.fields["Content-Language"] == expected
    assert TIMES[expected] in found.text


def test_it_can_be_read_in_every_language_though_no_server_knows_8bitmime() -> None:
    ours = writer(brand_name='TV "テレビ", Inc.')
    for language in languages():
        for kind in NoticeKind:
            message = ours.write(notice(kind, tv_name="غرفة المعيشة"), ALICE, language)
            assert message.content.isascii(), language
            found = received(message)
            assert "غرفة المعيشة" in found.text, language
            assert 'TV "テレビ", Inc.' in found.subject
            assert found.sender[0] == 'TV "テレビ", Inc.'
            assert f"{TIMES[language]} UTC" in found.text


def test_no_server_has_a_reason_to_change_a_text() -> None:
    for text in (
        *("x" * 2000 + "\n", "é" * 2000 + "\n", "trailing space \nand tab\t\n", ".\n..\n.a\n", "=41 = ==\n"),
        *("a\nFrom here on\n", "From the start\n", "a\n\n\nb\n"),
    ):
        content = written("a@b.example", ALICE, ["Subject: a"], text).content
        assert parse_message(content).get_content().replace("\r\n", "\n") == read(content).text == text
        # A server may take white space off the end of a line, and put a > before From.
        assert not any(line.startswith(b"From ") or line.endswith((b" ", b"\t")) for line in content.split(b"\r\n"))


def test_the_operators_own_template_comes_first_and_is_translated(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "mail"
    folder.mkdir(parents=True)
    (folder / "linked_by_agent.txt").write_text("{% trans %}Sign in{% endtrans %}\n\nOur own words.\n")
    own = writer(overrides_dir=str(tmp_path))
    found = received(own.write(notice(), ALICE, "de"))
    german = {text.singular: strings[0] for text, strings in translations(catalogue("de")).items()}
    assert (found.subject, found.text) == (german["Sign in"], "Our own words.\n")
    assert german["Sign in"] != "Sign in"
    assert "Our support team" in received(own.write(notice(NoticeKind.UNLINKED_BY_AGENT), ALICE)).text
    (folder / "linked_by_agent.txt").write_text("{{ pin }}")
    with pytest.raises(UndefinedError):
        writer(overrides_dir=str(tmp_path)).write(notice(), ALICE)


@each("name", ["a\r\nBcc: mallory@example.com", "a\nb\u2028c\x00d\u202e", "100 %(pin)s {{ pin }}"])
def test_the_name_of_a_tv_stays_on_its_line(name: str) -> None:
    found = received(writer().write(notice(tv_name=name), ALICE))
    assert "Bcc" not in found.fields
    [line] = [line for line in found.text.splitlines() if line.startswith("TV: ")]
    assert line == "TV: " + name.replace("\r\n", " ").replace("\n", " ").replace("\u2028", " ").replace(
        "\x00", ""
    ).replace("\u202e", "")


@each(
    "email",
    [
        "",
        "alice",
        "@example.com",
        "alice@",
        "alice@example.com\nBcc: mallory@example.com",
        "alice@example.com\r\n\r\nHello",
        "alice@example.com\n",
        "alice@example.com, mallory@example.com",
        "alice@example.com mallory@example.com",
        "mallory@example.com;alice@example.com",
        "Alice <alice@example.com>",
        "alice@mallory@example.com",
        '"alice mallory"@example.com',
        "alice(comment)@example.com",
        "alice@[192.0.2.1]",
        "alice@exam\u202eple.com",
        "ali\u200bce@example.com",
        "ali\x00ce@example.com",
        "alice@example..com",
        "alice@-example.com",
        "a" * 65 + "@example.com",
        "alice@" + "a" * 64 + ".com",
        "alice@" + "example." * 40 + "com",
        "\ud800@example.com",
        "=?utf-8?b?YQ0KQmNjOiBt?=@mallory.example",
        "=?utf-8?q?a=0D=0ABcc=3A_m?=@mallory.example",
        "alice=?utf-8?q?=2C?=@mallory.example",
    ],
)
def test_what_is_not_exactly_one_address_is_refused(email: str) -> None:
    with pytest.raises(NoAddress) as caught:
        writer().write(notice(), email)
    assert "alice" not in str(caught.value)
    assert caught.value.__cause__ is None


@each(
    "email, expected",
    [
        ("alice@example.com", "alice@example.com"),
        (" alice@example.com ", "alice@example.com"),
        ("o'hara+tv!#$%&*/=?^_`{|}~-@example.com", "o'hara+tv!#$%&*/=?^_`{|}~-@example.com"),
        ("alice@bücher.example", "alice@xn--bcher-kva.example"),
        ("josé@example.com", "josé@example.com"),
        ("a" * 64 + "@" + "b" * 60 + ".example", "a" * 64 + "@" + "b" * 60 + ".example"),
    ],
)
def test_an_address_is_used_unchanged(email: str, expected: str) -> None:
    assert parse_address(email) == expected
    assert sent(writer().write(notice(), email)).recipient == expected


FIELDS = (
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
)
# Each decodes to a line break and a header, or a body.
ENCODED_WORDS = tuple(
    word
    for hidden in ("a\r\nBcc: m@x.com", "a\nBcc: m@x.com", "a\r\n\r\nbody", "a\rX: y", "m@x.com, a")
    for word in (
        f"=?utf-8?b?{b64encode(hidden.encode()).decode()}?=",
        "=?utf-8?q?" + "".join(f"={byte:02X}" for byte in hidden.encode()) + "?=",
        f"=?utf-8*en?B?{b64encode(hidden.encode()).decode()}?=",
    )
)


def sent(message: WrittenMessage) -> WrittenMessage:
    """Return a message; it must have exactly the fields that we set, and our text."""
    found = received(message)
    assert tuple(found.fields) == FIELDS
    assert found.fields["To"] == message.recipient
    assert found.text.startswith("Hello,")
    return message


def test_no_encoded_word_writes_a_header_or_a_body(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "mail"
    folder.mkdir(parents=True)
    (folder / "linked_by_agent.txt").write_text("About {{ tv_name }}\n\nHello, {{ tv_name }}\n")
    own, plain = writer(overrides_dir=str(tmp_path)), writer(brand_support_url="mailto:help@example.com")
    for word in ENCODED_WORDS:
        for name in (word, f"a {word} b", f"{word} {word}"):
            assert sent(own.write(notice(tv_name=name), ALICE)).recipient == ALICE, name
            sent(plain.write(notice(tv_name=name), ALICE))
        with pytest.raises(NoAddress):
            plain.write(notice(), f"{word}@mallory.example")
        with pytest.raises(SettingsError):
            writer(mail_from=f"{word}@mallory.example")
    for brand in (ENCODED_WORDS[0][:60], f"TV {ENCODED_WORDS[1]}"[:60], f'"{ENCODED_WORDS[2]}'[:60]):
        ready = sent(writer(brand_name=brand).write(notice(), ALICE))
        assert (ready.sender, ready.recipient) == ("help@example.com", ALICE), brand


def test_an_address_is_judged_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("looked up")

    for name in ("getaddrinfo", "gethostbyname", "socket"):
        monkeypatch.setattr(socket, name, refuse)
    assert parse_address("alice@no-such-host.example") == "alice@no-such-host.example"
    assert "dns" not in sys.modules
