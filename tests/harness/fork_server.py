"""A process that has imported the portal and its libraries, and forks for each command of the portal.

Importing all that takes more than a second of CPU time, which each start of the portal would take again. One such
process serves all processes of a run of the tests.
"""

import functools
import gc
import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import babel.localedata
from flask import Flask

from tests.harness.compiled_templates import CompiledTemplates
from tests.harness.forked_children import ForkingPopen, run_portal
from tests.harness.forked_process import NUMBER, Command, ForkedProcess
from tests.harness.run_folder import VARIABLE, only_one

ROOT = Path(__file__).parent.parent.parent
# What the commands and create_app() import when it is needed.
MODULES = (
    *("portal.commands.check", "portal.commands.demo", "portal.commands.mailer", "portal.commands.sandbox"),
    *(
        "portal.commands.serve",
        "sqlalchemy.dialects.postgresql.psycopg",
        "sqlalchemy.dialects.sqlite",
        "wsgiref.handlers",
    ),
)
SOCKET = "fork_server"
MAX_REQUEST_BYTES = 100_000


class ForkServer:
    """A connection to the process that forks, which is started unless one of this run of the tests is running.

    It ends when every connection has.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._requests = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with only_one(SOCKET) as path:
            try:
                self._requests.connect(str(path))
            except OSError:
                self._start(path)
                self._requests.connect(str(path))

    def _start(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(path))
            listener.listen()
            # In a session of its own, so that Ctrl-C does not reach it.
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(listener.fileno())],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], VARIABLE: os.environ[VARIABLE]},
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )

    def start(self, command: Command, constants: Mapping[str, Any] | None = None) -> ForkedProcess:
        """Run what ``python -m portal`` runs.

        Args:
            constants: of the portal's modules that are others in this process and in those that it starts, such as
                ``{"portal.commands.child_process.RESTART_SECONDS": 0.5}``.
        """
        given = {
            "command": command.words,
            "environ": dict(command.environ),
            "folder": str(command.folder),
            "constants": dict(constants or {}),
        }
        status, write_status = os.pipe()
        try:
            with Path(os.devnull).open("rb") as nothing:
                files = [(command.stdin or nothing).fileno(), command.stdout.fileno(), command.stderr.fileno()]
                socket.send_fds(self._requests, [pickle.dumps(given)], [*files, write_status])
        finally:
            os.close(write_status)
        return ForkedProcess(" ".join(command.words), status)

    def close(self) -> None:
        """End the process that forks, if no other process of the tests needs it."""
        self._requests.close()
        if self._process:
            self._process.wait()


@functools.cache
def fork_server() -> ForkServer:
    """Return the one of this process."""
    return ForkServer()


def end_fork_server() -> None:
    """End this process's connection, if there is one."""
    if fork_server.cache_info().currsize:
        fork_server().close()
        fork_server.cache_clear()


def main() -> None:
    """Run the commands that are requested over connections to the socket on standard input, each in a fork."""
    _import_everything()
    # Garbage collections of the forks leave out what they have in common.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    requests = _requests()
    for request, files in requests:
        if os.fork() == 0:
            requests.close()
            _supervise(files[3])
            # It comes from this run of the tests.
            _become(files[:3], **pickle.loads(request))  # noqa: S301
            return
        for file in files:
            os.close(file)


def _import_everything() -> None:
    for module in MODULES:
        import_module(module)
    for messages in ROOT.glob("portal/translations/*/LC_MESSAGES"):
        # It keeps what it has read.
        babel.localedata.load(messages.parent.name)
    Flask.jinja_options = {"bytecode_cache": CompiledTemplates()}
    subprocess.Popen = ForkingPopen  # type: ignore[misc]


def _requests() -> Generator[tuple[bytes, list[int]], None, None]:
    """Yield the requests and the files that came with them, until no connection is left."""
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        listener = stack.enter_context(socket.socket(fileno=int(sys.argv[1])))
        listener.setblocking(False)
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    connection = stack.enter_context(listener.accept()[0])
                    selector.register(connection, selectors.EVENT_READ)
                    continue
                connection: Any = key.fileobj
                request, files, *_ = socket.recv_fds(connection, MAX_REQUEST_BYTES, 4)
                if request:
                    yield request, files
                    continue
                selector.unregister(connection)
                connection.close()
                if len(selector.get_map()) == 1 and _nobody_connects(selector):
                    return


def _nobody_connects(selector: selectors.BaseSelector) -> bool:
    """Make sure that whoever needs a process that forks from here on starts another, unless they have connected."""
    # The folder is gone where the run has ended.
    with suppress(FileNotFoundError), only_one(SOCKET) as path:
        if selector.select(0):
            return False
        path.unlink()
    return True


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


def _become(
    files: list[int], command: list[str], environ: dict[str, str], folder: str, constants: dict[str, Any]
) -> None:
    """Make this process what a new one would be that runs the command, and run it."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    # The one of the server may be of a file with positions, and the new one of a pipe, which has none.
    sys.stdout = os.fdopen(1, "w", closefd=False)
    _set_constants(constants)
    run_portal(command)


def _set_constants(constants: Mapping[str, Any]) -> None:
    for path, value in constants.items():
        module, _, name = path.rpartition(".")
        names = vars(import_module(module))
        if name not in names:
            raise LookupError(path)
        names[name] = value


if __name__ == "__main__":
    main()
