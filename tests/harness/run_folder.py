"""A folder that all processes of one run of the tests share, for what takes long to make and is the same for each."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Not PORTAL_…, which the portal would take for a setting of its own that it does not know.
VARIABLE = "ZYPE_ACTIVATE_TESTS"


def make_run_folder(parent: Path | None) -> None:
    """Make the folder, for this process and those that it starts, unless the process that started this one has."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix=f"portal-tests-{os.getpid()}-", dir=parent)


def remove_run_folder() -> None:
    """Remove the folder, if this process has made it."""
    if f"portal-tests-{os.getpid()}-" in os.environ.get(VARIABLE, ""):
        shutil.rmtree(os.environ.pop(VARIABLE), ignore_errors=True)


def run_folder() -> Path:
    """Return the folder."""
    return Path(os.environ[VARIABLE])


@contextmanager
def only_one(name: str) -> Iterator[Path]:
    """Let one process at a time into the block, of those that name the same; yields the path of that name."""
    path = run_folder() / name
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path
