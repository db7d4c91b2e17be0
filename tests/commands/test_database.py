"""Every command says what is wrong with a database of another version, and what to do."""

import sqlite3
from contextlib import closing

from tests.commands.conftest import Run, RunProcess
from tests.harness.environment import live_environ
from tests.harness.servers import free_port

NEWER = "a newer version of the portal has upgraded the database"
GO_BACK = "go back as docs/operating.md says under Rolling back"


def test_a_database_newer_than_the_code_is_a_sentence(
    run: Run, run_process: RunProcess, environ: dict[str, str], sqlite_url: str
) -> None:
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for command in (("db", "upgrade"), ("serve",)):
        done = run(*command, **environ)
        assert (done.exit_code, done.stdout) == (1, ""), command
        [line] = done.stderr.splitlines()
        assert NEWER in line, command
        assert GO_BACK in line, command
    served = run_process("serve", **live_environ(environ) | {"PORTAL_BIND": f"127.0.0.1:{free_port()}"})
    assert served.returncode == 1
    assert NEWER in served.stderr
    [line] = [line for line in run("check", **environ).stdout.splitlines() if line.startswith("FAIL  database:")]
    assert NEWER in line
    assert GO_BACK in line


def test_a_database_out_of_reach_is_no_question_of_the_schema(run: Run, environ: dict[str, str]) -> None:
    url = f"postgres://portal:hushhushhush@127.0.0.1:{free_port()}/portal"
    done = run("agents", "list", **environ | {"PORTAL_DATABASE_URL": url})
    assert done.stderr == "The database can't be used: unreachable: nothing listens at its host and port.\n"
