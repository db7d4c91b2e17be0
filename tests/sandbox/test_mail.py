"""The sandbox's mail: taken from anybody for anybody, kept in memory, and shown without harm."""

import re
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from bs4 import BeautifulSoup
from flask import Flask

from portal.sandbox.mail_server import CannotTakeMail, taking_mail
from portal.sandbox.mailbox import MOST_MAILS, Mailbox
from portal.sandbox.state import EXTENSION
from tests.sandbox.conftest import Calls, Clock


@pytest.fixture
def mailbox(box: Flask) -> Mailbox:
    found: Mailbox = box.extensions[EXTENSION].mailbox
    return found


@pytest.fixture
def smtp(mailbox: Mailbox) -> Iterator[smtplib.SMTP]:
    with taking_mail(mailbox) as port, smtplib.SMTP("127.0.0.1", port, timeout=5) as smtp:
        yield smtp


def letter(subject: str, text: str = "Hello", language: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "support@example.com"
    message["To"] = "alice@example.com"
    message["Subject"] = subject
    message.set_content(text)
    if language:
        message["Content-Language"] = language
    return message


def page(calls: Calls) -> BeautifulSoup:
    answer = calls.http.get("/mail")
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "html.parser")


def test_it_says_that_there_is_no_mail_yet(calls: Calls) -> None:
    assert "No mail yet." in page(calls).text
    assert calls.http.get("/mail.json").json == []
    assert BeautifulSoup(calls.http.get("/").text, "html.parser").select_one('a[href="/mail"]')


def test_it_shows_what_it_took_newest_first(smtp: smtplib.SMTP, calls: Calls, clock: Clock) -> None:
    smtp.send_message(letter("One", "First line\nسطر", language="ar"))
    clock.goes_on(minutes=1)
    smtp.send_message(letter("Zwei – 二"), to_addrs=["bob@example.com", "mallory@example.com"])
    shown = page(calls)
    assert [heading.text for heading in shown.select("article h2")] == ["Zwei – 二", "One"]
    assert shown.select("article .note")[0].text == "To bob@example.com, mallory@example.com, 2026-05-04T12:01:00+00:00"
    assert shown.select("article pre")[1].text == "First line\nسطر"
    assert [part.get("lang") for part in shown.select("article pre")] == [None, "ar"]
    assert [mail["subject"] for mail in calls.http.get("/mail.json").json] == ["One", "Zwei – 二"]
    assert calls.http.get("/mail.json").json[0]["headers"]["content-language"] == "ar"


def test_what_a_mail_holds_is_text_and_nothing_else(smtp: smtplib.SMTP, calls: Calls) -> None:
    markup = '<script src="/x.js"></script>"><b onclick="x()">&amp;'
    smtp.send_message(letter(markup, markup, language='"><script>'))
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
def test_a_mail_that_is_none_harms_no_page(smtp: smtplib.SMTP, calls: Calls, content: bytes) -> None:
    smtp.sendmail("mallory@example.com", ["alice@example.com"], content)
    assert len(page(calls).select("article")) == 1
    assert len(calls.http.get("/mail.json").json) == 1


def test_a_character_set_that_does_not_exist_is_refused(smtp: smtplib.SMTP, calls: Calls) -> None:
    content = b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff"
    with pytest.raises(smtplib.SMTPDataError):
        smtp.sendmail("mallory@example.com", ["alice@example.com"], content)
    assert calls.http.get("/mail.json").json == []


def test_it_keeps_the_newest_and_no_more(mailbox: Mailbox) -> None:
    for number in range(MOST_MAILS + 1):
        mailbox.take(f"Subject: {number}\r\n\r\n".encode(), ["alice@example.com"])
    mails = mailbox.newest_first()
    assert (len(mails), mails[0].subject, mails[-1].subject) == (MOST_MAILS, str(MOST_MAILS), "1")


def test_a_mail_that_is_too_long_is_refused(smtp: smtplib.SMTP, mailbox: Mailbox) -> None:
    with pytest.raises(smtplib.SMTPException):
        smtp.send_message(letter("Long", "x" * 70_000))
    assert mailbox.newest_first() == []


def test_it_says_which_port_is_taken(mailbox: Mailbox) -> None:
    with taking_mail(mailbox) as port:
        message = f"the sandbox can't take mail on 127.0.0.1:{port}: Address already in use"
        with pytest.raises(CannotTakeMail, match=re.escape(message)), taking_mail(mailbox, port=port):
            pytest.fail("it took the port")
