"""Removes secrets from everything that is logged."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
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
_QUOTED = r"""b?\\*"(?:[^"\\]|\\.)*"?|b?\\*'(?:[^'\\]|\\.)*'?"""
_EQUALS = r"""(\\*["']?\s*(?:[=:]|%3[dD])\s*)"""
# A name may follow an underscore or a dash, as in csrf_token and Set-Cookie, but not a letter.
_NAMED = re.compile(
    r"(?:(?<![a-z0-9])|(?<=%3f)|(?<=%26))(api[_-]?key|secret[_-]key|token|secret|password|code[_-]verifier|pin)"
    rf"""{_EQUALS}(?:{_QUOTED}|[^\s&,;"'<>)\]}}]+)""",
    re.IGNORECASE,
)
# These have values of several words: the rest of the line is removed.
_HEADER = re.compile(rf"""(?<![a-z0-9])(cookie|authorization){_EQUALS}(?:{_QUOTED}|[^\r\n"']+)""", re.IGNORECASE)
_SCHEME = re.compile(r"\b(Bearer|Basic)( +)[A-Za-z0-9._~+/=-]{8,}")
_CREDENTIALS = re.compile(r"//[^/\s@]*:[^/\s@]*@")


class Redactor:
    """Removes exact secrets, and what follows the name of a secret."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        encodings = {encoding for secret in secrets for encoding in _encodings(secret) if len(encoding) >= _MIN_LENGTH}
        # The longest first, so that nothing is left of a secret that contains another one.
        self._values = sorted(encodings, key=len, reverse=True)

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event without its secrets, however deeply they are nested."""
        return {key: REDACTED if key.lower() in KEYS else self._value(value) for key, value in event.items()}

    def text(self, text: str) -> str:
        """Return a text without its secrets."""
        for value in self._values:
            if value in text:
                text = text.replace(value, REDACTED)
        if "=" in text or ":" in text or "%3" in text:
            text = _HEADER.sub(rf"\1\2{REDACTED}", text)
            text = _NAMED.sub(rf"\1\2{REDACTED}", text)
            text = _CREDENTIALS.sub(f"//{REDACTED}@", text)
        if "Bearer" in text or "Basic" in text:
            text = _SCHEME.sub(rf"\1\2{REDACTED}", text)
        return text

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
