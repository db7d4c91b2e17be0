"""The command line by itself: it lists its commands without importing them."""

import gc
import os
import stat
import subprocess
import sys
from pathlib import Path

import click

from portal.commands.cli import LAZY_COMMANDS, main
from tests.commands.conftest import Run
from tests.harness.cases import each
from tests.harness.commands import ROOT

PROGRAM = """
import sys
from portal.commands.cli import main
main(["--help"], standalone_mode=False)
print([name for name in ("sqlalchemy", "flask", "pydantic") if name in sys.modules])
"""


@each("name", LAZY_COMMANDS)
def test_the_list_says_of_each_command_what_it_says_of_itself(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command
    assert (command.name or name, command.get_short_help_str(80)) == (name, LAZY_COMMANDS[name][1])


def test_the_list_imports_no_command() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_garbage_is_collected_again_after_a_command_was_imported() -> None:
    assert main.get_command(click.Context(main), "audit")
    assert gc.isenabled()


def test_an_unknown_command_is_an_error(run: Run) -> None:
    assert run("dance").exit_code == 2


def test_what_a_command_writes_is_for_its_own_account(run: Run, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        assert run("db", "upgrade", PORTAL_DATABASE_URL="sqlite:///new.db").exit_code == 0
        mask = os.umask(0o022)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600
    assert mask == 0o022, "the command leaves the process as it was"
