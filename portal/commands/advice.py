"""What to do about an error of which a check shows only the class, or a few words."""

import re

_UNREACHABLE = "unreachable: nothing answers at its host and port, or a firewall is in between"
_TLS = "TLS fails: its certificate is not trusted or not for this name, or it speaks no TLS at that port"
_CLOSED = "it closes the connection: do scheme and port fit, with TLS or without?"
_NOT_UNDERSTOOD = "something answers there that does not speak the protocol: are host and port right?"
_REDIRECT = "it redirects: set the address that it redirects to"
# By what is shown: the class of the standard library, of smtplib, of requests or of urllib3.
ADVICE = {
    "gaierror": "unreachable: its host name is not known to the name servers of this machine",
    "ConnectionRefusedError": "unreachable: nothing listens at its host and port",
    **dict.fromkeys(("TimeoutError", "Timeout", "ConnectTimeout", "ConnectionError", "OSError"), _UNREACHABLE),
    "ReadTimeout": "it accepts the connection, but does not answer in time",
    "ProxyError": "the proxy of HTTPS_PROXY or ALL_PROXY can't be reached, or refuses",
    **dict.fromkeys(("SSLError", "SSLEOFError", "SSLZeroReturnError"), _TLS),
    "SSLCertVerificationError": (
        "TLS fails: its certificate has expired, is not for this name, or its authority is not trusted here; name one "
        "of your own by SSL_CERT_FILE"
    ),
    **dict.fromkeys(("ConnectionResetError", "BrokenPipeError", "SMTPServerDisconnected"), _CLOSED),
    **dict.fromkeys(("SMTPConnectError", "SMTPHeloError", "SMTPResponseException"), _NOT_UNDERSTOOD),
    **dict.fromkeys(("ChunkedEncodingError", "ContentDecodingError"), _NOT_UNDERSTOOD),
    "TooManyRedirects": _REDIRECT,
    "SMTPAuthenticationError": "it refuses the user name or the password",
    "SMTPNotSupportedError": "it offers no sign-in: leave out user name and password, or use the port for clients, 587",
    **dict.fromkeys(("SMTPSenderRefused", "SMTPDataError"), "it refuses mail from PORTAL_MAIL_FROM"),
    "SMTPRecipientsRefused": "it refuses the recipient",
    "SMTPException": _NOT_UNDERSTOOD,
    # In the words of calls to Zype.
    "could not connect": _UNREACHABLE,
    "timed out before sending": _UNREACHABLE,
    "TLS failed": (
        "its certificate is not trusted here or not for this name, or it speaks no TLS at that port; name an authority "
        "of your own by SSL_CERT_FILE"
    ),
}
_SHOWN = re.compile(rf"(?<![\w.])(?:{'|'.join(sorted(map(re.escape, ADVICE), key=len, reverse=True))})\b")


def with_advice(text: str) -> str:
    """Return a text in which what to do stands before the name of a class or the words of an error."""
    return _SHOWN.sub(lambda match: f"{ADVICE[match[0]]}: {match[0]}", text, count=1)
