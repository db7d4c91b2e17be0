"""A process that has imported the portal's libraries, and forks for each command of the portal.

Importing the libraries takes more than a second of CPU time, which each start of the portal would take again. The
portal's own code is imported by each command, as ``python -m portal`` does.
"""

import atexit
import functools
import gc
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import babel.localedata

ROOT = Path(__file__).parent.parent.parent
# All that take long to import, but prometheus_client, which looks for PROMETHEUS_MULTIPROC_DIR when it is imported.
LIBRARIES = (
    *("aiosmtpd.smtp", "alembic.command", "alembic.config", "argon2", "authlib.integrations.flask_client"),
    *("authlib.integrations.requests_client", "cryptography.fernet", "dotenv", "email.headerregistry", "flask_babel"),
    *("flask_limiter", "flask_wtf", "gunicorn.app.base", "gunicorn.glogging", "gunicorn.workers.gthread", "jinja2.ext"),
    *("joserfc.jwk", "psycopg", "pydantic.json_schema", "pydantic.main", "pyotp", "segno", "smtplib", "sqlite3"),
    *("sqlalchemy.dialects.sqlite", "structlog", "werkzeug.middleware.proxy_fix", "whitenoise", "wsgiref.handlers"),
)
MAX_REQUEST_BYTES = 100_000
# Of the process that runs the command: first its id, then its exit status.
NUMBER = struct.Struct("i")


class ForkedProcess:
    """A command of the portal in a process of its own; the methods are those of subprocess.Popen.

    Args:
        command: for the message of a time-out.
        status: a pipe that gives the process id at once, and the exit status at the end.
    """

    def __init__(self, command: str, status: int) -> None:
        self._command = command
        self._status = status
        self._exit_status: int | None = None
        self.pid = self._read_number()

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status, or raise subprocess.TimeoutExpired."""
        if self._exit_status is None:
            has_ended = select.poll()
            has_ended.register(self._status)
            if not has_ended.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(self._command, timeout or 0)
            self._exit_status = self._read_number()
            os.close(self._status)
        return self._exit_status

    def poll(self) -> int | None:
        """Return the exit status, or none if it has not ended yet."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._send_signal(signal.SIGKILL)

    def _send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _read_number(self) -> int:
        number: int = NUMBER.unpack(os.read(self._status, NUMBER.size))[0]
        return number


class ForkServer:
    """Starts the process that forks, and sends it commands to run. It ends when this process does."""

    def __init__(self) -> None:
        self._requests, stdin = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with stdin:
            # In a session of its own, so that Ctrl-C does not reach it.
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"]},
                stdin=stdin.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        atexit.register(self.close)

    def start(
        self, command: Sequence[str], environ: Mapping[str, str], folder: Path, stdout: IO[Any], stderr: IO[Any]
    ) -> ForkedProcess:
        """Run ``python -m portal`` with these arguments, in a session of its own and without standard input."""
        request = json.dumps({"command": command, "environ": dict(environ), "folder": str(folder)}).encode()
        status, write_status = os.pipe()
        try:
            socket.send_fds(self._requests, [request], [stdout.fileno(), stderr.fileno(), write_status])
        finally:
            os.close(write_status)
        return ForkedProcess(" ".join(command), status)

    def close(self) -> None:
        """End the process that forks."""
        self._requests.close()
        self._process.wait()


@functools.cache
def fork_server() -> ForkServer:
    """Return the one of this process."""
    return ForkServer()


def main() -> None:
    """Run the commands that are requested on standard input, each in a fork, until it ends."""
    for library in LIBRARIES:
        import_module(library)
    for messages in ROOT.glob("portal/translations/*/LC_MESSAGES"):
        # It keeps what it has read.
        babel.localedata.load(messages.parent.name)
    # Garbage collections of the forks leave out what they have in common.
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    requests = socket.socket(fileno=sys.stdin.fileno())
    while True:
        request, files, *_ = socket.recv_fds(requests, MAX_REQUEST_BYTES, 3)
        if not request:
            return
        if os.fork() == 0:
            break
        for file in files:
            os.close(file)
    requests.detach()
    _supervise(files[2])
    _become(json.loads(request), *files[:2])
    runpy.run_module("portal", run_name="__main__", alter_sys=True)


def _supervise(status: int) -> None:
    """Fork, and return in the child alone; the parent tells the child's id and exit status, and ends with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        os.close(status)
        return
    os.write(status, NUMBER.pack(child))
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.write(status, NUMBER.pack(ended))
    os._exit(0)


def _become(request: dict[str, Any], stdout: int, stderr: int) -> None:
    """Make this process what a new one would be that runs the command."""
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    stdin = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((stdin, stdout, stderr)):
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["portal", *request["command"]]


if __name__ == "__main__":
    main()
