"""Every command reports all faults of the settings at once, and never their values."""

from pathlib import Path

import pytest

from tests.commands.conftest import Run
from tests.harness.cases import each
from tests.settings.samples import UNREADABLE

COMMANDS = [("serve",), ("sandbox",), ("check",), ("db", "upgrade"), ("audit", "pending")]
WRONG = {
    "PORTAL_MODE": "live",
    "PORTAL_SECRET_KEY": "hushhush",
    "PORTAL_BIND": "nowhere-at-all",
    "PORTAL_ZYPE_API_KY": "hushhush2",
}

NO_VALUE = (b"PORTAL_WORKERS\n", "line 1 is not NAME=value; look for a missing = or quote")


@each("command", COMMANDS)
def test_it_reports_each_fault_on_a_line_of_its_own(command: tuple[str, ...], run: Run) -> None:
    done = run(*command, **WRONG)
    assert done.exit_code == 1
    assert done.stdout == ""
    first, *faults = done.stderr.splitlines()
    assert first == "The settings have faults:"
    named = [fault.strip().split(":")[0] for fault in faults]
    assert {*WRONG} - {"PORTAL_MODE"} <= set(named)
    assert "PORTAL_ZYPE_API_KEY" in named
    assert len(named) == len(set(named))
    assert "hushhush" not in done.stderr
    assert "nowhere" not in done.stderr


def test_a_dotenv_file_is_read_and_the_environment_overrides_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORTAL_BIND=wrong\nPORTAL_WORKERS=wrong\n")
    printed = run("check", PORTAL_BIND="127.0.0.1:8000").stderr
    assert "PORTAL_WORKERS" in printed
    assert "PORTAL_BIND" not in printed


def test_each_command_says_what_is_wrong_with_a_dotenv_file(run: Run, tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    for command in (*COMMANDS, ("mailer",), ("agents", "list"), ("sessions", "end", "--all")):
        for content, fault in (*UNREADABLE, NO_VALUE):
            dotenv.write_bytes(content)
            done = run(*command)
            assert (done.exit_code, done.stdout) == (1, ""), command
            assert done.stderr == f"The settings have faults:\n  .env: {fault}\n", command
        dotenv.unlink()
        dotenv.mkdir()
        assert run(*command).stderr.endswith(".env: is a folder, and has to be a file\n"), command
        dotenv.rmdir()


def test_a_value_of_a_dotenv_file_is_taken_literally(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORTAL_DATABASE_URL='sqlite:///${PORTAL_WORKERS}.db'\nPORTAL_WORKERS=3\n")
    assert run("db", "upgrade").exit_code == 0
    assert (tmp_path / "${PORTAL_WORKERS}.db").exists()


def test_a_dotenv_file_is_not_read_if_that_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORTAL_WORKERS=wrong\n")
    assert run("db", "upgrade").exit_code == 1
    assert run("--no-dotenv", "db", "upgrade").exit_code == 0


def test_a_demo_stays_on_this_machine(run: Run) -> None:
    for name, value in (("PORTAL_BIND", "0.0.0.0:8000"), ("PORTAL_PUBLIC_URL", "https://tv.example.com")):
        allowed = {"PORTAL_PUBLIC_URL": "http://127.0.0.1:8000", "PORTAL_SANDBOX_PUBLIC": "yes"}
        done = run("demo", "--once", **allowed | {name: value})
        expected = f"because everybody knows its passwords. Set {name} to loopback.\n"
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == f"The demo stays on this machine, {expected}"


@pytest.mark.parametrize("command", ["serve", "check"])
def test_sandbox_mode_at_a_public_address_is_refused(command: str, run: Run) -> None:
    done = run(command, PORTAL_PUBLIC_URL="https://tv.example.com")
    first, fault = done.stderr.splitlines()
    assert (done.exit_code, done.stdout, first) == (1, "", "The settings have faults:")
    assert fault.startswith("  PORTAL_SANDBOX_PUBLIC: must be yes if others may reach sandbox mode, as PORTAL_")


def test_what_a_platform_injects_is_ignored_and_said_once(run: Run, environ: dict[str, str]) -> None:
    names = {"PORTAL_PORT": "tcp://10.96.14.7:80", "PORTAL_REDIS_SERVICE_HOST": "10.96.14.8"}
    said = "Ignored, because the platform has set them for its services: PORTAL_PORT, PORTAL_REDIS_SERVICE_HOST\n"
    for command in (("db", "upgrade"), ("agents", "list"), ("audit", "pending")):
        done = run(*command, **environ | names)
        assert done.exit_code == 0, command
        assert done.stderr.count(said) == 1, command
        assert "10.96" not in done.stderr, command
