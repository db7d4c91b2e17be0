"""What commands print, where a terminal lacks characters, a disk is full or nobody reads."""

import errno
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from portal.commands.cli import main
from portal.commands.output import guarded_output
from portal.database.database import Database
from portal.domain.actors import Actor, ActorKind
from portal.domain.outcomes import Action
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.settings.keys import keyring
from portal.settings.loading import load

# Each prints something: by click, by a command, and as bytes.
COMMANDS = (
    ("--help",),
    ("--version",),
    ("audit", "list", "--help"),
    ("db", "upgrade"),
    ("audit", "list"),
    ("audit", "verify"),
    ("audit", "export"),
)
FULL = "Not everything was printed: no space left on device.\n"

Printed = Callable[[io.TextIOWrapper, tuple[str, ...]], tuple[object, str]]


@pytest.fixture
def printed(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Printed:
    """Return a runner of commands with this standard output: it returns the status and what is in standard error."""
    ledger = Ledger(database := Database(sqlite_url), keyring(load({"PORTAL_LEDGER_KEY": "1edge4" * 8})))
    ledger.begin(Attempt(Action.LINK, Actor(ActorKind.AGENT, "アリス", "192.0.2.9", "request-9"), "alice"))
    database.dispose()
    monkeypatch.setenv("PORTAL_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("PORTAL_LEDGER_KEY", "1edge4" * 8)

    def printed(output: io.TextIOWrapper, command: tuple[str, ...]) -> tuple[object, str]:
        errors = io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", output)
            patch.setattr(sys, "stderr", errors)
            with pytest.raises(SystemExit) as end:
                main(command, prog_name="zype-activate")
        return end.value.code, errors.getvalue()

    return printed


def test_a_full_disk_is_a_sentence_of_every_command(printed: Printed) -> None:
    for command in COMMANDS:
        # Closing it writes what is left in its buffer.
        with Path("/dev/full").open("w") as full:
            assert printed(full, command) == (1, FULL), command


def test_every_command_ends_quietly_where_the_reader_of_a_pipe_is_gone(printed: Printed) -> None:
    # Those before are printed by click, which does the same.
    for command in COMMANDS[2:]:
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as closed:
            assert printed(closed, command) == (1, ""), command


def test_a_terminal_that_lacks_a_character_gets_its_number_and_a_sentence(printed: Printed) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    status, errors = printed(output, ("audit", "list"))
    assert (status, output.buffer.getvalue().count(b"agent \\u30a2\\u30ea\\u30b9  for alice")) == (0, 1)
    assert errors == (
        "Some characters do not exist in the encoding of this terminal (latin-1) and were printed as a backslash with "
        "their number. A terminal with UTF-8 shows them.\n"
    )
    assert printed(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), ("audit", "list")) == (0, "")
    assert printed(io.TextIOWrapper(io.BytesIO(), encoding="latin-1"), ("audit", "verify")) == (0, "")


def test_an_export_needs_an_output_and_is_not_recorded_without_one(printed: Printed) -> None:
    closed = printed(None, ("audit", "export"))  # type: ignore[arg-type] - So Python has a closed output.
    assert closed == (1, "Nothing was exported, because standard output is closed.\n")
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    assert printed(output, ("audit", "list")) == (0, "")
    assert b"  export  " not in output.buffer.getvalue()


def test_another_fault_of_the_system_is_not_taken_for_one_of_the_output() -> None:
    for fault in (OSError(errno.ENOSPC, "full", "a file"), ConnectionRefusedError(errno.ECONNREFUSED, "refused")):
        with pytest.raises(OSError, match=r"full|refused"), guarded_output():
            raise fault
