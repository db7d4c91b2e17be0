"""``check`` tries everything, prints a line for each, fails if one fails, and shows no value."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import psycopg
import pytest

from portal.app import create_services
from portal.commands.check import findings
from portal.commands.findings import Finding
from portal.domain.actors import Role
from portal.settings.loading import load
from tests.commands.conftest import Run
from tests.harness.accounts import add_account
from tests.harness.cases import each
from tests.harness.mail_servers import MailServer
from tests.harness.servers import Port, free_port

FailedChecks = Callable[..., dict[str, Finding]]


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """The operator's mail server."""
    with MailServer().serve_in_thread() as server:
        yield server


@pytest.fixture
def environ(environ: dict[str, str], mail_server: MailServer) -> dict[str, str]:
    """The settings of this test's portal, whose port is free to be tried."""
    return environ | {"PORTAL_BIND": f"127.0.0.1:{free_port()}", "PORTAL_SMTP_URL": mail_server.url}


@pytest.fixture
def failed_checks(environ: dict[str, str]) -> FailedChecks:
    """Return what fails with these settings, by the subject of the line."""

    def failed_checks(**given: str) -> dict[str, Finding]:
        found = list(findings(load(environ | given)))
        for finding in found:
            for value in given.values():
                assert value not in finding.text or len(value) < 12
        return {finding.text.split(":")[0]: finding for finding in found if not finding.is_ok}

    return failed_checks


def test_every_line_is_ok_where_everything_works(any_database_url: str, failed_checks: FailedChecks) -> None:
    assert failed_checks(PORTAL_DATABASE_URL=any_database_url) == {}


def test_it_prints_a_line_for_each_and_ends_with_status_0(run: Run, environ: dict[str, str]) -> None:
    done = run("check", **environ)
    assert done.exit_code == 0, done.stdout + done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 15
    assert all(line.startswith("ok    ") for line in lines)
    assert not any(value in done.stdout for name, value in environ.items() if "KEY" in name or "URL" in name)


def test_files_that_other_accounts_can_read_fail(
    failed_checks: FailedChecks, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    dotenv = tmp_path / ".env"
    dotenv.touch(0o600)
    assert failed_checks() == {}
    for mode in (0o640, 0o604, 0o644, 0o660):
        file.chmod(mode)
        assert "chmod 600 on portal.db" in failed_checks()["database"].text
    file.chmod(0o600)
    # Another process has it open, or SQLite would make these files again.
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE another (id INTEGER)")
        connection.commit()
        (tmp_path / "portal.db-wal").chmod(0o644)
        assert "portal.db-wal" in failed_checks()["database"].text
    dotenv.chmod(0o644)
    assert "chmod 640 .env" in failed_checks()["settings"].text


def test_it_ends_with_status_1_when_one_fails(run: Run, environ: dict[str, str]) -> None:
    done = run("check", **environ | {"PORTAL_ZYPE_API_URL": f"http://127.0.0.1:{free_port()}"})
    assert done.exit_code == 1
    assert [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert done.stderr == "3 to mend\n"


def test_a_runtime_folder_that_can_not_be_written_to_fails(
    failed_checks: FailedChecks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "nowhere"))
    assert "RUNTIME_DIRECTORY can't be written to" in failed_checks()["runtime folder"].text


def test_https_needs_a_proxy_in_front(failed_checks: FailedChecks) -> None:
    assert [*failed_checks(PORTAL_PUBLIC_URL="https://tv.example.com")] == ["address"]
    assert failed_checks(PORTAL_PUBLIC_URL="https://tv.example.com", PORTAL_PROXY_HOPS="1") == {}


@pytest.mark.parametrize("setting", ["PORTAL_PIN_PATTERN", "PORTAL_TICKET_PATTERN"])
def test_a_pattern_that_takes_exponential_time_fails(failed_checks: FailedChecks, setting: str) -> None:
    failed = failed_checks(**{setting: "([a-z]+[0-9]*)+"})

    assert [*failed] == [setting]
    assert "a repetition inside a repetition" in failed[setting].text


def test_an_empty_database_fails_with_the_command_to_run(failed_checks: FailedChecks, tmp_path: Path) -> None:
    failed = failed_checks(PORTAL_DATABASE_URL=f"sqlite:///{tmp_path / 'empty.db'}")
    assert "zype-activate db upgrade" in failed["database"].text


def test_a_database_that_is_not_there_fails(failed_checks: FailedChecks, tmp_path: Path) -> None:
    assert "database" in failed_checks(PORTAL_DATABASE_URL=f"sqlite:///{tmp_path / 'no/folder/portal.db'}")
    url = f"postgresql+psycopg://portal:hushhushhush@127.0.0.1:{free_port()}/portal"
    failed = failed_checks(PORTAL_DATABASE_URL=url)
    assert "hushhushhush" not in failed["database"].text


def test_a_read_only_database_fails(failed_checks: FailedChecks, postgresql_url: str) -> None:
    name = postgresql_url.rpartition("/")[2]
    with psycopg.connect(postgresql_url.replace("+psycopg", "")) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    failed = failed_checks(PORTAL_DATABASE_URL=postgresql_url)
    assert failed["database"].text.startswith("database: can't write to it")


def test_a_ledger_that_lost_its_triggers_fails_on_sqlite(failed_checks: FailedChecks, sqlite_url: str) -> None:
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("DROP TRIGGER ledger_no_replace")
        # One of that table, but not the one that is missing.
        connection.execute("CREATE TRIGGER another AFTER INSERT ON ledger BEGIN SELECT 1; END")
    connection.close()
    assert [*failed_checks()] == ["ledger"]


def test_a_ledger_that_lost_its_triggers_fails_on_postgresql(failed_checks: FailedChecks, postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url.replace("+psycopg", "")) as connection:
        connection.execute("ALTER TABLE ledger DISABLE TRIGGER USER")
    assert [*failed_checks(PORTAL_DATABASE_URL=postgresql_url)] == ["ledger"]


def test_a_redis_that_does_not_answer_fails(failed_checks: FailedChecks) -> None:
    assert [*failed_checks(PORTAL_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")] == ["redis"]


def test_a_key_that_zype_refuses_fails(failed_checks: FailedChecks) -> None:
    assert [*failed_checks(PORTAL_ZYPE_API_KEY="another-api-key")] == ["Zype's API"]


def test_it_says_which_key_does_what(environ: dict[str, str]) -> None:
    def lines(**given: str) -> dict[str, str]:
        return {str(finding).partition(": ")[0]: str(finding) for finding in findings(load(environ | given))}

    app = {"PORTAL_ZYPE_APP_KEY": "sandbox-app-key"}
    assert "the Admin key" in lines()["ok    Zype's API"]
    alone = lines(**app)
    assert "the App key, which links" in alone["ok    Zype's API"]
    assert "it is off" in alone["ok    console"]
    both = lines(**app, PORTAL_ZYPE_API_KEY="sandbox-api-key")
    assert "leave it out" in both["warn  console"]
    services = create_services(load(environ))
    add_account(services, "bob", Role.AGENT, "bob-password")
    services.database.dispose()
    assert "it is on" in lines(**app, PORTAL_ZYPE_API_KEY="sandbox-api-key")["ok    console"]
    refused = lines(PORTAL_ZYPE_APP_KEY="another-app-key")
    assert "it refuses PORTAL_ZYPE_APP_KEY" in refused["FAIL  Zype's API"]


@pytest.mark.parametrize("setting", ["PORTAL_ZYPE_CLIENT_ID", "PORTAL_ZYPE_CLIENT_SECRET"])
def test_a_client_that_zype_refuses_fails(setting: str, failed_checks: FailedChecks) -> None:
    assert [*failed_checks(**{setting: "another-client"})] == ["Zype's login"]


def test_zype_out_of_reach_fails_in_all_three_lines(failed_checks: FailedChecks) -> None:
    assert [*failed_checks(PORTAL_ZYPE_API_URL=f"http://127.0.0.1:{free_port()}")] == [
        "Zype's API",
        "Zype's login",
        "Zype's sign-in page",
    ]


def test_a_mail_server_is_tried_without_sending_anything(failed_checks: FailedChecks, mail_server: MailServer) -> None:
    assert failed_checks() == {}
    assert mail_server.accepted == []
    failed = failed_checks(PORTAL_SMTP_URL=mail_server.url.replace("//", "//portal:hushhushhush@"))
    assert failed["mail"].text == (
        "mail: the server of PORTAL_SMTP_URL can't be used: it offers no sign-in: leave out user name and password, or "
        "use the port for clients, 587: SMTPNotSupportedError"
    )
    failed = failed_checks(PORTAL_SMTP_URL=f"smtp://127.0.0.1:{free_port()}")
    assert failed["mail"].text.endswith(": unreachable: nothing listens at its host and port: ConnectionRefusedError")


def test_no_mail_server_is_mentioned_and_no_fault(environ: dict[str, str]) -> None:
    settings = load(environ).model_copy(update={"smtp_url": None})
    [found] = [finding for finding in findings(settings) if finding.text.startswith("mail:")]
    assert found == Finding(True, "mail: PORTAL_SMTP_URL is not set, so viewers get no mail")


@each(
    "accent, end",
    [
        ("#1f5eff", "it can be seen on light and on dark pages"),
        ("#ffee00", "so #9b9000 is used on light pages, #ffee00 on dark ones"),
    ],
)
def test_it_says_if_the_accent_is_adjusted(accent: str, end: str) -> None:
    found = findings(load({"PORTAL_BRAND_ACCENT": accent}))
    [line] = (finding for finding in islice(found, 4) if finding.text.startswith("PORTAL_BRAND_ACCENT: "))
    assert line.is_ok
    assert line.text.endswith(end)


def test_it_judges_the_operator_s_own_files(tmp_path: Path) -> None:
    file = tmp_path / "static/css/components/more.css"
    file.parent.mkdir(parents=True)
    for text, is_ok, end in (
        ("b { color: red }", True, "have what those that they replace have"),
        ("b { color: red", False, "static/css/components/more.css: it has 1 { and 0 }"),
    ):
        file.write_text(text, encoding="utf-8")
        found = islice(findings(load({"PORTAL_OVERRIDES_DIR": str(tmp_path)})), 5)
        [line] = (finding for finding in found if finding.text.startswith("PORTAL_OVERRIDES_DIR: "))
        assert (line.is_ok, end in line.text) == (is_ok, True), line


@pytest.mark.parametrize("setting", ["PORTAL_BIND", "PORTAL_METRICS_BIND"])
def test_a_port_in_use_fails(setting: str, failed_checks: FailedChecks) -> None:
    taken = Port()
    assert [*failed_checks(**{setting: taken.bind})] == [setting]
    taken.close()


def test_it_leaves_no_trace_in_the_ledger(failed_checks: FailedChecks, sqlite_url: str, tmp_path: Path) -> None:
    file = sqlite_url.removeprefix("sqlite:///")
    failed_checks()
    shutil.copy(file, tmp_path / "copy.db")
    connection = sqlite3.connect(tmp_path / "copy.db")
    assert connection.execute("SELECT count(*) FROM ledger").fetchone() == (0,)
    connection.close()
