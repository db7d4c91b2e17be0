"""Passwords are hashed at argon2's smallest costs in the tests' own process; the costs are part of each hash.

Tests of the costs themselves use ``at_the_portal_s_costs``. Processes that the tests start have the portal's costs.
"""

import pytest
from argon2 import PasswordHasher

from portal.staff import passwords

_portal_s = passwords._hasher


def hash_at_smallest_costs() -> None:
    """Hash and verify passwords in this process without the 20 ms of the portal's costs."""
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords.DUMMY_HASH = passwords._dummy_hash()


def at_the_portal_s_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash and verify as the portal does, for one test."""
    monkeypatch.setattr(passwords, "_hasher", _portal_s)
    monkeypatch.setattr(passwords, "DUMMY_HASH", passwords._dummy_hash())
