"""The kinds of value that a setting can have: each checks what was given and says how to mend it.

No sentence here may hold the value: it may be a secret that was pasted into the wrong variable.
"""

import re
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from limits import RateLimitItem, parse_many
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

LANGUAGES_FOLDER = Path(__file__).parent.parent / "translations"

_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")
_BIND = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@cache
def languages() -> tuple[str, ...]:
    """Return the codes of the languages that the pages speak, such as ``pt-BR``, English first.

    A catalogue that is not compiled does not count: its pages would be in English, and claim another language.
    """
    folders = sorted(path.parent.parent.name for path in LANGUAGES_FOLDER.glob("*/LC_MESSAGES/messages.mo"))
    return ("en", *(folder.replace("_", "-") for folder in folders))


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def bind_host(bind: str) -> str:
    """Return the host of a HOST:PORT, an IPv6 address without its brackets."""
    return bind.rpartition(":")[0].strip("[]")


def _split(value: str, schemes: tuple[str, ...], advice: str) -> SplitResult:
    """Return the parts of an address of one of the schemes, its host and port known to be sound."""
    try:
        parts = urlsplit(value)
        sound = parts.scheme in schemes and parts.port != 0 and _HOST.fullmatch(parts.hostname or "")
    except ValueError as error:
        # The message of urlsplit quotes what it was given.
        raise ValueError(advice) from error
    if not sound or re.search(r"[^!-~]|\\", value):
        raise ValueError(advice)
    return parts


def _web(value: str) -> SplitResult:
    parts = _split(value, ("http", "https"), "must be an http or https address, such as https://tv.example.com")
    if "@" in parts.netloc:
        raise ValueError("must have no user name or password")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must start with https:// (plain http is accepted on loopback only)")
    return parts


def _url(value: str) -> str:
    parts = _web(value)
    if "?" in value or "#" in value:
        raise ValueError("must have no query or fragment")
    return parts.geturl().rstrip("/")


def _issuer(value: str) -> str:
    _url(value)
    # Kept to the letter: some issuers end with a slash, and theirs must equal what the provider says.
    return value


def _origin(value: str) -> str:
    parts = _web(_url(value))
    if parts.path:
        raise ValueError("must have no path: the portal lives at the root of its host")
    # As a browser writes it in Origin and Host: in lower case, without the scheme's own port.
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def mail_server_beside(zype_url: str) -> SecretStr | None:
    """Return where the sandbox takes mail: on its own host, 24 ports above its own; none if that is no address."""
    try:
        parts = urlsplit(zype_url)
        port = (parts.port or 80) + 24
    except ValueError:
        return None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return SecretStr(f"smtp://{host}:{port if port < 65536 else port - 48}")


def plain_mail_address(smtp_url: SecretStr) -> tuple[str, int] | None:
    """Return host and port of a mail server on loopback that wants no TLS and no name; none for any other."""
    parts = urlsplit(smtp_url.get_secret_value())
    is_plain = parts.scheme == "smtp" and "@" not in parts.netloc and is_loopback(parts.hostname or "")
    return (parts.hostname or "", parts.port or 25) if is_plain else None


def _link(value: str) -> str:
    if not re.fullmatch(r"mailto:[^\s@]+@[^\s@]+", value):
        _web(value)
    return value


def _limits(value: object) -> tuple[RateLimitItem, ...]:
    if isinstance(value, tuple):
        return value
    advice = "must look like 5/15minutes;20/day, with numbers above zero"
    try:
        items = tuple(parse_many(str(value)))
    except ValueError as error:
        raise ValueError(advice) from error
    if not all(item.amount for item in items):
        raise ValueError(advice)
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


def _accent(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError("must be a colour such as #1f5eff")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line without control characters")
    return value


def _token(value: str) -> str:
    if not re.fullmatch("[!-~]+", value):
        raise ValueError("must be printable ASCII without spaces; look for a copying error")
    return value


def _credential(value: SecretStr) -> SecretStr:
    _token(value.get_secret_value())
    return value


def _key(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 32:
        raise ValueError(
            "must have at least 32 characters; make one with python3 -c 'import secrets; print(secrets.token_hex(32))'"
        )
    return value


def _database(value: SecretStr) -> SecretStr:
    advice = "must look like sqlite:///folder/file.db or postgresql+psycopg://name:password@host/database"
    try:
        url = make_url(value.get_secret_value())
    except (ArgumentError, ValueError) as error:
        raise ValueError(advice) from error
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise ValueError(advice)
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("must name a file: the workers share no memory")
    return value


def _redis(value: SecretStr) -> SecretStr:
    _split(value.get_secret_value(), ("redis", "rediss"), "must look like redis://127.0.0.1:6379/0")
    return value


def _smtp(value: SecretStr) -> SecretStr:
    advice = "must look like smtp://name:password@mail.example.com:587, or smtps:// for TLS from the first byte"
    parts = _split(value.get_secret_value(), ("smtp", "smtps"), advice)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(advice)
    return value


def _mailbox(value: str) -> str:
    if not re.fullmatch(r"[!-~]+@[A-Za-z0-9.-]+", value) or re.search(r"[\s<>,;:\"()\[\]\\]", value):
        raise ValueError("must be a plain e-mail address, such as support@example.com")
    return value


URL = Annotated[str, AfterValidator(_url)]
Issuer = Annotated[str, AfterValidator(_issuer)]
Origin = Annotated[str, AfterValidator(_origin)]
Link = Annotated[str, AfterValidator(_link)]
Limits = Annotated[tuple[RateLimitItem, ...], BeforeValidator(_limits)]
Bind = Annotated[str, AfterValidator(_bind)]
Language = Annotated[str, AfterValidator(_language)]
Accent = Annotated[str, AfterValidator(_accent)]
Name = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_printable)]
Pattern = Annotated[re.Pattern[str], BeforeValidator(_pattern)]
Providers = Annotated[tuple[Literal["password", "code"], ...], BeforeValidator(_names), Field(min_length=1)]
Key = Annotated[SecretStr, AfterValidator(_key)]
Credential = Annotated[SecretStr, AfterValidator(_credential)]
ClientID = Annotated[str, AfterValidator(_token)]
DatabaseURL = Annotated[SecretStr, AfterValidator(_database)]
SMTPURL = Annotated[SecretStr, AfterValidator(_smtp)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Role = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
RedisURL = Annotated[SecretStr, AfterValidator(_redis)]
