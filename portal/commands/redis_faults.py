"""Why Redis or Valkey can't be used, in words that name no host, user or password."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from portal.commands.advice import ADVICE

# By the class of its client, of which the text may hold what was sent.
_REASONS = {
    **dict.fromkeys(
        ("AuthenticationError", "AuthenticationWrongNumberOfArgsError", "AuthorizationError"),
        "it refuses the user name or the password in PORTAL_REDIS_URL, or asks for one",
    ),
    "NoPermissionError": (
        "the user of PORTAL_REDIS_URL may sign in, but not count: it needs the commands +eval +evalsha +script|load "
        "+incrby +expire +get +ttl and the keys ~LIMITS:*"
    ),
    "ReadOnlyError": "it is a replica, which can't be written to; set the address of the primary",
    "OutOfMemoryError": "it refuses to write, because its memory is full",
    "BusyLoadingError": "it is still loading its data",
    "ClusterError": "it is a cluster; set the address of a single server",
}
_NO_TLS = "TLS fails: what listens at that port answers no TLS; without TLS the address is redis://"
_NO_ANSWER = "it accepts the connection and does not answer: does it speak TLS at that port (rediss://)?"
# In this order: what the client raises of TLS or a name has the class ConnectionError.
_CAUSES = (
    "SSLCertVerificationError",
    "SSLError",
    "gaierror",
    "ConnectionRefusedError",
    "TimeoutError",
    "ConnectionError",
)


def redis_fault(error: BaseException, url: str) -> str:
    """Return what to look at for an error of Redis' client at an address."""
    names = {kind.__name__ for one in _chain(error) for kind in type(one).__mro__}
    for name, sentence in _REASONS.items():
        if name in names:
            return sentence
    known = next((name for name in _CAUSES if name in names), None)
    if known in ("TimeoutError", "ConnectionError") and _accepts(url):
        return _NO_TLS if url.startswith("rediss:") else _NO_ANSWER
    if known:
        return ADVICE[known]
    # Its own code for an error is a word in capitals, such as MISCONF.
    code = str(error).split(" ", 1)[0]
    return f"it refuses to count: {code if code.isalpha() and code.isupper() else type(error).__name__}"


def _accepts(url: str) -> bool:
    """Return whether something listens at an address."""
    parts = urlsplit(url)
    with suppress(OSError), socket.create_connection((parts.hostname or "", parts.port or 6379), timeout=1):
        return True
    return False


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
