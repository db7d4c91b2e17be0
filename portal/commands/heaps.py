"""The heaps of the C library, in which the threads of a process keep what they allocate."""

import ctypes

# glibc would have eight a core. Python runs one thread at a time, so threads seldom wait for each other's heap.
HEAPS = 2
# As malloc.h has it.
_M_ARENA_MAX = -8


def limit_heaps() -> None:
    """Have all threads share a few heaps, here and in processes forked later: each keeps memory that others could use.

    Does nothing where the C library is not glibc.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_ARENA_MAX, HEAPS)
