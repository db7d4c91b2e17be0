"""The machine on which something was measured, in words, and how long its disk takes."""

import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile

from tests.benchmarks.servers import CORES

SYNCS = 40


def machine() -> str:
    """Return the processor, the cores that are used, the system and the interpreter."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{len(CORES)} cores of {model}, {system}, Python {platform.python_version()}"


def sync_milliseconds() -> float:
    """Return how long the disk below the folder for temporary files takes to keep 4 kB: the median of some times."""
    times = []
    with TemporaryFile() as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(os.urandom(4096))
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def heading() -> str:
    """Return when and where it was measured."""
    today = datetime.now(UTC).date().isoformat()
    return f"Measured on {today}: {machine()}; the disk takes {sync_milliseconds():.1f} ms to keep a page."
