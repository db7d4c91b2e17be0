"""Passwords of local accounts: made here, kept as argon2id, and judged by the same work whether there is one or not."""

import secrets
import threading
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Without what looks or sounds like another when somebody copies it from paper.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
# OWASP's choice for argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
# Each takes its 19 MiB for some 20 ms: a crowd at the form waits in line, and does not fill the machine's memory.
_places = threading.BoundedSemaphore(4)


def _no_password() -> str:
    """Return the hash of no password, as costly to look at as a real one."""
    salt, digest = (b64encode(bytes(length)).decode().rstrip("=") for length in (_hasher.salt_len, _hasher.hash_len))
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


NO_PASSWORD = _no_password()


def generate(groups: int, length: int = 5) -> str:
    """Return a random text in groups of characters, each worth almost five bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(length)) for _ in range(groups))


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    with _places:
        return _hasher.hash(password)


def is_right(password: str, kept: str | None) -> bool:
    """Tell whether it is the password that this was kept of; with nothing kept it is not, after the same work."""
    try:
        with _places:
            return _hasher.verify(kept or NO_PASSWORD, password)
    except (VerificationError, InvalidHashError):
        return False


def is_out_of_date(kept: str) -> bool:
    """Tell whether a password was kept with other costs than those of today."""
    return _hasher.check_needs_rehash(kept)
