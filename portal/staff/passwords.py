"""Passwords of local accounts: generated here, stored as argon2id, and verified in the same time for unknown names."""

import secrets
import threading
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.staff.password_policy import normalised

# Without characters that look or sound like another when somebody copies them from paper.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
# OWASP's choice for argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
# Each hash takes 19 MiB for some 20 ms: more sign-ins than this wait, so they can't fill the machine's memory.
_slots = threading.BoundedSemaphore(4)


def _dummy_hash() -> str:
    """Return a hash that no password has, and that costs as much to verify as a real one."""
    salt, digest = (b64encode(bytes(length)).decode().rstrip("=") for length in (_hasher.salt_len, _hasher.hash_len))
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


DUMMY_HASH = _dummy_hash()


def generate(groups: int, length: int = 5) -> str:
    """Return a random text in groups of characters, each worth almost five bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(length)) for _ in range(groups))


def hash_password(password: str) -> str:
    """Return the hash to store for a password."""
    with _slots:
        return _hasher.hash(normalised(password))


def verify(password: str, password_hash: str | None) -> bool:
    """Tell whether a password has this hash; without a hash the answer is no, after the same work."""
    try:
        with _slots:
            return _hasher.verify(password_hash or DUMMY_HASH, normalised(password))
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Tell whether a password was hashed with other costs than those of today."""
    return _hasher.check_needs_rehash(password_hash)
