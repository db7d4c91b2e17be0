"""The command line by itself: it lists its commands without importing them."""

import gc
import subprocess
import sys

import click
import pytest

from portal.commands.cli import LAZY_COMMANDS, main
from tests.commands.conftest import Run
from tests.harness.commands import ROOT

PROGRAM = """
import sys
from portal.commands.cli import main
main(["--help"], standalone_mode=False)
print([name for name in ("sqlalchemy", "flask", "pydantic") if name in sys.modules])
"""


@pytest.mark.parametrize("name", LAZY_COMMANDS)
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
