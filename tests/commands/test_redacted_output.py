"""No command prints a secret of the settings, whatever fails."""

import sys
from collections.abc import Iterator, Mapping

import click
import psycopg
import pytest

from portal.commands.cli import main
from portal.commands.redacted_output import hide, redacted_output
from portal.settings.environment import variable
from portal.settings.settings import SECRETS
from tests.commands.conftest import Run, RunProcess
from tests.harness.servers import free_port

LEDGER_KEY = "1ed9e2" * 6
# What each command needs to reach the database, or else its end.
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "agents add": ("bob",),
    "agents disable": ("bob",),
    "agents list": (),
    "agents reset": ("bob",),
    "audit archive": ("--before", "2020-01-01"),
    "audit export": (),
    "audit list": (),
    "audit pending": (),
    "audit resolve": ("0" * 32, "linked"),
    "audit verify": (),
    "check": (),
    "db upgrade": (),
    "serve": (),
    "sessions end": ("--all",),
    "viewers forget": ("--viewer", "0" * 24),
}
# They set up the log of their process, or stop before they use the database.
IN_PROCESS = {"mailer": ("--once",)}
WITHOUT_DATABASE = {"demo", "sandbox"}


def commands(group: click.Group, *names: str) -> Iterator[str]:
    """Yield every command of a group and of the groups in it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)
        else:
            yield " ".join((*names, name))


@pytest.fixture
def environ(environ: dict[str, str], postgresql_url: str) -> dict[str, str]:
    """Settings with a secret where none should be, which the client of the database quotes."""
    url = f"{postgresql_url}?{LEDGER_KEY}=1"
    return environ | {
        "PORTAL_LEDGER_KEY": LEDGER_KEY,
        "PORTAL_DATABASE_URL": url,
        "PORTAL_BIND": f"127.0.0.1:{free_port()}",
    }


def test_every_command_is_walked() -> None:
    assert {*commands(main)} == {*ARGUMENTS, *IN_PROCESS, *WITHOUT_DATABASE}


def test_no_command_prints_what_the_database_quotes(
    run: Run, run_process: RunProcess, environ: dict[str, str], postgresql_url: str
) -> None:
    with pytest.raises(psycopg.ProgrammingError, match=LEDGER_KEY):
        psycopg.connect(environ["PORTAL_DATABASE_URL"].replace("+psycopg", ""))
    for name, arguments in ARGUMENTS.items():
        done = run(*name.split(), *arguments, **environ)
        printed = done.stdout + done.stderr
        assert done.exit_code == 1, name
        assert "[redacted]" in printed, name
        assert LEDGER_KEY not in printed, name
    for name, arguments in IN_PROCESS.items():
        ended = run_process(name, *arguments, **environ)
        assert "[redacted]" in ended.stdout + ended.stderr, name
        assert LEDGER_KEY not in ended.stdout + ended.stderr, name


def test_a_traceback_has_no_secret(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)

    def crash() -> None:
        hide(lambda text: text.replace("hush", "[redacted]"))
        raise ValueError("hush")

    with pytest.raises(ValueError, match="hush") as raised, redacted_output():
        crash()
    # As Python does at the end of a process.
    sys.__excepthook__(raised.type, raised.value, raised.tb)
    printed = capsys.readouterr().err
    assert "ValueError: [redacted]" in printed
    assert "hush" not in printed.splitlines()[-1]


def test_each_secret_is_hidden_from_the_start_and_in_faults_of_the_settings(run: Run) -> None:
    for name in SECRETS:
        done = run("check", **{variable(name): "postgresql://u:Geheimnis7@host/geheim", "PORTAL_WORKERS": "x"})
        printed = done.stdout + done.stderr
        assert "PORTAL_WORKERS" in printed, name
        assert "Geheimnis7" not in printed, name
