"""Removes secrets, addresses and what clients sent from everything that is logged."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

REDACTED = "[redacted]"
# A shorter value would remove harmless words from every line; no real secret is that short.
_MIN_LENGTH = 4

KEYS = frozenset(
    (
        *("access_token", "refresh_token", "id_token", "csrf_token", "token"),
        *("api_key", "client_secret", "code_verifier", "secret", "secret_key"),
        *("authorization", "cookie", "set_cookie", "password", "pin"),
    )
)
HOSTS = frozenset({"host", "expected"})
_QUOTED = r"""b?\\*"(?:[^"\\]|\\.)*"?|b?\\*'(?:[^'\\]|\\.)*'?"""
_EQUALS = r"""(\\*["']?\s*(?:[=:]|%3[dD])\s*)"""
_VALUE = rf"""(?:{_QUOTED}|(?!\[redacted])[^\s&,;"'<>)\]}}]+)"""
# A name may follow an underscore or a dash, as in csrf_token and Set-Cookie, but not a letter.
_NAMED = re.compile(
    r"(?:(?<![a-z0-9])|(?<=%3f)|(?<=%26))(api[_-]?key|secret[_-]key|token|secret|password|code[_-]verifier|pin)"
    rf"""{_EQUALS}{_VALUE}""",
    re.IGNORECASE,
)
# The same after a letter, as in the bytes of a broken form, where no space can be meant.
_GLUED = re.compile(rf"""(secret|password|pin)(=){_VALUE}""", re.IGNORECASE)
# These have values of several words: the rest of the line is removed.
_HEADER = re.compile(rf"""(?<![a-z0-9])(cookie|authorization){_EQUALS}(?:{_QUOTED}|[^\r\n"']+)""", re.IGNORECASE)
_SCHEME = re.compile(r"\b(Bearer|Basic)( +)[A-Za-z0-9._~+/=-]{8,}")
_CREDENTIALS = re.compile(r"//[^/\s@]*:[^/\s@]*@")
_E_MAIL = re.compile(r"[\w.+%-]{1,64}(?:@|%40)[\w-]+(?:\.[\w-]+)+")
# An address, perhaps with a port: of IPv4, or with two colons. Which of them are addresses is asked of ipaddress.
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:"
    r"(?P<v4>\d{1,3}(?:\.\d{1,3}){3})|"
    r"\[(?P<bracketed>[0-9A-Fa-f:.]{2,45})(?:%\w+)?]|"
    r"(?P<v6>[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{0,40}:[0-9A-Fa-f:.]{0,40})(?:%\w+)?"
    r")(?::\d{1,5})?(?![\w:]|\.\d)"
)
# What libraries quote of a request. gunicorn's exceptions end with the bytes that they could not read.
_REQUEST_LINE = re.compile(r"""(?:^|(?<=["']))[^"'\r\n]+(?= HTTP/\d)""", re.MULTILINE)
_QUERY_VALUE = re.compile(r"""([?&][\w.~%-]+=)(?!\[redacted])[^\s&"'<>]+""")
_QUOTES_A_CLIENT = re.compile(
    r"\b(Invalid request from|Error handling request|gunicorn\.http\.errors\.\w+:) .*", re.IGNORECASE
)


class Redactor:
    """Removes exact secrets, what follows the name of a secret, e-mail addresses, and addresses of the network.

    Args:
        secrets: the exact ones.
        own_addresses: those of the portal and of what it uses, as HOST:PORT, which stay readable.
    """

    def __init__(self, secrets: Iterable[str] = (), own_addresses: Iterable[str] = ()) -> None:
        self._own_addresses = frozenset(own_addresses)
        encodings = {encoding for secret in secrets for encoding in _encodings(secret) if len(encoding) >= _MIN_LENGTH}
        # The longest first, so that nothing is left of a secret that contains another one.
        self._values = sorted(encodings, key=len, reverse=True)

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event without its secrets, however deeply they are nested."""
        redacted = {key: self._field(key, value) for key, value in event.items()}
        if event.get("event") == "foreign_host":
            # What clients call this server, which operators have to see.
            redacted |= {key: self._without_secrets(str(event[key])) for key in HOSTS & event.keys()}
        return redacted

    def text(self, text: str) -> str:
        """Return a text without its secrets and addresses."""
        text = self._without_secrets(text)
        return _ADDRESS.sub(self._address, text) if "." in text or ":" in text else text

    def _without_secrets(self, text: str) -> str:
        for value in self._values:
            if value in text:
                text = text.replace(value, REDACTED)
        if "=" in text or ":" in text or "%3" in text:
            text = _HEADER.sub(rf"\1\2{REDACTED}", text)
            text = _NAMED.sub(rf"\1\2{REDACTED}", text)
            text = _GLUED.sub(rf"\1\2{REDACTED}", text)
            text = _CREDENTIALS.sub(f"//{REDACTED}@", text)
        if "Bearer" in text or "Basic" in text:
            text = _SCHEME.sub(rf"\1\2{REDACTED}", text)
        if "@" in text or "%40" in text:
            text = _E_MAIL.sub(REDACTED, text)
        return text

    def foreign_text(self, text: str) -> str:
        """Return what a library writes without its secrets, and without what it quotes of a request."""
        text = _QUOTES_A_CLIENT.sub(rf"\1 {REDACTED}", text)
        text = _REQUEST_LINE.sub(REDACTED, text)
        return self.text(_QUERY_VALUE.sub(rf"\1{REDACTED}", text))

    def _address(self, match: re.Match[str]) -> str:
        if match[0] in self._own_addresses:
            return match[0]
        try:
            ip_address(match["v4"] or match["bracketed"] or match["v6"])
        except ValueError:
            return match[0]
        return REDACTED

    def _field(self, key: str, value: object) -> object:
        if key.lower() in KEYS:
            return REDACTED
        if key == "exception" and isinstance(value, str):
            return self.foreign_text(value)
        return self._value(value)

    def _value(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, int | float):
            return value
        if isinstance(value, Mapping):
            return self.event({str(key): item for key, item in value.items()})
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(item) for item in value]
        return self.text(str(value))


def _encodings(secret: str) -> set[str]:
    """Return how a secret may be written: as it is, in a URL, in a form, in JSON."""
    encodings = {secret, secret.strip()}
    with suppress(ValueError):
        encodings.add(urlsplit(secret).password or "")
    encodings |= {escape(encoding) for encoding in tuple(encodings) for escape in (quote, _quote_all, quote_plus)}
    return encodings | {encoding.encode("unicode_escape").decode() for encoding in encodings}


def _quote_all(text: str) -> str:
    return quote(text, safe="")
