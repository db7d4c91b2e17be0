"""Removes secrets, addresses and what clients sent from everything that is logged."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote

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
# The mail server's password=clear is no password.
_VALUE = rf"""(?:{_QUOTED}|(?!\[redacted]|clear(?:[\s"';,.]|$))[^\s&,;"'<>)\]}}]+)"""
# Where it is not certain where a password ends.
_SEVERAL_WORDS = r"""[^\s&,;"'<>][^\r\n&,;"'<>]*"""
# What the portal's own errors say, though it looks like a name and a value: "ID token: exp is not right", "POST
# /oauth/token: Zype is busy", "PORTAL_SECRET_KEY: must be set". No secret is a plain word of a sentence, and in these
# places only our own words follow; elsewhere, as in "invalid token: abc", they could be another's.
_SENTENCE = r"[A-Za-z_']{1,15},? (?=[A-Za-z0-9(])|[A-Z][A-Za-z]{2,40}(?:Error|Timeout)\b"
_OWN_WORDS = rf"(?:(?:^|(?<=: )|\bID |\b[A-Z]{{3,6}} /(?:\w+/)*)token|\bPORTAL_[A-Z_]+): (?={_SENTENCE})"
# A name may follow an underscore or a dash, as in csrf_token and Set-Cookie, but not a letter.
_NAMED = re.compile(
    rf"(?P<own>(?-i:{_OWN_WORDS}))|"
    r"(?:(?<![a-z0-9])|(?<=%3f)|(?<=%26))"
    r"(?P<name>api[_-]?key|secret[_-]key|token|secret|password|code[_-]verifier|pin|original)"
    rf"""(?P<equals>{_EQUALS})(?:(?:(?<=password: )|(?<=secret: ))(?!\[redacted]){_SEVERAL_WORDS}|{_VALUE})""",
    re.IGNORECASE | re.MULTILINE,
)
# The same after a letter, as in the bytes of a broken form, where no space can be meant.
_GLUED = re.compile(rf"""(secret|password|pin|original)(=){_VALUE}""", re.IGNORECASE)
# These have values of several words: the rest of the line is removed.
# But "authorization: it says invalid_scope" are our own words: a header has no such value.
_HEADER = re.compile(
    r"(?<![a-z0-9])(cookie|authorization)(?!: it says [a-z_]{1,40}(?:[\r\n]|$))"
    rf"""{_EQUALS}(?:{_QUOTED}|[^\r\n"']+)""",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(Bearer|Basic)( +)[A-Za-z0-9._~+/=-]{8,}")
# Up to the last @: a password may have one that should have been encoded.
_CREDENTIALS = re.compile(r"//(?!name:password@)[^/\s]*@")
_E_MAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
# What messages about settings give as examples; the first one begins behind the credentials.
_EXAMPLES = frozenset({"password@mail.example.com", "support@example.com"})
# An address, perhaps with a port: of IPv4, or with two colons. Which of them are addresses is asked of ipaddress.
_ADDRESS = re.compile(
    # Perhaps after a word and a colon.
    r"(?:(?<![\w.:])|(?<=[A-Za-z_]{3}:)|(?<=\b[A-Za-z]{2}:)|(?<=v[46]:))(?:"
    r"(?P<v4>\d{1,3}(?:\.\d{1,3}){3})|"
    r"\[(?P<bracketed>[0-9A-Fa-f:.]{2,45})(?:%\w+)?]|"
    r"(?P<v6>[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{0,40}:[0-9A-Fa-f:.]{0,40})(?<!\.)(?:%\w+)?"
    r")(?::\d{1,5})?(?![\w:]|\.\d)"
)
# What libraries quote of a request. gunicorn's exceptions end with the bytes that they could not read.
_REQUEST_LINE = re.compile(r"""(?:^|(?<=["']))[^"'\r\n]+(?= HTTP/\d)""", re.MULTILINE)
# But those of the mail server's address, as messages about settings give them, say nothing.
_QUERY_VALUE = re.compile(r"""([?&][\w.~%-]+=)(?!\[redacted]|(?<=tls=)no\b|(?<=password=)clear\b)[^\s&"'<>]+""")
_QUOTES_A_CLIENT = re.compile(
    r"\b(Invalid request from|Error handling request|gunicorn\.http\.errors\.\w+:) .*", re.IGNORECASE
)


class Redactor:
    """Removes exact secrets, what follows the name of a secret, email addresses, and addresses of the network.

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

    def printed(self, text: str) -> str:
        """Return what a command prints without the exact secrets, and without the credentials in a URL.

        A command may print names, addresses and, once, a new password.
        """
        return _CREDENTIALS.sub(f"//{REDACTED}@", self._without_values(text))

    def _without_values(self, text: str) -> str:
        for value in self._values:
            if value in text:
                text = text.replace(value, REDACTED)
        return text

    def _without_secrets(self, text: str) -> str:
        text = self._without_values(text)
        if "=" in text or ":" in text or "%3" in text:
            text = _HEADER.sub(rf"\1\2{REDACTED}", text)
            text = _NAMED.sub(_without_value, text)
            text = _GLUED.sub(rf"\1\2{REDACTED}", text)
            text = _CREDENTIALS.sub(f"//{REDACTED}@", text)
        if "Bearer" in text or "Basic" in text:
            text = _SCHEME.sub(rf"\1\2{REDACTED}", text)
        if "@" in text or "%40" in text:
            text = _E_MAIL.sub(lambda match: match[0] if match[0] in _EXAMPLES else REDACTED, text)
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
            address = ip_address(match["v4"] or match["bracketed"] or match["v6"])
        except ValueError:
            return match[0]
        # This machine is no client.
        return match[0] if address.is_loopback or address.is_unspecified else REDACTED

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


def _without_value(match: re.Match[str]) -> str:
    return match["own"] or f"{match['name']}{match['equals']}{REDACTED}"


def _encodings(secret: str) -> set[str]:
    """Return how a secret may be written: as it is, in a URL, in a form, in JSON, in a message of Python."""
    plain = {secret, secret.strip(), *_passwords(secret)}
    encodings = {escape(text) for text in plain for escape in (str, quote, _quote_all, quote_plus)}
    # In the header of a client; the end depends on what follows.
    encodings |= {b64encode(text.encode()).decode() for text in (secret, secret.strip())}
    return encodings | {escape(text) for text in encodings for escape in (_unicode_escape, _in_json, _in_quotes)}


def _passwords(url: str) -> Iterator[str]:
    """Yield the password in a URL, and each part of one with characters that should have been encoded."""
    _, scheme, rest = url.partition("://")
    authority = rest.partition("?")[0]
    authority = authority if "@" in authority else rest
    user, _, password = authority.rpartition("@")[0].partition(":") if scheme else ("", "", "")
    # Names such as portal:portal are tried first by everybody, and half of all lines would lose a word.
    password = "" if password == user else password
    yield password
    yield unquote(password)
    yield from re.split("[@/?#]", password)
    # libpq takes one there.
    yield from (value for name, value in parse_qsl(rest.partition("?")[2]) if "password" in name)


def _quote_all(text: str) -> str:
    return quote(text, safe="")


def _unicode_escape(text: str) -> str:
    return text.encode("unicode_escape").decode()


def _in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _in_quotes(text: str) -> str:
    return text.replace("'", r"\'")
