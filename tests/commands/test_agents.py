"""The commands of the support staff's accounts."""

from collections.abc import Callable, Iterator

import pytest

from portal.database.database import Database
from portal.database.sessions import Sessions
from portal.domain.actors import Role, SessionKind
from portal.settings.keys import keyring
from portal.settings.loading import load
from portal.staff.agents import Account, Agents
from portal.staff.second_factor import SecondFactor
from tests.commands.conftest import Run
from tests.harness.environment import SECRET_KEY
from tests.harness.people import Bob

RunAgents = Callable[..., str]


class Accounts:
    """The accounts as the portal sees them.

    Args:
        database: where they are.
        environ: the settings.
    """

    def __init__(self, database: Database, environ: dict[str, str]) -> None:
        settings = load(environ)
        self.sessions = Sessions(database, keyring(settings).current)
        self.agents = Agents(database, self.sessions)
        self.second_factor = SecondFactor(database, settings)

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
def accounts(environ: dict[str, str]) -> Iterator[Accounts]:
    database = Database(environ["PORTAL_DATABASE_URL"], connections=2)
    yield Accounts(database, environ)
    database.dispose()


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
    accounts.agents.upsert("oidc:4711", "Bob", "bob@example.com", Role.AGENT)
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
    accounts.agents.upsert("oidc:4711", "Bob", "bob@example.com", Role.SUPERVISOR)
    accounts.agents.upsert("oidc:4712", "Mallory", "mallory@example.com", Role.AGENT)
    session = accounts.sign_in("oidc:4711")

    assert agents("disable", name) == "oidc:4711 is disabled and signed out everywhere.\n"

    assert accounts.sessions.find(session) is None
    assert accounts.agents.upsert("oidc:4711", "Bob", "bob@example.com", Role.SUPERVISOR).disabled_at
    assert not accounts.find("oidc:4712").disabled_at


@pytest.mark.parametrize("environ", ["sqlite_url", "postgresql_url"], indirect=True)
def test_an_agent_of_the_provider_is_disabled_before_they_first_sign_in(agents: RunAgents, accounts: Accounts) -> None:
    agents("disable", "oidc:4713")

    account = accounts.agents.upsert("oidc:4713", "Mallory", None, Role.SUPERVISOR)

    assert account.disabled_at
    assert (account.name, account.role) == ("Mallory", Role.SUPERVISOR)


def test_an_unknown_account_can_not_be_disabled(agents: RunAgents, accounts: Accounts) -> None:
    accounts.agents.upsert("oidc:4711", "Bob", "bob@example.com", Role.AGENT)

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


def test_a_database_without_the_schema_is_an_error_in_one_sentence(run: Run) -> None:
    result = run("agents", "list", PORTAL_DATABASE_URL="sqlite:///nowhere.db")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "zype-activate db upgrade" in result.stderr
