"""How a message is sent: TLS where required, user names and passwords, and errors without an address."""

import gc
import re
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portal.mail.smtp import NotSent, SMTPClient
from portal.mail.written import WrittenMessage, written
from tests.harness.certificates import Authority, make_authority
from tests.harness.mail_servers import MailServer, scripted, tcp_server, trickling
from tests.harness.servers import free_port
from tests.harness.timing import at_most

HOST = "mail.example.test"
SENDER = "support@example.com"


def message(to: str = "alice@example.com") -> WrittenMessage:
    fields = (f"From: {SENDER}", f"To: {to}", "Subject: A TV was linked")
    return written(SENDER, to, fields, "Hello,\n.\n.a line that begins with a dot\n")


def client(url: str, seconds: float = 3) -> SMTPClient:
    return SMTPClient(url, "portal.test", seconds, 2 * seconds)


def error_of(smtp: SMTPClient, to: str = "alice@example.com") -> NotSent:
    with pytest.raises(NotSent) as caught:
        smtp.send(message(to))
    assert "@" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert caught.value.__cause__ is None
    return caught.value


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """A certificate authority that the system trusts."""
    authority = make_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    return authority


@pytest.fixture
def remote_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to this machine, but does not look like loopback."""
    resolve: Callable[..., Any] = socket.getaddrinfo

    def look_up(host: str, *rest: Any, **named: Any) -> Any:
        return resolve("127.0.0.1" if host == HOST else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_a_message_arrives_unchanged(mail_server: MailServer) -> None:
    client(mail_server.url).send(message())
    assert mail_server.recipients == ["alice@example.com"]
    [received] = mail_server.messages
    assert received.get_content() == "Hello,\n.\n.a line that begins with a dot\n"
    assert mail_server.used_tls == [False]


def test_a_check_sends_nothing(mail_server: MailServer) -> None:
    client(mail_server.url).check(SENDER)
    assert mail_server.accepted == []


@pytest.mark.parametrize(
    ("answer", "is_fault"),
    [
        ("554 5.7.1 Relay access denied", True),
        ("553 5.1.8 Sender address rejected", True),
        ("550 5.1.1 support@example.com: no such mailbox", False),
        ("451 4.7.1 Greylisted", False),
    ],
)
def test_a_check_tells_whether_the_sender_may_send(mail_server: MailServer, answer: str, is_fault: bool) -> None:
    mail_server.refused[SENDER] = answer
    if is_fault:
        codes = " ".join(answer.split()[:2])
        with pytest.raises(NotSent, match=f"^it refuses mail from PORTAL_MAIL_FROM: {codes}$"):
            client(mail_server.url).check(SENDER)
    else:
        client(mail_server.url).check(SENDER)


def test_a_check_tells_that_the_sender_is_refused_at_once() -> None:
    refusal = "it refuses mail from PORTAL_MAIL_FROM: 421 4.7.0"
    with (
        scripted(b"220 hi\r\n", b"250 hi\r\n", b"421 4.7.0 Not yours\r\n") as port,
        pytest.raises(NotSent, match=f"^{re.escape(refusal)}$"),
    ):
        client(f"smtp://127.0.0.1:{port}").check(SENDER)


@pytest.mark.usefixtures("remote_host")
class TestOffLoopback:
    def test_plain_smtp_is_upgraded_before_the_login(self, authority: Authority) -> None:
        options = {"tls_context": authority.server_context(HOST), "require_starttls": True, "auth_require_tls": True}
        server = MailServer(options=options)
        server.options["authenticator"] = server.authenticate
        with server.serve_in_thread():
            client(f"smtp://port%40l:p%2Fw%3A@{HOST}:{server.port}").send(message())
        assert server.logins == [("port@l", "p/w:")]
        assert server.used_tls == [True]

    def test_a_server_without_starttls_gets_nothing(self) -> None:
        with MailServer().serve_in_thread() as server:
            error = error_of(client(f"smtp://{HOST}:{server.port}"))
        assert (str(error), error.is_permanent) == ("the server offers no STARTTLS", False)
        assert server.accepted == []

    def test_a_server_without_tls_on_a_private_network_is_used_if_the_url_says_so(self) -> None:
        with MailServer().serve_in_thread() as server:
            private = client(f"smtp://{HOST}:{server.port}?tls=no")
            private.send(message())
            assert private.check(SENDER).endswith(
                "without TLS, as tls=no says, so others on that network can read the mails"
            )
        assert server.used_tls == [False]
        server = MailServer(options={"auth_require_tls": False})
        server.options["authenticator"] = server.authenticate
        with server.serve_in_thread():
            private = client(f"smtp://portal:right@{HOST}:{server.port}?password=clear&tls=no")
            private.send(message())
            assert private.check(SENDER).endswith("can read the mails and the password")
        assert server.logins[0] == ("portal", "right")

    @pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
    def test_without_tls_no_connection_leaves_the_private_network(
        self, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        found = [(None, None, 0, "", (address, 25)), (None, None, 0, "", ("127.0.0.1", 25))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        error = error_of(client(f"smtp://{HOST}?tls=no"))
        assert (str(error), error.is_permanent) == (
            "tls=no is for private networks, and the server has a public address",
            False,
        )

    @pytest.mark.parametrize(("name", "days"), [("another.example.test", 1), (HOST, -1)])
    def test_an_invalid_certificate_gets_nothing(self, authority: Authority, name: str, days: int) -> None:
        server = MailServer(options={"tls_context": authority.server_context(name, days)})
        with server.serve_in_thread():
            error = error_of(client(f"smtp://{HOST}:{server.port}"))
        assert (str(error), error.is_permanent) == ("SSLCertVerificationError", False)
        assert server.accepted == []

    def test_a_certificate_of_an_unknown_authority_gets_nothing(self, authority: Authority, tmp_path: Path) -> None:
        (tmp_path / "unknown").mkdir()
        unknown = make_authority(tmp_path / "unknown")
        server = MailServer(options={"tls_context": unknown.server_context(HOST)})
        with server.serve_in_thread():
            assert str(error_of(client(f"smtp://{HOST}:{server.port}"))) == "SSLCertVerificationError"

    def test_smtps_is_tls_from_the_first_byte(self, authority: Authority) -> None:
        with MailServer().serve_in_thread(tls=authority.server_context(HOST)) as server:
            client(f"smtps://{HOST}:{server.port}").send(message())
        assert server.recipients == ["alice@example.com"]
        with MailServer().serve_in_thread(tls=authority.server_context("another.example.test")) as other:
            assert str(error_of(client(f"smtps://{HOST}:{other.port}"))) == "SSLCertVerificationError"


def test_smtps_sends_nothing_to_a_plain_text_server(mail_server: MailServer) -> None:
    error_of(client(mail_server.url.replace("smtp:", "smtps:"), seconds=0.5))
    assert mail_server.accepted == []


def test_on_loopback_the_login_may_be_in_plain_text() -> None:
    server = MailServer(options={"auth_require_tls": False})
    server.options["authenticator"] = server.authenticate
    with server.serve_in_thread():
        client(f"smtp://portal:right@127.0.0.1:{server.port}").send(message())
        wrong = error_of(client(f"smtp://portal:wrong@127.0.0.1:{server.port}"))
    assert server.logins[0] == ("portal", "right")
    assert (str(wrong), wrong.is_permanent) == ("SMTPAuthenticationError 535 5.7.8", False)
    assert len(server.accepted) == 1


def test_a_password_that_smtp_cannot_encode_is_an_error_without_it() -> None:
    server = MailServer(options={"auth_require_tls": False})
    server.options["authenticator"] = server.authenticate
    with server.serve_in_thread():
        error = error_of(client(f"smtp://portal:gehe%C3%AFm@127.0.0.1:{server.port}"))
    assert str(error) == "UnicodeEncodeError"
    assert "gehe" not in repr(error)


def test_a_server_without_logins_is_an_error() -> None:
    with MailServer().serve_in_thread() as server:
        error = error_of(client(f"smtp://portal:right@127.0.0.1:{server.port}"))
    assert (str(error), error.is_permanent) == ("SMTPNotSupportedError", False)


@pytest.mark.parametrize(
    ("answer", "codes", "recipient_fails", "message_fails"),
    [
        ("550 No such mailbox here: alice@example.com", "550", True, False),
        ("550 5.1.1 No such mailbox here: alice@example.com", "550 5.1.1", True, True),
        ("554 5.7.1 help@example.com is not verified", "554 5.7.1", False, False),
    ],
)
def test_a_refusal_of_the_recipient_or_of_the_message(
    mail_server: MailServer, answer: str, codes: str, recipient_fails: bool, message_fails: bool
) -> None:
    mail_server.data_refusal = answer
    error = error_of(client(mail_server.url))
    assert (str(error), error.is_permanent) == (f"SMTPDataError {codes}", message_fails)
    mail_server.refused["alice@example.com"] = answer
    error = error_of(client(mail_server.url))
    assert (str(error), error.is_permanent) == (f"SMTPRecipientsRefused {codes}", recipient_fails)


def test_an_address_that_is_not_ascii_needs_a_server_with_smtputf8(mail_server: MailServer) -> None:
    client(mail_server.url).send(message("josé@example.com"))
    assert mail_server.recipients == ["josé@example.com"]
    mail_server.options["enable_SMTPUTF8"] = False
    error = error_of(client(mail_server.url), "josé@example.com")
    assert error.is_permanent
    client(mail_server.url).send(message())
    assert len(mail_server.accepted) == 2


def test_a_server_that_is_down() -> None:
    error = error_of(client(f"smtp://127.0.0.1:{free_port()}"))
    assert (str(error), error.is_permanent) == ("ConnectionRefusedError", False)


def test_a_server_that_hangs_ends_after_the_time_for_an_answer(mail_server: MailServer) -> None:
    mail_server.hangs = True
    with at_most(5):
        error = error_of(client(mail_server.url, seconds=0.3))
    assert (str(error), error.is_permanent) == ("SMTPServerDisconnected", False)


# The beginning of a line of a greeting, and that of a TLS record of 16 KiB.
@pytest.mark.parametrize(("scheme", "start"), [("smtp", b"220-"), ("smtps", b"\x16\x03\x03\x40\x00")])
def test_a_server_that_trickles_ends_after_the_time_for_a_message(scheme: str, start: bytes) -> None:
    with trickling(start) as port, at_most(5):
        assert not error_of(SMTPClient(f"{scheme}://127.0.0.1:{port}", "portal.test", 20, 0.3)).is_permanent


@pytest.mark.usefixtures("remote_host")
def test_a_server_that_trickles_its_tls_handshake_does_too() -> None:
    def handle(connection: socket.socket, stop: threading.Event) -> None:
        for line in (b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"220 go on\r\n"):
            connection.sendall(line)
            connection.recv(4096)
        connection.sendall(b"\x16\x03\x03\x40\x00")
        while not stop.wait(0.02):
            connection.sendall(b"x")

    with tcp_server(handle) as port, at_most(5):
        error_of(SMTPClient(f"smtp://{HOST}:{port}", "portal.test", 20, 0.3))


@pytest.mark.usefixtures("remote_host")
def test_a_connection_that_is_reset_before_the_tls_handshake_is_closed() -> None:
    def handle(connection: socket.socket, _stop: threading.Event) -> None:
        for line in (b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n"):
            connection.sendall(line)
            connection.recv(4096)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(b"220 go on\r\n")

    with tcp_server(handle) as port:
        for _ in range(5):
            error_of(client(f"smtp://{HOST}:{port}"))
    gc.collect()


@pytest.mark.parametrize("last", [b"421 bye\r\n", b"rubbish\r\n", b""])
def test_the_answer_to_quit_is_ignored(last: bytes) -> None:
    lines = (b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n", b"250 taken\r\n", last)
    with scripted(*lines) as port:
        client(f"smtp://127.0.0.1:{port}").send(message())


@pytest.mark.parametrize("greeting", [b"554 Go away\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"\xff\xfe\r\n", b""])
def test_a_server_that_does_not_speak_smtp(greeting: bytes) -> None:
    with scripted(greeting) as port:
        assert not error_of(client(f"smtp://127.0.0.1:{port}", seconds=0.3)).is_permanent
