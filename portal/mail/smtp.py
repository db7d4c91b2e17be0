"""Hands a mail to the operator's mail server, and tells what goes wrong without an address, as smtplib would not.

smtp:// is plain on loopback and upgraded by STARTTLS anywhere else; smtps:// is TLS from the first byte. Certificates
are always verified, name included.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from ipaddress import ip_address
from threading import Timer
from urllib.parse import unquote, urlsplit

from portal.domain.errors import PortalError
from portal.settings.types import is_loopback

# Seconds for one answer, and for a whole mail from the connection on, however slowly the answers trickle in.
STEP_SECONDS = 10.0
WHOLE_SECONDS = 40.0
_PORTS = {"smtp": 25, "smtps": 465}


class NotSent(PortalError):
    """A mail was not taken. The text is for logs: it holds no address.

    Args:
        why: the kind of fault, with the server's code if it gave one.
        is_final: whether the server will not take this mail later either.
    """

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final


class MailServer:
    """The operator's mail server.

    Args:
        url: PORTAL_SMTP_URL in the clear; name and password are percent-decoded.
        greets_as: the name that it is told is ours.
        step_seconds: how long each of its answers may take.
        whole_seconds: how long a mail may take in all.
    """

    def __init__(
        self, url: str, greets_as: str, step_seconds: float = STEP_SECONDS, whole_seconds: float = WHOLE_SECONDS
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._is_tls = parts.scheme == "smtps"
        self._needs_starttls = not self._is_tls and not is_loopback(self._host)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._greets_as = _literal(greets_as)
        self._step_seconds = step_seconds
        self._whole_seconds = whole_seconds

    def send(self, message: EmailMessage) -> None:
        """Hand a mail over; once this returns, delivering it is the server's business.

        Args:
            message: with one recipient.

        Raises:
            NotSent: it was not taken. Where the connection broke at the very end, it may have been after all.
        """
        with self._connected() as smtp:
            sender, recipient = (message[name].addresses[0].addr_spec for name in ("From", "To"))
            if not recipient.isascii() and not smtp.has_extn("smtputf8"):
                raise NotSent("the server takes no address that is not ASCII", is_final=True)
            smtp.send_message(message, sender, [recipient])

    def check(self) -> None:
        """Connect, and sign in if there is a name, without sending anything.

        Raises:
            NotSent: that does not work.
        """
        with self._connected() as smtp:
            smtp.noop()

    @contextmanager
    def _connected(self) -> Iterator["_Connection"]:
        """Yield a connection that is ready for a mail; every fault comes out as NotSent."""
        smtp = _Connection(local_hostname=self._greets_as, timeout=self._step_seconds)
        watch = Timer(self._whole_seconds, smtp.give_up)
        watch.daemon = True
        watch.start()
        try:
            self._begin(smtp)
            yield smtp
            # No answer is waited for: the mail was taken, whatever the server says now.
            with suppress(OSError, smtplib.SMTPException):
                smtp.putcmd("quit")
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            # Cut off here: what smtplib raises holds addresses, passwords and the server's own words.
            raise _fault(error) from None
        finally:
            watch.cancel()
            smtp.close()

    def _begin(self, smtp: "_Connection") -> None:
        smtp.tls_name = self._host if self._is_tls else None
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
    """smtplib's client, but one that can be ended at any moment, also while TLS is being agreed on.

    smtplib's own TLS keeps the socket to itself until the handshake is over.
    """

    # Whose certificate is expected before the first word; none for a connection that begins in plain text.
    tls_name: str | None = None
    _is_given_up = False

    def give_up(self) -> None:
        """End the connection under the thread that waits for it."""
        self._is_given_up = True
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def upgrade(self, host: str) -> None:
        """Go on in TLS (RFC 3207); nothing that was said in plain text counts any more."""
        code, _ = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, "")
        self._secure(host)
        self.file = None
        self.helo_resp = None
        self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect, as ``connect`` asks."""
        self.sock = socket.create_connection((host, port), timeout)
        if self._is_given_up:
            raise TimeoutError
        if self.tls_name:
            self._secure(self.tls_name)
        return self.sock

    def _secure(self, host: str) -> None:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected
        context = ssl.create_default_context()
        self.sock = secured = context.wrap_socket(self.sock, server_hostname=host, do_handshake_on_connect=False)
        secured.do_handshake()


def _literal(host: str) -> str:
    """Return a host as a mail server is told it: an address in brackets (RFC 5321, section 4.1.3)."""
    with suppress(ValueError):
        address = ip_address(host)
        return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"
    return host


def _fault(error: Exception) -> NotSent:
    """Return what a fault means for the mail, in words that hold no address."""
    kind = type(error).__name__
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = list(error.recipients.values())
        return NotSent(f"{kind} {answers[0][0]}", is_final=all(_is_about_the_mailbox(*answer) for answer in answers))
    if isinstance(error, smtplib.SMTPResponseException):
        # The sender's address, the name and the password are the operator's to mend; the mail can wait for that.
        is_about_the_mail = isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500
        return NotSent(f"{kind} {error.smtp_code}", is_final=is_about_the_mail)
    return NotSent(kind)


def _is_about_the_mailbox(code: int, text: bytes) -> bool:
    """Tell whether a server that refuses a recipient will always do so.

    Many say only at the recipient that the sender may not send: with an enhanced code of policy (5.7, RFC 3463), or as
    a login that is missing or wrong (RFC 4954). That is the operator's to mend.
    """
    return code >= 500 and code not in (530, 535) and not text.startswith(b"5.7.")
