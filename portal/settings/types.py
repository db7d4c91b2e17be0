"""The types of the settings' values: each checks a value, and says how to correct it.

No message here may hold the value: it may be a secret that was pasted into the wrong variable.
"""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult

from limits import RateLimitItem, parse_many
from pydantic import AfterValidator, BeforeValidator, Field, FilePath, SecretStr

from portal.domain.hosts import without_default_port
from portal.settings.addresses import is_in_own_network, is_loopback, url_host
from portal.settings.email_addresses import is_plain_ascii_email
from portal.settings.package_data import languages
from portal.settings.service_urls import check_redis_url, check_smtp_url, database_url, split_url

_BIND = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
# What phones show on the home screen.
MIN_ICON_PIXELS = 180


def _check(is_valid: Callable[[str], object], message: str) -> AfterValidator:
    def check(value: str) -> str:
        if not is_valid(value):
            raise ValueError(message)
        return value

    return AfterValidator(check)


def _secret(check: Callable[[str], object]) -> AfterValidator:
    def check_secret(value: SecretStr) -> SecretStr:
        check(value.get_secret_value())
        return value

    return AfterValidator(check_secret)


def _web(value: str, is_local: Callable[[str], bool] = is_loopback) -> SplitResult:
    """Return the parts of an address: https, or plain http at a host that is local."""
    parts = split_url(value, ("http", "https"), "must be an http or https address, such as https://tv.example.com")
    if "@" in parts.netloc:
        raise ValueError("must have no user name or password")
    if parts.scheme == "http" and not is_local(parts.hostname or ""):
        raise ValueError("must start with https:// (plain http is accepted on loopback only)")
    return parts


def _zype_url(value: str) -> str:
    # The sandbox may be opened to TVs on the same network; a rule says when.
    return _url(value, is_in_own_network)


def _url(value: str, is_local: Callable[[str], bool] = is_loopback) -> str:
    parts = _web(value, is_local)
    if "?" in value or "#" in value:
        raise ValueError("must have no query or fragment")
    return parts.geturl().rstrip("/")


def _issuer(value: str) -> str:
    _url(value)
    # Not changed in any way: some issuers end with a slash, and the provider's metadata must name the same.
    return value


def _origin(value: str) -> str:
    parts = _web(_url(value))
    if parts.path:
        raise ValueError("must have no path: the portal is at the root of its host")
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{without_default_port(url_host(parts.hostname or '') + port, parts.scheme)}"


def _link(value: str) -> str:
    if not re.fullmatch(r"mailto:[^\s@]+@[^\s@]+", value):
        _web(value)
    return value


def _web_link(value: str) -> str:
    _web(value)
    return value


def _icon(path: Path) -> Path:
    """Return the path of a drawing, or of a picture that is large enough for the home screen of a phone."""
    if path.suffix.lower() == ".svg":
        return path
    message = "must be an SVG file, or a square PNG file of at least 180 pixels"
    try:
        with path.open("rb") as file:
            start = file.read(24)
        # The signature of PNG, the head of its first chunk, and in that its width and height.
        is_png, sides = start.startswith(b"\x89PNG\r\n\x1a\n"), struct.unpack(">II", start[16:])
    except (OSError, struct.error) as error:
        raise ValueError(message) from error
    if not is_png or sides[0] != sides[1] or sides[0] < MIN_ICON_PIXELS:
        raise ValueError(message)
    return path


def _limits(value: object) -> tuple[RateLimitItem, ...]:
    if isinstance(value, tuple):
        return value
    message = "must look like 5/15minutes;20/day, with numbers above zero"
    try:
        items = tuple(parse_many(str(value)))
    except ValueError as error:
        raise ValueError(message) from error
    if not all(item.amount for item in items):
        raise ValueError(message)
    return items


def _names(value: object) -> object:
    if isinstance(value, str):
        return tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    return value


def _pattern(value: object) -> re.Pattern[str]:
    try:
        pattern = re.compile(value.pattern if isinstance(value, re.Pattern) else str(value))
    except (re.error, OverflowError) as error:
        raise ValueError("must be a regular expression, such as [a-z0-9]{4,16}") from error
    if pattern.fullmatch(""):
        raise ValueError("must not match an empty text")
    return pattern


def _bind(value: str) -> str:
    match = _BIND.fullmatch(value)
    if not match or not 0 < int(match["port"]) < 65536:
        raise ValueError("must look like 127.0.0.1:8000")
    return value


def _language(value: str) -> str:
    if value not in languages():
        raise ValueError("must be one of " + ", ".join(languages()))
    return value


_PRINTABLE = _check(str.isprintable, "must be one line without control characters")
_TOKEN = _check(re.compile("[!-~]+").fullmatch, "must be printable ASCII without spaces; look for a copying error")
_KEY = _check(
    lambda value: len(value) >= 32,
    "must have at least 32 characters; make one with python3 -c 'import secrets; print(secrets.token_hex(32))'",
)
_COLOR = re.compile("#[0-9a-fA-F]{6}")

URL = Annotated[str, AfterValidator(_url)]
ZypeURL = Annotated[str, AfterValidator(_zype_url)]
Issuer = Annotated[str, AfterValidator(_issuer)]
Origin = Annotated[str, AfterValidator(_origin)]
Link = Annotated[str, AfterValidator(_link)]
WebLink = Annotated[str, AfterValidator(_web_link)]
Icon = Annotated[FilePath, AfterValidator(_icon)]
Bind = Annotated[str, AfterValidator(_bind)]
Limits = Annotated[tuple[RateLimitItem, ...], BeforeValidator(_limits)]
Pattern = Annotated[re.Pattern[str], BeforeValidator(_pattern)]
SignInMethods = Annotated[
    tuple[Literal["password", "code", "handoff"], ...], BeforeValidator(_names), Field(min_length=1)
]
Token = Annotated[str, _check(re.compile(r"[!-+\--~]+").fullmatch, "must be words of ASCII, with commas between them")]
Tokens = Annotated[tuple[Token, ...], BeforeValidator(_names)]
Language = Annotated[str, AfterValidator(_language)]
Color = Annotated[str, _check(_COLOR.fullmatch, "must be a colour such as #1f5eff")]
Name = Annotated[str, Field(min_length=1, max_length=60), _PRINTABLE]
Role = Annotated[str, Field(min_length=1, max_length=200), _PRINTABLE]
EmailAddress = Annotated[
    str, _check(is_plain_ascii_email, "must be a plain email address, such as support@example.com")
]
ClientID = Annotated[str, _TOKEN]
HandoffIssuer = Annotated[str, _TOKEN]
Credential = Annotated[SecretStr, _secret(_TOKEN.func)]
Key = Annotated[SecretStr, _secret(_KEY.func)]
DatabaseURL = Annotated[SecretStr, AfterValidator(database_url)]
RedisURL = Annotated[SecretStr, _secret(check_redis_url)]
SMTPURL = Annotated[SecretStr, _secret(check_smtp_url)]
