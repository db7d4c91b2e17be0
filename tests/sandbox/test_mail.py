"""The sandbox's mail: received from every sender for every recipient, kept in memory, and shown as text."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from flask import Flask

from portal.sandbox.mail_server import receive_mail
from portal.sandbox.mailbox import MAX_MAILS, Mailbox
from portal.sandbox.state import EXTENSION
from tests.harness.markup import Element, parsed
from tests.sandbox.conftest import Calls, Clock


@pytest.fixture
def mailbox(app: Flask) -> Mailbox:
    found: Mailbox = app.extensions[EXTENSION].mailbox
    return found


@pytest.fixture
def smtp(mailbox: Mailbox) -> Iterator[smtplib.SMTP]:
    with receive_mail(mailbox) as port, smtplib.SMTP("127.0.0.1", port, timeout=5) as smtp:
        yield smtp


def message(subject: str, text: str = "Hello", language: str = "") -> EmailMessage:
    new = EmailMessage()
    new["From"] = "support@example.com"
    new["To"] = "alice@example.com"
    new["Subject"] = subject
    new.set_content(text)
    if language:
        new["Content-Language"] = language
    return new


def page(calls: Calls) -> Element:
    answer = calls.http.get("/mail")
    assert answer.status_code == 200
    return parsed(answer.text)


def test_it_says_that_there_is_no_mail_yet(calls: Calls) -> None:
    assert "No mail yet." in page(calls).text
    assert calls.http.get("/mail.json").json == []
    assert parsed(calls.http.get("/").text).select('main a[href="/mail"]')


def test_it_shows_the_newest_mail_first(smtp: smtplib.SMTP, calls: Calls, clock: Clock) -> None:
    smtp.send_message(message("One", "First line\nسطر", language="ar"))
    clock.advance(minutes=1)
    smtp.send_message(message("Zwei – 二"), to_addrs=["bob@example.com", "mallory@example.com"])
    shown = page(calls)
    assert [heading.text for heading in shown.select("article h2")] == ["Zwei – 二", "One"]
    note = shown.select("article .note")[0].text.strip()
    assert note == "To bob@example.com, mallory@example.com, 2026-05-04 12:01 UTC"
    assert shown.select("article pre")[1].text == "First line\nسطر"
    assert [part.get("lang") for part in shown.select("article pre")] == [None, "ar"]
    assert [mail["subject"] for mail in calls.http.get("/mail.json").json] == ["One", "Zwei – 二"]
    assert calls.http.get("/mail.json").json[0]["headers"]["content-language"] == "ar"


def test_markup_in_a_mail_is_shown_as_text(smtp: smtplib.SMTP, calls: Calls) -> None:
    markup = '<script src="/x.js"></script>"><b onclick="x()">&amp;'
    smtp.send_message(message(markup, markup, language='"><script>'))
    shown = page(calls)
    assert not shown.select("article script, article b")
    assert shown.select_one("article h2").text == markup
    assert shown.select_one("article pre").text == markup


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n\r\n",
        b"Subject: \xff\xfe raw bytes\r\n\r\n\xff",
        b"Content-Type: multipart/mixed\r\n\r\nno parts",
        b"Content-Type: text/html\r\n\r\n<p>only HTML",
        b"Subject: =?utf-8?b?broken?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xff\xfe",
    ],
)
def test_a_malformed_mail_is_shown(smtp: smtplib.SMTP, calls: Calls, content: bytes) -> None:
    smtp.sendmail("mallory@example.com", ["alice@example.com"], content)
    assert len(page(calls).select("article")) == 1
    assert len(calls.http.get("/mail.json").json) == 1


def test_an_unknown_character_set_is_refused(smtp: smtplib.SMTP, calls: Calls) -> None:
    content = b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff"
    with pytest.raises(smtplib.SMTPDataError):
        smtp.sendmail("mallory@example.com", ["alice@example.com"], content)
    assert calls.http.get("/mail.json").json == []


def test_it_keeps_a_limited_number_of_mails(mailbox: Mailbox) -> None:
    for number in range(MAX_MAILS + 1):
        mailbox.add(f"Subject: {number}\r\n\r\n".encode(), ["alice@example.com"])
    mails = mailbox.all()
    assert (len(mails), mails[0]["subject"], mails[-1]["subject"]) == (MAX_MAILS, "1", str(MAX_MAILS))


def test_a_mail_that_is_too_long_is_refused(smtp: smtplib.SMTP, mailbox: Mailbox) -> None:
    with pytest.raises(smtplib.SMTPException):
        smtp.send_message(message("Long", "x" * 70_000))
    assert mailbox.all() == []
