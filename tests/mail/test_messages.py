"""What a message says, in which language, and that no input can add a header or a recipient."""

import socket
import sys
from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from portal.domain.errors import SettingsError
from portal.mail.messages import MessageWriter, NoAddress, parse_address
from portal.mail.outbox import Notice, NoticeKind
from portal.mail.written import UnsafeMessage, WrittenMessage, written
from portal.settings.loading import load
from portal.settings.types import languages
from tests.harness.catalogues import catalogue, translations
from tests.harness.mail_servers import parse_message

AT = datetime(2026, 5, 4, 12, 3, tzinfo=UTC)
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


def received(written: EmailMessage) -> Any:
    """Return a message as the recipient reads it."""
    return parse_message(written.as_bytes())


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
}


@pytest.mark.parametrize("kind", NoticeKind)
def test_it_says_what_was_done_when_by_whom_and_what_to_do(kind: NoticeKind) -> None:
    found = received(writer(brand_support_url="https://example.com/help").write(notice(kind, "Living room"), ALICE))
    text = found.get_content()
    for sentence in (*SENTENCES[kind], "TV: Living room", "When: May 4, 2026, 12:03\N{NARROW NO-BREAK SPACE}PM UTC"):
        assert sentence in text
    for sentence in ("Change your password.", "Tell our support team: https://example.com/help"):
        assert sentence in text
    assert "We never ask for your PIN by e-mail." in text
    assert text.startswith("Hello,\n\n")
    assert "\n\n\n" not in text


def test_what_is_not_known_is_left_out() -> None:
    text = received(writer().write(notice(), ALICE)).get_content()
    assert "TV: " not in text
    assert "3. Tell our support team.\n" in text
    assert "\n\n\n" not in text


def test_a_support_address_is_shown_without_its_scheme() -> None:
    text = received(writer(brand_support_url="mailto:help@example.com").write(notice(), ALICE)).get_content()
    assert "Tell our support team: help@example.com\n" in text


def test_the_headers_name_the_sender_and_mark_the_message_as_automatic() -> None:
    found = received(writer(brand_name="Café TV, Inc.").write(notice(), ALICE))
    [sender] = found["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Café TV, Inc.", "help@example.com")
    assert found["To"] == "alice@example.com"
    assert found["Subject"] == "Café TV, Inc.: our support team linked a TV to your account"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Content-Language"] == "en"
    assert found["Content-Type"] == 'text/plain; charset="utf-8"'
    assert abs((found["Date"].datetime - datetime.now(UTC)).total_seconds()) < 10


def test_a_message_has_the_same_id_each_time_it_is_written() -> None:
    ids = {received(writer().write(notice(), ALICE))["Message-ID"] for _ in range(2)}
    assert ids == {f"<{notice().attempt_id}@example.com>"}


@pytest.mark.parametrize(
    ("chosen", "operators", "expected"),
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
    assert found["Content-Language"] == expected
    times = {"de": "4. Mai 2026, 12:03 UTC", "pt-BR": "4 de maio de 2026, 12:03 UTC", "fr": "4 mai 2026, 12:03 UTC"}
    assert times.get(expected, "May 4, 2026") in found.get_content()


@pytest.mark.parametrize("language", languages())
def test_it_can_be_written_and_read_in_every_language(language: str) -> None:
    written = writer(brand_name="テレビ").write(notice(tv_name="غرفة المعيشة"), ALICE, language)
    # RFC 5322 allows 998 characters a line.
    assert max(len(line) for line in written.as_bytes().splitlines()) < 998
    found = received(written)
    assert "غرفة المعيشة" in found.get_content()
    assert "テレビ" in found["Subject"]
    assert " UTC" in found.get_content()


def test_the_operators_own_template_comes_first_and_is_translated(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "mail"
    folder.mkdir(parents=True)
    (folder / "linked_by_agent.txt").write_text("{% trans %}Sign in{% endtrans %}\n\nOur own words.\n")
    own = writer(overrides_dir=str(tmp_path))
    found = received(own.write(notice(), ALICE, "de"))
    german = {text.singular: strings[0] for text, strings in translations(catalogue("de")).items()}
    assert (found["Subject"], found.get_content()) == (german["Sign in"], "Our own words.\n")
    assert german["Sign in"] != "Sign in"
    assert "Our support team" in received(own.write(notice(NoticeKind.UNLINKED_BY_AGENT), ALICE)).get_content()
    (folder / "linked_by_agent.txt").write_text("{{ pin }}")
    with pytest.raises(UndefinedError):
        writer(overrides_dir=str(tmp_path)).write(notice(), ALICE)


@pytest.mark.parametrize("name", ["a\r\nBcc: mallory@example.com", "a\nb\u2028c\x00d\u202e", "100 %(pin)s {{ pin }}"])
def test_the_name_of_a_tv_stays_on_its_line(name: str) -> None:
    found = received(writer().write(notice(tv_name=name), ALICE))
    assert found["Bcc"] is None
    [line] = [line for line in found.get_content().splitlines() if line.startswith("TV: ")]
    assert line == "TV: " + name.replace("\r\n", " ").replace("\n", " ").replace("\u2028", " ").replace(
        "\x00", ""
    ).replace("\u202e", "")


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
    ("email", "expected"),
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
    assert parse_address(email).addr_spec == expected
    assert sent(writer().write(notice(), email)).recipient == expected


HEADERS = (
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("Content-Type", "Content-Transfer-Encoding", "MIME-Version", "Content-Language"),
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


def sent(message: EmailMessage) -> WrittenMessage:
    """Return what the mail server gets; it must have exactly the headers that we set, each on a line of its own."""
    ready = written(message)
    head, _, body = ready.content.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith(b" ")]
    assert names == list(HEADERS)
    assert head.replace(b"\r\n ", b" ").split(b"\r\n")[1] == f"To: {ready.recipient}".encode()
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert b64decode(body).startswith(b"Hello,") if b"base64" in head else body.startswith(b"Hello,")
    return ready


def test_no_encoded_word_writes_a_header_or_a_body(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "mail"
    folder.mkdir(parents=True)
    (folder / "linked_by_agent.txt").write_text("About {{ tv_name }}\n\nHello, {{ tv_name }}\n")
    for word in ENCODED_WORDS:
        for brand in (word[:60], f"TV {word}"[:60], f'"{word}'[:60]):
            ready = sent(writer(brand_name=brand).write(notice(), ALICE))
            assert (ready.sender, ready.recipient) == ("help@example.com", ALICE), brand
        for name in (word, f"a {word} b", f"{word} {word}"):
            assert sent(writer(overrides_dir=str(tmp_path)).write(notice(tv_name=name), ALICE)).recipient == ALICE, name
            sent(writer(brand_support_url="mailto:help@example.com").write(notice(tv_name=name), ALICE))
        with pytest.raises(NoAddress):
            writer().write(notice(), f"{word}@mallory.example")
        with pytest.raises(SettingsError):
            writer(mail_from=f"{word}@mallory.example")


def test_a_message_that_would_be_written_otherwise_is_not_sent() -> None:
    for name, value in (
        ("Subject", ENCODED_WORDS[0]),
        # As the last header it writes a body.
        ("Subject", ENCODED_WORDS[6]),
        ("To", Address("", ENCODED_WORDS[0], "mallory.example")),
        ("To", Address("Alice", "alice", "example.com")),
        ("To", "alice@example.com, mallory@example.com"),
    ):
        message = writer().write(notice(), ALICE)
        del message[name]
        message[name] = value
        with pytest.raises(UnsafeMessage) as caught:
            written(message)
        assert "@" not in str(caught.value)
    twice = writer().write(notice(), ALICE)
    twice._headers.append(("Subject", "another"))  # type: ignore[attr-defined]
    with pytest.raises(UnsafeMessage):
        written(twice)


def test_a_name_that_some_versions_of_python_write_as_lines_is_one_word_or_not_sent() -> None:
    message = writer().write(notice(), ALICE)
    message.replace_header("From", Address(ENCODED_WORDS[0], "help", "example.com"))
    with suppress(UnsafeMessage):
        sent(message)


def test_an_address_is_judged_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("looked up")

    for name in ("getaddrinfo", "gethostbyname", "socket"):
        monkeypatch.setattr(socket, name, refuse)
    assert parse_address("alice@no-such-host.example").domain == "no-such-host.example"
    assert "dns" not in sys.modules
