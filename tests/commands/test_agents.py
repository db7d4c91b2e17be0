"""The commands of the support staff's accounts."""

from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from portal.commands.cli import main
from portal.database.database import Database
from portal.database.sessions import Sessions
from portal.domain.actors import Role, SessionKind
from portal.settings.keys import keyring
from portal.settings.loading import load
from portal.staff.agents import Agents
from portal.staff.second_factor import SecondFactor
from tests.commands.conftest import Run
from tests.conftest import SECRET_KEY
from tests.harness.cast import Bob


class Office:
    """The accounts as the operator's commands and the portal see them, on one database.

    Args:
        environ: the settings of both.
        database: as the portal uses it.
    """

    def __init__(self, environ: dict[str, str], database: Database) -> None:
        settings = load(environ)
        self._environ = environ
        self.sessions = Sessions(database, keyring(settings).current)
        self.agents = Agents(database, self.sessions)
        self.second_factor = SecondFactor(database, settings)

    def run(self, *command: str, status: int = 0) -> str:
        """Run ``zype-activate agents`` and return all that it printed."""
        result: Result = CliRunner(env=self._environ).invoke(main, ["agents", *command])
        assert result.exit_code == status, result.output
        return result.output

    def sits_down(self, agent_id: str, kind: SessionKind = SessionKind.AGENT) -> str:
        """Begin a session of somebody."""
        return self.sessions.create(kind, agent_id, name=None, email=None, address="127.0.0.1")


@pytest.fixture
def office(any_database_url: str) -> Iterator[Office]:
    """An operator without accounts yet, on SQLite and on PostgreSQL."""
    database = Database(any_database_url, connections=2)
    yield Office({"PORTAL_SECRET_KEY": SECRET_KEY, "PORTAL_DATABASE_URL": any_database_url}, database)
    database.dispose()


def password_in(printed: str) -> str:
    lines = [line for line in printed.splitlines() if line.startswith("Password: ")]
    assert len(lines) == 1, printed
    return lines[0].removeprefix("Password: ")


@pytest.mark.parametrize(("option", "role"), [((), Role.AGENT), (("--supervisor",), Role.SUPERVISOR)])
def test_an_account_that_was_added_can_sign_in(office: Office, option: tuple[str, ...], role: Role) -> None:
    password = password_in(office.run("add", "Newcomer", *option))

    verified = office.agents.verify("newcomer", password)
    account = verified and verified[0]

    assert account
    assert (account.id, account.name, account.role, account.disabled_at) == ("newcomer", "Newcomer", role, None)
    assert len(password.replace("-", "")) == 20
    assert password != password_in(office.run("add", "dave"))


@pytest.mark.parametrize(
    "name", ["", " ", "-newcomer", "new comer", "newcomer@example.com", "oidc:newcomer", "c" * 65, "ñewcomer", "a\nb"]
)
def test_a_name_that_can_not_be_one_is_refused(office: Office, name: str) -> None:
    assert "The name has to start with a letter or digit" in office.run("add", "--", name, status=1)
    assert office.agents.all() == []


def test_a_name_is_given_once(office: Office) -> None:
    password = password_in(office.run("add", "newcomer"))

    assert "There is an account newcomer already." in office.run("add", "NEWCOMER", "--supervisor", status=1)
    assert office.agents.verify("newcomer", password)[0].role is Role.AGENT  # type: ignore[index]


def test_the_list_shows_everybody_and_no_secret(office: Office) -> None:
    assert "There are no accounts yet" in office.run("list")
    password = password_in(office.run("add", "Newcomer", "--supervisor"))
    office.agents.upsert("oidc:4711", "Bob", "bob@example.com", Role.AGENT)
    office.run("disable", "oidc:4711")

    printed = office.run("list").splitlines()

    assert printed[0] == "newcomer  supervisor  Newcomer"
    assert printed[1].startswith("oidc:4711  agent  Bob  bob@example.com  disabled since 20")
    assert password not in str(printed)
    assert "argon2" not in str(printed)


def test_who_is_disabled_is_out_at_once_and_stays_out(office: Office) -> None:
    password = password_in(office.run("add", "newcomer"))
    office.run("add", "dave")
    theirs = [office.sits_down("newcomer"), office.sits_down("newcomer", SessionKind.PENDING_AGENT)]
    other = office.sits_down("dave")

    assert office.run("disable", "Newcomer") == "newcomer is disabled and signed out everywhere.\n"

    assert [office.sessions.find(session) for session in theirs] == [None, None]
    assert office.sessions.find(other)
    assert office.agents.verify("newcomer", password) is None
    since = office.agents.find("newcomer").disabled_at  # type: ignore[union-attr]
    office.run("disable", "newcomer")
    assert office.agents.find("newcomer").disabled_at == since  # type: ignore[union-attr]


@pytest.mark.parametrize("named", ["oidc:4711", "bob@example.com"])
def test_an_agent_of_the_provider_is_disabled_by_id_or_e_mail(office: Office, named: str) -> None:
    office.agents.upsert("oidc:4711", "Bob", "bob@example.com", Role.SUPERVISOR)
    office.agents.upsert("oidc:4712", "Mallory", "mallory@example.com", Role.AGENT)
    session = office.sits_down("oidc:4711")

    assert office.run("disable", named) == "oidc:4711 is disabled and signed out everywhere.\n"

    assert office.sessions.find(session) is None
    again = office.agents.upsert("oidc:4711", "Bob", "bob@example.com", Role.SUPERVISOR)
    assert again.disabled_at
    assert not office.agents.find("oidc:4712").disabled_at  # type: ignore[union-attr]


def test_an_agent_of_the_provider_is_disabled_before_they_ever_sign_in(office: Office) -> None:
    office.run("disable", "oidc:4713")

    account = office.agents.upsert("oidc:4713", "Mallory", None, Role.SUPERVISOR)

    assert account.disabled_at
    assert (account.name, account.role) == ("Mallory", Role.SUPERVISOR)


@pytest.mark.parametrize(
    "name", ["nobody", "nobody@example.com", "oidc:", "", "bob@example.co", "%", "BOB@example.com"]
)
def test_whom_nobody_knows_can_not_be_disabled(office: Office, name: str) -> None:
    office.agents.upsert("oidc:4711", "Bob", "bob@example.com", Role.AGENT)

    assert "There is no such account" in office.run("disable", "--", name, status=1)
    assert not office.agents.find("oidc:4711").disabled_at  # type: ignore[union-attr]


def test_a_reset_begins_anew(office: Office) -> None:
    old = password_in(office.run("add", "newcomer", "--supervisor"))
    codes = office.second_factor.enrol("newcomer", Bob.secret) or ()
    session = office.sits_down("newcomer")
    office.run("disable", "newcomer")

    new = password_in(office.run("reset", "Newcomer"))

    assert office.agents.verify("newcomer", old) is None
    assert office.agents.verify("newcomer", new)[0].role is Role.SUPERVISOR  # type: ignore[index]
    assert office.sessions.find(session) is None
    assert not office.second_factor.is_enrolled("newcomer")
    assert office.second_factor.recovery_codes_left("newcomer") == 0
    assert not office.second_factor.verify("newcomer", codes[0])


def test_an_agent_of_the_provider_is_let_in_again_without_a_password(office: Office) -> None:
    office.run("disable", "oidc:4711")

    printed = office.run("reset", "oidc:4711")

    assert "Password" not in printed
    assert not office.agents.find("oidc:4711").disabled_at  # type: ignore[union-attr]
    assert office.agents.verify("oidc:4711", "") is None


@pytest.mark.parametrize("name", ["nobody", "oidc:4711"])
def test_whom_nobody_knows_can_not_be_reset(office: Office, name: str) -> None:
    assert "There is no such account" in office.run("reset", name, status=1)


def test_without_a_database_it_ends_in_a_sentence(run: Run) -> None:
    done = run("agents", "list", PORTAL_DATABASE_URL="sqlite:///nowhere.db")

    assert (done.exit_code, done.stdout) == (1, "")
    assert "zype-activate db upgrade" in done.stderr
