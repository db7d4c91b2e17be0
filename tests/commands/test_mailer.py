"""The mailer as a command: it sends what is due, and stops at a signal."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.database.database import Database
from tests.commands.conftest import Run, RunProcess
from tests.harness.commands import Command, Start, command_environ, start_fork, start_python
from tests.harness.mail_servers import MailServer
from tests.harness.servers import free_port
from tests.mail.conftest import Attempts


@pytest.fixture
def attempts(sqlite_url: str) -> Iterator[Attempts]:
    database = Database(sqlite_url)
    yield Attempts(database)
    database.dispose()


def test_it_sends_once_what_is_due(run_process: RunProcess, environ: dict[str, str], attempts: Attempts) -> None:
    attempt_id = attempts.finish()
    with MailServer().serve_in_thread() as server:
        done = run_process("mailer", "--once", **environ | {"PORTAL_SMTP_URL": server.url})
        quiet = run_process("mailer", "--once", "--quiet", **environ | {"PORTAL_SMTP_URL": server.url})
    assert done.returncode == 0, done.stderr
    assert '"event": "notice_sent"' in done.stdout
    assert attempt_id in done.stdout
    assert "alice@" not in done.stdout
    assert server.recipients == ["alice@example.com"]
    assert (quiet.returncode, quiet.stdout) == (0, "")


def test_without_a_mail_server_there_is_nothing_to_do(run: Run) -> None:
    refused = run(
        "mailer",
        PORTAL_MODE="live",
        PORTAL_SECRET_KEY="5ec4e7" * 11,
        PORTAL_PUBLIC_URL="https://tv.example.com",
        PORTAL_SANDBOX_PUBLIC="yes",
        PORTAL_ZYPE_API_KEY="a-key",
        PORTAL_ZYPE_CLIENT_ID="a-client",
        PORTAL_ZYPE_CLIENT_SECRET="a-secret",
    )
    assert refused.exit_code == 1
    assert refused.stderr == "PORTAL_SMTP_URL: is not set, so there are no mails to send\n"


def test_a_database_without_the_schema_is_an_error_in_one_sentence(
    run_process: RunProcess, environ: dict[str, str]
) -> None:
    refused = run_process("mailer", "--once", **environ | {"PORTAL_DATABASE_URL": "sqlite:///empty.db"})
    assert refused.returncode == 1
    assert "zype-activate db upgrade" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(("start", "how"), [(start_python, "terminate"), (start_fork, "end of input")])
def test_it_stops_at_a_signal_and_at_the_end_of_its_input(
    start: Start, how: str, environ: dict[str, str], attempts: Attempts, tmp_path: Path
) -> None:
    attempt_id = attempts.finish()
    given = command_environ(environ | {"PORTAL_SMTP_URL": f"smtp://127.0.0.1:{free_port()}"}, tmp_path)
    (read_input, write_input), (read_output, write_output) = os.pipe(), os.pipe()
    with open(write_input, "wb") as given_input, open(read_output, "rb") as output:
        with open(read_input, "rb") as stdin, open(write_output, "wb") as printed:
            process = start(Command(["mailer", "--stop-with-stdin"], given, tmp_path, printed, printed, stdin))
        assert attempt_id in output.readline().decode(), "it is at work"
        started = time.monotonic()
        given_input.close() if how == "end of input" else process.terminate()
        assert process.wait(5) == 0
        assert time.monotonic() - started < 2
        assert b"Traceback" not in output.read()
