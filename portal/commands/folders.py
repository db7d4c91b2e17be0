"""The folders for what is needed only while a command runs: the one of the server, and that of a demo."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

# What systemd sets for RuntimeDirectory=, perhaps several separated by colons.
RUNTIME_VARIABLE = "RUNTIME_DIRECTORY"
# In memory, so that a heartbeat waits for no disk.
MEMORY = "/dev/shm"  # noqa: S108 - The files there are private, and their names are made up.
# A folder that is younger may belong to a command that has not locked it yet.
ABANDONED_SECONDS = 60.0


class FolderUnusable(Exception):
    """No file can be made in a folder; the text says in which, and why."""


def runtime_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder in which the server makes files that it needs only while it runs.

    They are the heartbeats of the workers: empty, and without a name as soon as they are open, so nothing is ever left
    behind. It is RUNTIME_DIRECTORY where that is set, else memory, else the folder for temporary files. Raises
    FolderUnusable.
    """
    given = environ.get(RUNTIME_VARIABLE, "").partition(":")[0]
    if given:
        return _usable(Path(given), f"the folder of {RUNTIME_VARIABLE}")
    with suppress(FolderUnusable):
        return _usable(Path(MEMORY), MEMORY)
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        raise FolderUnusable(f"neither {MEMORY} nor a folder for temporary files can be written to") from error


def _usable(folder: Path, name: str) -> Path:
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise FolderUnusable(f"{name} can't be written to: {os.strerror(error.errno or 0).lower()}") from error
    return folder


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """Yield an empty folder that is deleted after the block, or by the next command if this one is killed.

    It is locked for as long as this process, or one that it has forked, is running. systemd-tmpfiles leaves folders
    alone that are locked.

    A worker leaves the block too, since it was forked inside, while the folder is still in use. That is also why
    tempfile.TemporaryDirectory won't do: it deletes its folder at the end of any process.
    """
    prefix = f"zype-activate-{purpose}-"
    _delete_abandoned(prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    owner = os.getpid()
    try:
        yield folder
    finally:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _delete_abandoned(prefix: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        # It may be another account's, locked, a link, or gone meanwhile.
        with suppress(OSError):
            _delete_if_abandoned(folder)


def _delete_if_abandoned(folder: Path) -> None:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(lock)
        if status.st_uid == os.getuid() and status.st_mtime < time.time() - ABANDONED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
