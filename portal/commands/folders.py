"""A folder that is gone afterwards, and the one in which the workers add up their metrics."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.settings.settings import Settings


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


@contextmanager
def metrics_folder(settings: Settings, environ: dict[str, str]) -> Iterator[None]:
    """Let the workers add up their metrics in a folder while the block runs, if PORTAL_METRICS_BIND shows them.

    So do child processes with this environment. Enter it before prometheus_client is imported, which looks for
    PROMETHEUS_MULTIPROC_DIR then.
    """
    if not settings.metrics_bind:
        yield
        return
    with temporary_folder("metrics") as folder:
        environ["PROMETHEUS_MULTIPROC_DIR"] = os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        yield
