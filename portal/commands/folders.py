"""A folder that is gone afterwards."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """Yield an empty folder that is deleted after the block.

    A worker leaves the block too, since it was forked inside, while the folder is still in use. That is also why
    tempfile.TemporaryDirectory won't do: it deletes its folder at the end of any process.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"zype-activate-{purpose}-"))
    owner = os.getpid()
    try:
        yield folder
    finally:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)
