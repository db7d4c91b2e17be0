"""Threads share a few heaps of the C library."""

import re
import subprocess
import sys

import pytest

from portal.commands.heaps import HEAPS
from tests.harness.fork_server import ROOT

# Each thread allocates and keeps what is too large for Python's own allocator, and too small to be mapped by itself.
THREADS = """
import ctypes, threading
if {is_limited}:
    from portal.commands.heaps import limit_heaps
    limit_heaps()
all_there, kept = threading.Barrier(9), []
def allocate():
    kept.append([bytes(20_000) for _ in range(20)])
    all_there.wait(10)
    all_there.wait(10)
threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads: thread.start()
all_there.wait(10)
library = ctypes.CDLL(None)
library.malloc_info(0, ctypes.c_void_p.in_dll(library, "stdout"))
library.fflush(None)
all_there.wait(10)
"""


@pytest.mark.parametrize("is_limited", [True, False])
def test_eight_threads_share_them(is_limited: bool) -> None:
    program = [sys.executable, "-c", THREADS.format(is_limited=is_limited)]
    told = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    heaps = len(re.findall("<heap nr=", told))
    assert (0 < heaps <= HEAPS) if is_limited else heaps > HEAPS
