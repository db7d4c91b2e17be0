"""The kinds of value that a setting can have: each checks what was given and says how to mend it."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from limits import RateLimitItem, parse_many
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

LANGUAGES_FOLDER = Path(__file__).parent / "translations"


def languages() -> tuple[str, ...]:
    """Return the codes of the languages that the pages speak, English first."""
    found = sorted(path.parent.parent.name for path in LANGUAGES_FOLDER.glob("*/LC_MESSAGES/*.po"))
    return ("en", *(code for code in found if code != "en"))


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https address, such as https://tv.example.com")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("must have no query, fragment or user name")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must start with https:// (plain http is accepted on loopback only)")
    return value.rstrip("/")


def _origin(value: str) -> str:
    if urlsplit(_url(value)).path.strip("/"):
        raise ValueError("must have no path: the portal lives at the root of its host")
    return _url(value)


def _link(value: str) -> str:
    if value.startswith("mailto:"):
        return value
    return _url(value)


def _limits(value: object) -> tuple[RateLimitItem, ...]:
    if isinstance(value, tuple):
        return value
    try:
        return tuple(parse_many(str(value)))
    except ValueError as error:
        raise ValueError("must look like 5/15minutes;20/day") from error


def _names(value: object) -> object:
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    return value


def _pattern(value: object) -> re.Pattern[str]:
    try:
        pattern = re.compile(value.pattern if isinstance(value, re.Pattern) else str(value))
    except re.error as error:
        raise ValueError("must be a regular expression, such as [a-z0-9]{4,16}") from error
    if pattern.fullmatch(""):
        raise ValueError("must not match an empty PIN")
    return pattern


def _bind(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
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


def _database(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must start with sqlite:/// or postgresql+psycopg://")
    return value


def _key(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 32:
        raise ValueError(
            "must have at least 32 characters; make one with "
            "python3 -c 'import secrets; print(secrets.token_hex(32))'"
        )
    return value


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


URL = Annotated[str, AfterValidator(_url)]
Origin = Annotated[str, AfterValidator(_origin)]
Link = Annotated[str, AfterValidator(_link)]
Limits = Annotated[tuple[RateLimitItem, ...], BeforeValidator(_limits)]
Bind = Annotated[str, AfterValidator(_bind)]
Language = Annotated[str, AfterValidator(_language)]
Accent = Annotated[str, AfterValidator(_accent)]
Pattern = Annotated[re.Pattern[str], BeforeValidator(_pattern)]
Providers = Annotated[tuple[Literal["password", "code"], ...], BeforeValidator(_names), Field(min_length=1)]
Key = Annotated[SecretStr, AfterValidator(_key)]
DatabaseURL = Annotated[SecretStr, AfterValidator(_database)]
