"""A search for secrets in stored and logged data, in all encodings."""

import html
import re
import zlib
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from tests.harness.transports import Answer, OverHTTP


@dataclass
class SecretSearch:
    """The contents to search, by place, and the secrets to search for."""

    places: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def leaks(self) -> list[str]:
        """Return which secret is found where, in any encoding."""
        return [
            f"{secret} in {place}"
            for place, content in self.places.items()
            for secret, value in self.secrets.items()
            if any(form in content for form in encodings_of(value))
        ]


def encodings_of(value: str) -> set[bytes]:
    """Return the encodings of a value: plain, as in a URL, as in a header, and hexadecimal as in a table."""
    raw = value.encode()
    texts = {value, quote(value, safe=""), quote_plus(value), raw.hex()}
    return {text.encode() for text in texts} | {b64encode(raw).rstrip(b"=")}


class RecordingBrowser(OverHTTP):
    """A browser that keeps a copy of every cookie and address that it received."""

    def __init__(self, origin: str) -> None:
        super().__init__(origin)
        self.cookies: list[str] = []
        self.addresses: list[str] = []

    def send(self, method: str, path: str, data: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Send a request, and keep the cookies and addresses of the answer."""
        answer = super().send(method, path, data, headers)
        given = {name.lower(): value for name, value in answer.headers}
        self.cookies.append(given.get("set-cookie", ""))
        self.addresses.append(given.get("location", ""))
        found = re.findall(r'\b(?:href|src|action|formaction)="([^"]*)"', answer.text)
        self.addresses += [html.unescape(address) for address in found]
        return answer


def decoded(cookie: str) -> bytes:
    """Return a cookie and its decoded parts: base64, and compressed data in base64."""
    whole = cookie.encode()
    for part in re.findall(r"[A-Za-z0-9_-]{8,}", cookie):
        with suppress(ValueError, zlib.error):
            packed = urlsafe_b64decode(part + "=" * (-len(part) % 4))
            whole += b" " + packed
            whole += b" " + zlib.decompress(packed)
    return whole
