"""Each line of the log is written whole, and what happens to standard output fails nothing."""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import BinaryIO, TextIO, cast

import pytest
import time_machine
from flask import Flask
from structlog import get_logger

from portal.commands.redacted_output import RedactedStream
from portal.pages.identity.actor import REQUEST_ID
from portal.pages.web import logs
from portal.pages.web.log_lines import access_log, write_line
from portal.settings.loading import load
from tests.harness.cases import each
from tests.web.conftest import Lines


@contextmanager
def standard_output(stream: TextIO) -> Iterator[None]:
    """Make a file the standard output of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "__stdout__", stream)
        yield


@contextmanager
def pipe() -> Iterator[BinaryIO]:
    """Make a pipe the standard output, as that of a server is, and yield what reads from it."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as writer, standard_output(writer):
        yield reader


def test_long_lines_of_several_threads_stay_whole() -> None:
    lines = [letter * 200_000 for letter in "abcd"]
    threads = [threading.Thread(target=write_line, args=(line,)) for line in lines]
    with pipe() as reader:
        for thread in threads:
            thread.start()
        read = [reader.readline().decode() for _ in threads]
        for thread in threads:
            thread.join()
    assert sorted(read) == [f"{line}\n" for line in lines]


def test_what_no_encoding_has_is_escaped() -> None:
    with pipe() as reader:
        write_line("ü \udc80")
        assert reader.readline() == "ü \\udc80\n".encode()


@each("line", ["short", "long" * 10_000])
def test_nobody_at_the_other_end_and_a_full_disk_fail_nothing(line: str) -> None:
    with pipe() as reader:
        reader.close()
        write_line(line)
    with Path("/dev/full").open("w") as full, standard_output(full):
        write_line(line)


def test_the_redaction_of_what_commands_print_does_not_hide_the_file() -> None:
    with pipe() as reader:
        with redirect_stdout(cast(TextIO, RedactedStream(sys.stdout))):
            write_line("line")
        # Nothing has flushed a stream.
        assert reader.readline() == b"line\n"


def test_the_line_of_a_request_is_what_structlog_would_write(lines: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    request = Flask("tests").test_request_context(environ_overrides={REQUEST_ID: "of-the-request_1"})
    with request, time_machine.travel(1_800_000_000.25, tick=False):
        for rule in ("/support/viewers/<consumer_id>/devices/<device>/unlink", None):
            get_logger("portal.access").info("request", method="GET", rule=rule, status=200, ms=0.1)
            access_log.write("GET", rule, 200, 0.1, "of-the-request_1")
    first, second, third, fourth = capsys.readouterr().out.splitlines()
    assert (first, third) == (second, fourth)


def test_there_is_no_line_of_a_request_where_only_warnings_are_logged(
    lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(load({}), logging.WARNING)
    access_log.write("GET", "/", 200, 0.1, "of-the-request")
    assert capsys.readouterr().out == ""
