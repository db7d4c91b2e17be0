"""The addresses of the database, of Redis and of the mail server, which have passwords in them.

No message here may hold any part of a value.
"""

import re
from importlib import import_module
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")
_POSTGRESQL = re.compile(r"\Apostgres(?:ql)?://")


def split_url(value: str, schemes: tuple[str, ...], message: str) -> SplitResult:
    """Return the parts of a URL with one of the schemes, whose host and port are valid."""
    try:
        parts = urlsplit(value)
        is_valid = parts.scheme in schemes and parts.port != 0 and _HOST.fullmatch(parts.hostname or "")
    except ValueError as error:
        # The message of urlsplit quotes the value.
        raise ValueError(message) from error
    if not is_valid or re.search(r"[^!-~]|\\", value):
        raise ValueError(message)
    return parts


def database_url(secret: SecretStr) -> SecretStr:
    """Return the address as SQLAlchemy takes it; what platforms call postgres:// means psycopg."""
    message = "must look like sqlite:///folder/file.db or postgresql+psycopg://name:password@host/database"
    value = _POSTGRESQL.sub("postgresql+psycopg://", secret.get_secret_value())
    # SQLAlchemy would take the rest of a password with an @ for the host, and print it.
    if value.startswith("postgresql") and "@" in value.partition("?")[0].rpartition("@")[0]:
        raise ValueError("must have %40 instead of each @ in the password")
    try:
        url = make_url(value)
    except (ArgumentError, ValueError) as error:
        raise ValueError(message) from error
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise ValueError(message)
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("must name a file: the workers share no memory")
    if url.drivername != "sqlite":
        _need_package("psycopg", extra="postgres")
    return SecretStr(value)


def _need_package(module: str, extra: str) -> None:
    try:
        import_module(module)
    except ImportError as error:
        raise ValueError(
            f"needs the package {module}, which is not installed or incomplete: install the portal with its extra "
            f"{extra}, such as pip install '.[{extra}]'"
        ) from error


def check_redis_url(value: str) -> None:
    message = "must look like redis://127.0.0.1:6379/0, with %40, %2F, %3F and %23 for @, /, ? and # in a password"
    parts = split_url(value, ("redis", "rediss"), message)
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(message)
    _need_package("redis", extra="redis")


def check_smtp_url(value: str) -> None:
    message = (
        "must look like smtp://name:password@mail.example.com:587, or smtps:// for TLS from the first byte, "
        "or smtp://mail.internal:25?tls=no for a relay without TLS on a private network"
    )
    parts = split_url(value, ("smtp", "smtps"), message)
    if parts.path.strip("/") or parts.fragment:
        raise ValueError(message)
    words = parts.query.split("&") if parts.query else []
    allowed = {"tls=no", "password=clear"} if "@" in parts.netloc else {"tls=no"}
    if words and (parts.scheme != "smtp" or "tls=no" not in words or {*words} - allowed):
        raise ValueError(message)
    if words and {*words} != allowed:
        raise ValueError(
            "must have no user name and password with tls=no, because they would be sent in the clear; if you accept "
            "that, add &password=clear"
        )
