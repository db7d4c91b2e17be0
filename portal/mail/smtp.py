"""Sends a message through the operator's mail server; unlike smtplib's, its errors hold no address.

smtp:// is plain text on loopback and upgraded by STARTTLS anywhere else; smtps:// is TLS from the first byte.
Certificates are always verified, name included. With ?tls=no, smtp:// is plain text on private networks too.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from threading import Timer
from urllib.parse import unquote, urlsplit

from portal.domain.errors import PortalError
from portal.mail.refusals import Refusal
from portal.mail.written import WrittenMessage
from portal.settings.addresses import is_loopback, is_public
from portal.settings.settings import Settings

# For one answer of the server, and for a whole message from connecting on, however slowly the answers arrive.
ANSWER_SECONDS = 10.0
MESSAGE_SECONDS = 40.0
_PORTS = {"smtp": 25, "smtps": 465}


class NotSent(PortalError):
    """A message was not accepted. The text, for logs, is the kind of fault and the server's code: it holds no address.

    It is permanent if the server will not accept this message later either.
    """

    def __init__(self, reason: str, *, is_permanent: bool = False) -> None:
        super().__init__(reason)
        self.is_permanent = is_permanent


class SMTPClient:
    """A client of the operator's mail server.

    Args:
        url: PORTAL_SMTP_URL in plain text; user name and password are percent-decoded.
        local_hostname: the client's name in EHLO.
        answer_seconds: how long each answer of the server may take.
        message_seconds: how long a message may take in all.
    """

    def __init__(
        self,
        url: str,
        local_hostname: str,
        answer_seconds: float = ANSWER_SECONDS,
        message_seconds: float = MESSAGE_SECONDS,
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._is_tls = parts.scheme == "smtps"
        self._is_plain = "tls=no" in parts.query.split("&")
        self._needs_starttls = not (self._is_tls or self._is_plain or is_loopback(self._host))
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._local_hostname = _address_literal(local_hostname)
        self._answer_seconds = answer_seconds
        self._message_seconds = message_seconds

    def send(self, message: WrittenMessage) -> None:
        """Send a message to its one recipient; when this returns, the server has accepted it for delivery.

        Raises:
            NotSent: it was not accepted. If the connection broke at the very end, it may have been.
        """
        options = () if message.recipient.isascii() else ("SMTPUTF8", "BODY=8BITMIME")
        with self._connected() as smtp:
            if options and not smtp.has_extn("smtputf8"):
                raise NotSent("the server accepts only ASCII addresses", is_permanent=True)
            smtp.sendmail(message.sender, [message.recipient], message.content, options)

    def check(self, sender: str) -> str:
        """Connect, sign in if there is a user name, and begin a mail from the sender, but send none.

        Returns:
            what works, as the end of a sentence about the server.

        Raises:
            NotSent: one of these fails.
        """
        with self._connected() as smtp:
            for command, is_of_recipient in ((smtp.mail, False), (smtp.rcpt, True)):
                refusal = Refusal.of(*command(sender))
                # The sender may have no mailbox, and a recipient who is not known may have to wait (4xx).
                is_harmless = is_of_recipient and (refusal.code < 500 or refusal.is_permanent(is_of_recipient=True))
                if refusal.code >= 400 and not is_harmless:
                    raise NotSent(f"it refuses mail from PORTAL_MAIL_FROM: {refusal}")
            smtp.rset()
        works = f"answers, and accepts our {'sign-in' if self._user else 'connection'}"
        if not self._is_plain:
            return works
        readable = "the mails and the password" if self._user else "the mails"
        return f"{works}; without TLS, as tls=no says, so others on that network can read {readable}"

    @contextmanager
    def _connected(self) -> Iterator["_Connection"]:
        """Yield a connection that is ready for a message; every fault is raised as NotSent."""
        smtp = _Connection(local_hostname=self._local_hostname, timeout=self._answer_seconds)
        smtp.is_tls = self._is_tls
        timer = Timer(self._message_seconds, smtp.abort)
        timer.daemon = True
        timer.start()
        try:
            self._open(smtp)
            yield smtp
            # The message was accepted; the answer to QUIT does not matter.
            with suppress(OSError, smtplib.SMTPException):
                smtp.putcmd("quit")
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            # Without a cause: smtplib's errors hold addresses, passwords and the server's own words.
            raise _not_sent(error) from None
        finally:
            timer.cancel()
            smtp.close()

    def _open(self, smtp: "_Connection") -> None:
        if self._is_plain and _is_public(self._host, self._port):
            raise NotSent("tls=no is for private networks, and the server has a public address")
        code, _ = smtp.connect(self._host, self._port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, "")
        smtp.ehlo_or_helo_if_needed()
        if self._needs_starttls:
            if not smtp.has_extn("starttls"):
                raise NotSent("the server offers no STARTTLS")
            smtp.upgrade(self._host)
            smtp.ehlo_or_helo_if_needed()
        if self._user:
            smtp.login(self._user, self._password)


class _Connection(smtplib.SMTP):
    """smtplib's client, which another thread can abort at any moment, also during the TLS handshake.

    smtplib's own TLS stores the socket only after the handshake, so until then there would be nothing to abort.
    """

    is_tls = False
    _is_aborted = False

    def abort(self) -> None:
        """End the connection under the thread that uses it."""
        self._is_aborted = True
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def upgrade(self, host: str) -> None:
        """Continue in TLS; the server's answer to EHLO in plain text is void (RFC 3207, section 4.2)."""
        code, _ = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, "")
        self._wrap(host)
        self.file = None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self.sock = socket.create_connection((host, port), timeout)
        if self._is_aborted:
            raise TimeoutError
        if self.is_tls:
            self._wrap(host)
        return self.sock

    def _wrap(self, host: str) -> None:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected
        context = ssl.create_default_context()
        # Raises an OSError if the server has reset the connection: wrap_socket would do so too, and leave it open.
        self.sock.getpeername()
        self.sock = secured = context.wrap_socket(self.sock, server_hostname=host, do_handshake_on_connect=False)
        secured.do_handshake()


def _is_public(host: str, port: int) -> bool:
    """Return whether a host has an address on the Internet; OSError if it has none at all."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return any(is_public(str(address[0])) for *_, address in found)


def _address_literal(host: str) -> str:
    """Return a host as EHLO takes it: an IP address in brackets (RFC 5321, section 4.1.3)."""
    with suppress(ValueError):
        address = ip_address(host)
        return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"
    return host


def _not_sent(error: Exception) -> NotSent:
    """Return what an error means for the message, in words that hold no address."""
    kind = type(error).__name__
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        # There is one recipient.
        [(code, text)] = error.recipients.values()
        return _refused(kind, Refusal.of(code, text), is_of_recipient=True)
    if isinstance(error, smtplib.SMTPDataError):
        return _refused(kind, Refusal.of(error.smtp_code, error.smtp_error), is_of_recipient=False)
    if isinstance(error, smtplib.SMTPResponseException):
        # The operator can correct the sender's address, the user name and the password; the message can wait.
        return NotSent(f"{kind} {Refusal.of(error.smtp_code, error.smtp_error)}")
    return NotSent(kind)


def _refused(kind: str, refusal: Refusal, *, is_of_recipient: bool) -> NotSent:
    return NotSent(f"{kind} {refusal}", is_permanent=refusal.is_permanent(is_of_recipient=is_of_recipient))


def smtp_client(settings: Settings) -> SMTPClient:
    """Return a client of the mail server in PORTAL_SMTP_URL, which must be set."""
    if settings.smtp_url is None:
        raise LookupError("PORTAL_SMTP_URL is not set")
    return SMTPClient(settings.smtp_url.get_secret_value(), settings.mail_from.rpartition("@")[2])
