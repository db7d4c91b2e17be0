"""The commands of the support staff's accounts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from portal.database.database import Database
from portal.database.sessions import Sessions
from portal.domain.actors import Role, SessionKind
from portal.ledger.attempt_query import AttemptFilter
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.settings.keys import keyring
from portal.settings.loading import load
from portal.staff.accounts import Account
from portal.staff.agents import Agents
from portal.staff.second_factor import SecondFactor
from portal.staff.tables import agents as agents_table
from tests.commands.conftest import Run
from tests.harness.environment import SECRET_KEY
from tests.harness.people import Bob

RunAgents = Callable[..., str]
ISSUER = "https://id.example.com"


class Accounts:
    """The accounts as the portal sees them.

    Args:
        database: where they are.
        environ: the settings.
    """

    def __init__(self, database: Database, environ: dict[str, str]) -> None:
        settings = load(environ)
        keys = keyring(settings)
        ledger = Ledger(database, keys)
        self.sessions = Sessions(database, keys.current)
        self.agents = Agents(database, self.sessions, ledger)
        self.second_factor = SecondFactor(database, settings, ledger)
        self.history = History(database)

    def find(self, agent_id: str) -> Account:
        """Return an account that there is."""
        account = self.agents.find(agent_id)
        assert account
        return account

    def verify(self, name: str, password: str) -> Account | None:
        """Return the account of a name and a password, or none if they are not right."""
        verified = self.agents.verify(name, password)
        return verified[0] if verified else None

    def sign_in(self, agent_id: str, kind: SessionKind = SessionKind.AGENT) -> str:
        """Create a session, and return its id."""
        return self.sessions.create(kind, agent_id, name=None, email=None, address="127.0.0.1")


@pytest.fixture
def environ(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of the commands and of the portal, with the database of the fixture that the test names."""
    url: str = request.getfixturevalue(getattr(request, "param", "sqlite_url"))
    return {"PORTAL_SECRET_KEY": SECRET_KEY, "PORTAL_DATABASE_URL": url}


@pytest.fixture
def accounts(database: Database, environ: dict[str, str]) -> Accounts:
    return Accounts(database, environ)


@pytest.fixture
def agents(run: Run, environ: dict[str, str]) -> RunAgents:
    """Return a runner of ``zype-activate agents``, which returns all that it printed."""

    def agents(*command: str, status: int = 0) -> str:
        result = run("agents", *command, **environ)
        assert result.exit_code == status, result.output
        return result.output

    return agents


def password_in(printed: str) -> str:
    [line] = [line for line in printed.splitlines() if line.startswith("Password: ")]
    return line.removeprefix("Password: ")


@pytest.mark.parametrize(("option", "role"), [((), Role.AGENT), (("--supervisor",), Role.SUPERVISOR)])
def test_a_new_account_can_sign_in(agents: RunAgents, accounts: Accounts, option: tuple[str, ...], role: Role) -> None:
    password = password_in(agents("add", "Newcomer", *option))

    account = accounts.verify("newcomer", password)

    assert account
    assert (account.id, account.name, account.role, account.disabled_at) == ("newcomer", "Newcomer", role, None)
    assert len(password.replace("-", "")) == 20
    assert password != password_in(agents("add", "dave"))


def test_it_prints_where_the_console_is(run: Run, environ: dict[str, str]) -> None:
    for origins, console in (
        ({}, "http://127.0.0.1:8000/support"),
        ({"PORTAL_STAFF_URL": "http://localhost:8000"}, "http://localhost:8000/support"),
    ):
        for command in (("add", f"agent{len(origins)}"), ("reset", f"agent{len(origins)}")):
            printed = run("agents", *command, **environ, **origins).stdout.splitlines()
            assert f"Console:  {console}" in printed, command


def test_an_invalid_name_is_refused(agents: RunAgents, accounts: Accounts) -> None:
    for name in ("", " ", "-newcomer", "new comer", "newcomer@example.com", "oidc:newcomer", "c" * 65, "ñ", "a\nb"):
        assert "The name has to start with a letter or digit" in agents("add", "--", name, status=1), name
    assert accounts.agents.all() == []


def test_a_name_is_given_once(agents: RunAgents, accounts: Accounts) -> None:
    password = password_in(agents("add", "newcomer"))

    assert "There is an account newcomer already." in agents("add", "NEWCOMER", "--supervisor", status=1)
    account = accounts.verify("newcomer", password)
    assert account
    assert account.role is Role.AGENT


def test_the_list_shows_every_account_and_no_secret(agents: RunAgents, accounts: Accounts) -> None:
    assert "There are no accounts yet" in agents("list")
    password = password_in(agents("add", "Newcomer", "--supervisor"))
    accounts.agents.upsert(ISSUER, "4711", "Bob", "bob@example.com", Role.AGENT)
    agents("disable", "oidc:4711")

    printed = agents("list").splitlines()

    assert printed[0] == "newcomer  supervisor  Newcomer"
    assert printed[1].startswith("oidc:4711  agent  Bob  bob@example.com  disabled since 20")
    assert password not in str(printed)
    assert "argon2" not in str(printed)


def test_a_disabled_account_is_signed_out_and_stays_disabled(agents: RunAgents, accounts: Accounts) -> None:
    password = password_in(agents("add", "newcomer"))
    agents("add", "dave")
    sessions = [accounts.sign_in("newcomer"), accounts.sign_in("newcomer", SessionKind.PENDING_AGENT)]
    other = accounts.sign_in("dave")

    assert agents("disable", "Newcomer") == "newcomer is disabled and signed out everywhere.\n"

    assert [accounts.sessions.find(session) for session in sessions] == [None, None]
    assert accounts.sessions.find(other)
    assert accounts.verify("newcomer", password) is None
    since = accounts.find("newcomer").disabled_at
    agents("disable", "newcomer")
    assert accounts.find("newcomer").disabled_at == since


@pytest.mark.parametrize("name", ["oidc:4711", "bob@example.com"])
def test_an_agent_of_the_provider_is_disabled_by_id_or_e_mail(agents: RunAgents, accounts: Accounts, name: str) -> None:
    accounts.agents.upsert(ISSUER, "4711", "Bob", "bob@example.com", Role.SUPERVISOR)
    accounts.agents.upsert(ISSUER, "4712", "Mallory", "mallory@example.com", Role.AGENT)
    session = accounts.sign_in("oidc:4711")

    assert agents("disable", name) == "oidc:4711 is disabled and signed out everywhere.\n"

    assert accounts.sessions.find(session) is None
    assert accounts.agents.upsert(ISSUER, "4711", "Bob", "bob@example.com", Role.SUPERVISOR).disabled_at
    assert not accounts.find("oidc:4712").disabled_at


@pytest.mark.parametrize("environ", ["sqlite_url", "postgresql_url"], indirect=True)
def test_an_agent_of_the_provider_is_disabled_before_they_first_sign_in(agents: RunAgents, accounts: Accounts) -> None:
    agents("disable", "oidc:4713")

    account = accounts.agents.upsert(ISSUER, "4713", "Mallory", None, Role.SUPERVISOR)

    assert account.disabled_at
    assert (account.name, account.role) == ("Mallory", Role.SUPERVISOR)


def test_an_unknown_account_can_not_be_disabled(agents: RunAgents, accounts: Accounts) -> None:
    accounts.agents.upsert(ISSUER, "4711", "Bob", "bob@example.com", Role.AGENT)

    for name in ("nobody", "nobody@example.com", "oidc:", "", "bob@example.co", "%", "BOB@example.com"):
        assert "There is no such account" in agents("disable", "--", name, status=1), name
    assert not accounts.find("oidc:4711").disabled_at


def test_a_reset_gives_a_new_password_and_no_second_factor(agents: RunAgents, accounts: Accounts) -> None:
    old = password_in(agents("add", "newcomer", "--supervisor"))
    codes = accounts.second_factor.enrol("newcomer", Bob.secret) or ()
    session = accounts.sign_in("newcomer")
    agents("disable", "newcomer")

    new = password_in(agents("reset", "Newcomer"))

    assert accounts.verify("newcomer", old) is None
    account = accounts.verify("newcomer", new)
    assert account
    assert account.role is Role.SUPERVISOR
    assert accounts.sessions.find(session) is None
    assert not accounts.second_factor.is_enrolled("newcomer")
    assert accounts.second_factor.recovery_codes_left("newcomer") == 0
    assert not accounts.second_factor.verify("newcomer", codes[0])


def test_an_agent_of_the_provider_is_enabled_without_a_password(agents: RunAgents, accounts: Accounts) -> None:
    agents("disable", "oidc:4711")

    printed = agents("reset", "oidc:4711")

    assert "Password" not in printed
    assert not accounts.find("oidc:4711").disabled_at
    assert accounts.verify("oidc:4711", "") is None


def test_an_unknown_account_can_not_be_reset(agents: RunAgents) -> None:
    for name in ("nobody", "oidc:4711"):
        assert "There is no such account" in agents("reset", name, status=1), name


def test_each_change_is_in_the_ledger_with_the_operator_who_made_it(
    agents: RunAgents, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "bob")
    accounts.agents.upsert(ISSUER, "4711", "Bob", "bob@example.com", Role.AGENT)
    agents("add", "Newcomer", "--supervisor")
    agents("add", "newcomer", status=1)
    agents("reset", "newcomer")
    agents("disable", "NEWCOMER")
    agents("disable", "bob@example.com")
    agents("disable", "nobody", status=1)

    recorded = accounts.history.page(AttemptFilter()).attempts[::-1]

    assert [(one.action, one.outcome, one.reason) for one in recorded] == [
        ("add_account", "done", "newcomer, supervisor"),
        ("reset_account", "done", "newcomer"),
        ("disable_account", "done", "newcomer"),
        # Its id: no email address is in the ledger.
        ("disable_account", "done", "oidc:4711"),
    ]
    assert {(one.actor_kind, one.actor_id) for one in recorded} == {("operator", "bob")}


def test_what_can_not_be_recorded_is_not_changed(agents: RunAgents, accounts: Accounts, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE ledger RENAME TO elsewhere")

    assert "The database can't be used" in agents("add", "newcomer", status=1)

    assert accounts.agents.all() == []


def test_a_subject_belongs_to_its_issuer(accounts: Accounts) -> None:
    ours = accounts.agents.upsert(ISSUER, "4711", "Bob", None, Role.AGENT)
    assert accounts.agents.oidc_id("https://other.example", "4711") == "oidc:https://other.example#4711"

    theirs = accounts.agents.upsert("https://other.example", "4711", "Mallory", None, Role.SUPERVISOR)

    assert (ours.id, theirs.id) == ("oidc:4711", "oidc:https://other.example#4711")
    assert accounts.find("oidc:4711").name == "Bob"
    again = accounts.agents.upsert("https://other.example", "4711", "Mallory", None, Role.AGENT)
    assert (again.id, again.role) == (theirs.id, Role.AGENT)
    assert accounts.agents.oidc_id(ISSUER, "4711") == "oidc:4711"


def test_an_account_of_before_keeps_its_id_and_becomes_its_issuer_s(accounts: Accounts, database: Database) -> None:
    with database.write() as connection:
        row = {"id": "oidc:4711", "name": "Bob", "role": "agent", "created_at": datetime.now(UTC)}
        connection.execute(agents_table.insert(), row)

    assert accounts.agents.upsert(ISSUER, "4711", "Bob", None, Role.AGENT).id == "oidc:4711"
    assert accounts.agents.upsert("https://other.example", "4711", "M", None, Role.AGENT).id != "oidc:4711"


def test_a_printed_password_is_good_for_72_hours(agents: RunAgents, accounts: Accounts) -> None:
    for command in ("add", "reset"):
        printed = agents(command, "newcomer")
        assert "72 hours" in printed
        account = accounts.verify("newcomer", password_in(printed))
        assert account
        assert account.has_to_change_password
        assert not accounts.agents.is_password_expired(account)
        with time_machine.travel(datetime.now(UTC) + timedelta(hours=72, seconds=1), tick=True):
            assert accounts.agents.is_password_expired(account)


def test_a_database_without_the_schema_is_an_error_in_one_sentence(run: Run) -> None:
    result = run("agents", "list", PORTAL_DATABASE_URL="sqlite:///nowhere.db")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "zype-activate db upgrade" in result.stderr
