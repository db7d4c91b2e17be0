"""Mails of every kind and language go through a real Postfix unchanged, and its refusals are understood."""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle
from uuid import uuid4

import pytest

from portal.mail.messages import MessageWriter
from portal.mail.outbox import Notice, NoticeKind
from portal.mail.smtp import NotSent, SMTPClient
from portal.mail.written import WrittenMessage
from portal.settings.loading import load
from portal.settings.types import languages
from tests.deployment.postfix import postfix
from tests.harness.mail_servers import MailServer
from tests.harness.strict_mail_reader import read
from tests.harness.timing import wait_until

SENDER = "help@example.com"
NAMES = (
    'TV "Quotes", Inc.',
    "テレビの会社とても長い名前で折り返しが必要なもの",
    "Ünïcödé =?utf-8?q?a?= TV",
    "x " * 29 + "x",
)
DELIVERY_SECONDS = 30.0


@pytest.fixture(scope="module")
def sink() -> Iterator[MailServer]:
    """The server to which Postfix hands on what it accepted."""
    with MailServer().serve_in_thread() as server:
        yield server


@pytest.fixture(scope="module")
def relay(sink: MailServer) -> Iterator[int]:
    """The port of Postfix."""
    with postfix(sink.port) as port:
        yield port


@contextmanager
def delivered(sink: MailServer, count: int) -> Iterator[list[bytes]]:
    """Yield a list that has, after the block, so many mails more that arrived."""
    before, found = len(sink.accepted), list[bytes]()
    yield found
    wait_until(
        lambda: len(sink.accepted) >= before + count,
        lambda: f"{count} mails have arrived, and not {len(sink.accepted) - before}",
        DELIVERY_SECONDS,
    )
    found += [content for _, content in sink.accepted[before:]]


def mails(brand_name: str, sender: str = SENDER, to: str = "alice@example.com") -> Iterator[WrittenMessage]:
    """Yield a mail in each language, and at least one of each kind."""
    settings = load({"PORTAL_BRAND_NAME": brand_name, "PORTAL_MAIL_FROM": sender})
    writer = MessageWriter(settings)
    for language, kind in zip(languages(), cycle(NoticeKind), strict=False):
        notice = Notice(uuid4().hex, kind, "consumer", "غرفة المعيشة", datetime.now(UTC), 1)
        yield writer.write(notice, to, language)


def test_every_mail_arrives_as_it_was_sent(relay: int, sink: MailServer) -> None:
    written = list(mails(NAMES[0])) + [next(mails(name)) for name in NAMES[1:]]
    assert len(written) >= len(NoticeKind) + len(NAMES) - 1
    with delivered(sink, len(written)) as arrived:
        for message in written:
            SMTPClient(f"smtp://127.0.0.1:{relay}", "example.com").send(message)
    # Postfix puts lines before the header, and changes nothing in it.
    assert {content[content.index(b"From: ") :] for content in arrived} == {message.content for message in written}
    for content in arrived:
        found = read(content[content.index(b"From: ") :])
        assert found.sender[1] == SENDER
        assert found.sender[0] in NAMES
        assert found.subject.startswith(found.sender[0])


def test_a_mail_that_is_not_7_bit_is_changed_on_the_way(relay: int, sink: MailServer) -> None:
    mime = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    content = f"From: {SENDER}\r\nSubject: a\r\n{mime}\r\né\r\n".encode()
    with delivered(sink, 1) as arrived, smtplib.SMTP("127.0.0.1", relay) as smtp:
        smtp.sendmail(SENDER, ["alice@example.com"], content, ["BODY=8BITMIME"])
    assert b"quoted-printable" in arrived[0]
    assert b"=C3=A9" in arrived[0]


@pytest.mark.parametrize(
    ("sender", "recipient", "reason", "is_permanent"),
    [
        (SENDER, "gone@example.com", "SMTPRecipientsRefused 550 5.1.1", True),
        (SENDER, "elsewhere@example.com", "SMTPRecipientsRefused 554 5.7.1", False),
        ("blocked@sender.example", "alice@example.com", "SMTPRecipientsRefused 554 5.7.1", False),
        ("unverified@sender.example", "alice@example.com", "SMTPDataError 554 5.7.1", False),
    ],
)
def test_a_refusal_waits_if_it_is_about_us(
    relay: int, sender: str, recipient: str, reason: str, is_permanent: bool
) -> None:
    with pytest.raises(NotSent) as caught:
        SMTPClient(f"smtp://127.0.0.1:{relay}", "example.com").send(next(mails("TV", sender, recipient)))
    assert (str(caught.value), caught.value.is_permanent) == (reason, is_permanent)
