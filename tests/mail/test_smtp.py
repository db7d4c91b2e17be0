"""How a mail is handed over: TLS where it has to be, names and passwords, every fault named without an address."""

import socket
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from portal.mail.smtp import MailServer as Client
from portal.mail.smtp import NotSent
from tests.harness.certificates import Authority, make_authority
from tests.harness.mail_servers import MailServer, scripted, speaking, trickling
from tests.harness.servers import free_port

HOST = "mail.example.test"


def letter(to: str = "alice@example.com") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "support@example.com"
    message["To"] = to
    message["Subject"] = "A TV was linked"
    message.set_content("Hello,\n.\n.a line that begins with a dot\n")
    return message


def client(url: str, seconds: float = 3) -> Client:
    return Client(url, "portal.test", seconds, 2 * seconds)


def refusal(sender: Client, message: EmailMessage | None = None) -> NotSent:
    with pytest.raises(NotSent) as caught:
        sender.send(message or letter())
    assert "@" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert caught.value.__cause__ is None
    return caught.value


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that the system trusts."""
    authority = make_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    return authority


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that the network resolves to this machine, but that is not on loopback as far as anybody can tell."""
    resolve: Callable[..., Any] = socket.getaddrinfo

    def answer(host: str, *rest: Any, **named: Any) -> Any:
        return resolve("127.0.0.1" if host == HOST else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def test_a_mail_arrives_as_it_was_written(mail_server: MailServer) -> None:
    client(mail_server.url).send(letter())
    assert mail_server.recipients == ["alice@example.com"]
    [mail] = mail_server.mails
    assert mail.get_content() == "Hello,\n.\n.a line that begins with a dot\n"
    assert mail_server.secured == [False]


def test_checking_sends_nothing(mail_server: MailServer) -> None:
    client(mail_server.url).check()
    assert mail_server.taken == []


@pytest.mark.usefixtures("elsewhere")
class TestOffLoopback:
    def test_plain_smtp_is_upgraded_before_the_name_is_told(self, authority: Authority) -> None:
        options = {"tls_context": authority.server_context(HOST), "require_starttls": True, "auth_require_tls": True}
        server = MailServer(options=options)
        server.options["authenticator"] = server.authenticate
        with server.running():
            client(f"smtp://port%40l:p%2Fw%3A@{HOST}:{server.port}").send(letter())
        assert server.signed_in == [("port@l", "p/w:")]
        assert server.secured == [True]

    def test_a_server_without_starttls_gets_nothing(self) -> None:
        with MailServer().running() as server:
            refused = refusal(client(f"smtp://{HOST}:{server.port}"))
        assert (str(refused), refused.is_final) == ("the server offers no STARTTLS", False)
        assert server.taken == []

    @pytest.mark.parametrize(("name", "days"), [("another.example.test", 1), (HOST, -1)])
    def test_a_certificate_that_does_not_hold_gets_nothing(self, authority: Authority, name: str, days: int) -> None:
        server = MailServer(options={"tls_context": authority.server_context(name, days)})
        with server.running():
            refused = refusal(client(f"smtp://{HOST}:{server.port}"))
        assert (str(refused), refused.is_final) == ("SSLCertVerificationError", False)
        assert server.taken == []

    def test_a_stranger_who_vouches_gets_nothing(self, authority: Authority, tmp_path: Path) -> None:
        (tmp_path / "stranger").mkdir()
        stranger = make_authority(tmp_path / "stranger")
        server = MailServer(options={"tls_context": stranger.server_context(HOST)})
        with server.running():
            assert str(refusal(client(f"smtp://{HOST}:{server.port}"))) == "SSLCertVerificationError"

    def test_smtps_is_tls_from_the_first_byte(self, authority: Authority) -> None:
        with MailServer().running(tls=authority.server_context(HOST)) as server:
            client(f"smtps://{HOST}:{server.port}").send(letter())
        assert server.recipients == ["alice@example.com"]
        with MailServer().running(tls=authority.server_context("another.example.test")) as other:
            assert str(refusal(client(f"smtps://{HOST}:{other.port}"))) == "SSLCertVerificationError"


def test_smtps_does_not_speak_plainly_to_a_plain_server(mail_server: MailServer) -> None:
    refusal(client(mail_server.url.replace("smtp:", "smtps:"), seconds=0.5))
    assert mail_server.taken == []


def test_on_loopback_a_name_may_be_told_in_plain_text() -> None:
    server = MailServer(options={"auth_require_tls": False})
    server.options["authenticator"] = server.authenticate
    with server.running():
        client(f"smtp://portal:right@127.0.0.1:{server.port}").send(letter())
        wrong = refusal(client(f"smtp://portal:wrong@127.0.0.1:{server.port}"))
    assert server.signed_in[0] == ("portal", "right")
    assert (str(wrong), wrong.is_final) == ("SMTPAuthenticationError 535", False)
    assert len(server.taken) == 1


def test_a_password_that_smtp_cannot_say_is_no_crash_and_not_told() -> None:
    server = MailServer(options={"auth_require_tls": False})
    server.options["authenticator"] = server.authenticate
    with server.running():
        refused = refusal(client(f"smtp://portal:gehe%C3%AFm@127.0.0.1:{server.port}"))
    assert str(refused) == "UnicodeEncodeError"
    assert "gehe" not in repr(refused)


def test_a_server_that_knows_no_names_is_told_of() -> None:
    with MailServer().running() as server:
        refused = refusal(client(f"smtp://portal:right@127.0.0.1:{server.port}"))
    assert (str(refused), refused.is_final) == ("SMTPNotSupportedError", False)


@pytest.mark.parametrize(
    ("answer", "named", "is_final"),
    [
        ("550 No such mailbox here: alice@example.com", "SMTPRecipientsRefused 550", True),
        ("550 5.1.1 No such mailbox here", "SMTPRecipientsRefused 550", True),
        ("554 5.7.1 Relay access denied", "SMTPRecipientsRefused 554", False),
        ("553 5.7.1 Sender address rejected", "SMTPRecipientsRefused 553", False),
        ("530 5.7.0 Authentication required", "SMTPRecipientsRefused 530", False),
        ("530 Log in first", "SMTPRecipientsRefused 530", False),
        ("450 Try later, alice@example.com", "SMTPRecipientsRefused 450", False),
        ("421 Too busy", "SMTPRecipientsRefused 421", False),
    ],
)
def test_a_recipient_that_is_refused(mail_server: MailServer, answer: str, named: str, is_final: bool) -> None:
    mail_server.refused["alice@example.com"] = answer
    refused = refusal(client(mail_server.url))
    assert (str(refused), refused.is_final) == (named, is_final)


@pytest.mark.parametrize(("answer", "is_final"), [("554 Looks like spam", True), ("451 Disk full", False)])
def test_a_whole_mail_that_is_refused(mail_server: MailServer, answer: str, is_final: bool) -> None:
    mail_server.at_the_end = answer
    refused = refusal(client(mail_server.url))
    assert (str(refused), refused.is_final) == (f"SMTPDataError {answer[:3]}", is_final)


def test_an_address_that_is_not_ascii_goes_where_the_server_takes_it(mail_server: MailServer) -> None:
    client(mail_server.url).send(letter("josé@example.com"))
    assert mail_server.recipients == ["josé@example.com"]
    mail_server.options["enable_SMTPUTF8"] = False
    refused = refusal(client(mail_server.url), letter("josé@example.com"))
    assert refused.is_final
    client(mail_server.url).send(letter())
    assert len(mail_server.taken) == 2


def test_a_server_that_is_down_is_no_crash() -> None:
    refused = refusal(client(f"smtp://127.0.0.1:{free_port()}"))
    assert (str(refused), refused.is_final) == ("ConnectionRefusedError", False)


def test_a_server_that_hangs_costs_one_time_out(mail_server: MailServer) -> None:
    mail_server.hanging = True
    started = time.monotonic()
    refused = refusal(client(mail_server.url, seconds=0.5))
    assert time.monotonic() - started < 2
    assert (str(refused), refused.is_final) == ("SMTPServerDisconnected", False)


# The beginning of a line of a greeting, and that of a TLS record of 16 KiB.
@pytest.mark.parametrize(("scheme", "begins_with"), [("smtp", b"220-"), ("smtps", b"\x16\x03\x03\x40\x00")])
def test_a_server_that_trickles_costs_the_time_of_a_whole_mail(scheme: str, begins_with: bytes) -> None:
    with trickling(begins_with) as port:
        started = time.monotonic()
        assert not refusal(Client(f"{scheme}://127.0.0.1:{port}", "portal.test", 5, 1)).is_final
        assert 0.9 < time.monotonic() - started < 3


@pytest.mark.usefixtures("elsewhere")
def test_a_server_that_trickles_its_starttls_does_too() -> None:
    def behave(connection: socket.socket, stop: threading.Event) -> None:
        for line in (b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"220 go on\r\n"):
            connection.sendall(line)
            connection.recv(4096)
        connection.sendall(b"\x16\x03\x03\x40\x00")
        while not stop.wait(0.05):
            connection.sendall(b"x")

    with speaking(behave) as port:
        started = time.monotonic()
        refusal(Client(f"smtp://{HOST}:{port}", "portal.test", 5, 1))
        assert 0.9 < time.monotonic() - started < 3


@pytest.mark.parametrize("last", [b"421 bye\r\n", b"rubbish\r\n", b""])
def test_what_the_server_says_after_the_mail_was_taken_is_of_no_matter(last: bytes) -> None:
    said = (b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n", b"250 taken\r\n", last)
    with scripted(*said) as port:
        client(f"smtp://127.0.0.1:{port}").send(letter())


@pytest.mark.parametrize("greeting", [b"554 Go away\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"\xff\xfe\r\n", b""])
def test_a_server_that_is_none_is_no_crash(greeting: bytes) -> None:
    with scripted(greeting) as port:
        assert not refusal(client(f"smtp://127.0.0.1:{port}", seconds=1)).is_final
