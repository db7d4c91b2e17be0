"""What the portal starts as ``python -m portal`` is forked instead, where the portal is a fork itself."""

import atexit
import gc
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

PORTAL = [sys.executable, "-m", "portal"]


class ForkingPopen(subprocess.Popen[bytes]):
    """Does all that subprocess.Popen does to start a command, but the last step for a command of the portal.

    That one would be to execute a new interpreter, which takes most of a second to import the libraries.
    """

    def __init__(
        self, args: Sequence[str], *, env: Mapping[str, str], pass_fds: Sequence[int] = (), **options: Any
    ) -> None:
        command = None
        if list(args[: len(PORTAL)]) == PORTAL:
            command = partial(become_command, [*args[len(PORTAL) :]], {**env}, pass_fds)
        super().__init__(args, env=env, pass_fds=pass_fds, preexec_fn=command, **options)


def become_command(command: Sequence[str], environ: Mapping[str, str], files: Sequence[int]) -> None:
    """Make this process, which was forked, what ``python -m portal`` would be, run the command, and end."""
    # What the parent would do at its end.
    atexit._clear()
    _leave_files(files)
    _forget_signals()
    os.environ.clear()
    os.environ.update(environ)
    gc.enable()
    run_portal(command)


def run_portal(command: Sequence[str]) -> NoReturn:
    """Run a command as ``python -m portal`` does, and end the process.

    All is done that an interpreter does at its end, except that memory is given back to the system as a whole.
    """
    status = 0
    sys.argv = ["portal", *command]
    try:
        runpy.run_module("portal", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        status = 1
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _leave_files(but: Sequence[int]) -> None:
    """Hold no file of the parent's but the standard three and these. One of the others waits for that: then it goes on.

    Their numbers are not free, since objects of the parent may still close them.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in map(int, os.listdir("/proc/self/fd")):
        if number > 2 and number not in but:
            os.dup2(nothing, number)


def _forget_signals() -> None:
    """Treat every signal as a new program does: what was handled has its default, what was ignored is ignored."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
