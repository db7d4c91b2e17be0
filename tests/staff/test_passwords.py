"""Passwords of local accounts: the same work whoever it is, and a new hash when the costs have changed."""

import pytest
from argon2 import PasswordHasher

from portal.database.database import Database
from portal.domain.actors import Role
from portal.staff import passwords
from portal.staff.agents import Agents
from portal.staff.tables import agents
from tests.harness.password_costs import at_the_portal_s_costs
from tests.harness.people import Bob

COSTS = "$argon2id$v=19$m=19456,t=2,p=1$"


@pytest.fixture(autouse=True)
def portal_s_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The costs that accounts are stored with outside of tests."""
    at_the_portal_s_costs(monkeypatch)


@pytest.fixture
def verified_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that passwords are verified against, as argon2 itself receives them."""
    seen: list[str] = []
    hasher = passwords._hasher

    class Recorder:
        """argon2's own hasher; it records what it verifies."""

        def verify(self, password_hash: str, password: str) -> bool:
            seen.append(password_hash)
            return hasher.verify(password_hash, password)

        def __getattr__(self, name: str) -> object:
            return getattr(hasher, name)

    monkeypatch.setattr(passwords, "_hasher", Recorder())
    return seen


def test_every_wrong_sign_in_costs_the_same_work(accounts: Agents, verified_hashes: list[str]) -> None:
    accounts.add("gone", Role.AGENT, "wrong")
    accounts.disable("gone")
    accounts.upsert("https://id.example.com", "bob", "Bob", "bob@example.com", Role.AGENT)
    names = ("bob", "nobody", "no name at all", "gone", "oidc:bob", "bob@example.com")

    assert [accounts.verify(name, "wrong") for name in names] == [None] * len(names)

    assert len(verified_hashes) == len(names)
    shapes = {tuple(map(len, password_hash.split("$"))) for password_hash in verified_hashes}
    assert shapes == {tuple(map(len, passwords.hash_password("any").split("$")))}
    assert all(password_hash.startswith(COSTS) for password_hash in verified_hashes)


def test_a_password_of_other_costs_is_hashed_again_when_it_is_next_right(accounts: Agents, database: Database) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(Bob.password)
    with database.write() as connection:
        connection.execute(agents.update().values(password_hash=cheap))

    def stored_hash() -> str:
        with database.read() as connection:
            return str(connection.execute(agents.select()).one().password_hash)

    assert accounts.verify("bob", "another") is None
    assert stored_hash() == cheap
    assert accounts.verify("bob", Bob.password)
    assert stored_hash().startswith(COSTS)
    assert accounts.verify("bob", Bob.password)
