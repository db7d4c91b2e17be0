"""The accounts of the support staff on a database, without pages: on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest

from portal.database.database import Database
from portal.database.sessions import Sessions
from portal.domain.actors import Role
from portal.ledger.ledger import Ledger
from portal.settings.keys import keyring
from portal.settings.loading import load
from portal.settings.settings import Settings
from portal.staff.agents import Agents
from portal.staff.second_factor import SecondFactor
from tests.harness.environment import SECRET_KEY
from tests.harness.people import Bob


@pytest.fixture
def settings(any_database_url: str) -> Settings:
    """Settings with a secret key, on a database of this test's own."""
    return load({"PORTAL_SECRET_KEY": SECRET_KEY, "PORTAL_DATABASE_URL": any_database_url})


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """The database, with a connection for each of several threads."""
    database = Database(settings.database_url.get_secret_value(), connections=8)
    yield database
    database.dispose()


@pytest.fixture
def accounts(database: Database, settings: Settings) -> Agents:
    """The accounts: Bob's alone."""
    keys = keyring(settings)
    accounts = Agents(database, Sessions(database, keys.current), Ledger(database, keys))
    accounts.add("bob", Role.AGENT, Bob.password)
    return accounts


@pytest.fixture
def second_factor(accounts: Agents, database: Database, settings: Settings) -> SecondFactor:
    """The second factors, with Bob enrolled."""
    second_factor = SecondFactor(database, settings, Ledger(database, keyring(settings)))
    second_factor.enrol("bob", Bob.secret)
    return second_factor
