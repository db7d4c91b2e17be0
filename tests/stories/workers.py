"""Which worker process handles a connection, according to /proc."""

import os
import time
from contextlib import suppress
from pathlib import Path

from tests.harness.servers import Port
from tests.stories.viewer_clients import ViewerClient, ViewerClients

SECONDS = 5.0


def workers_of(serve: int, count: int = 2) -> list[int]:
    """Return the process ids of the workers as soon as all of them are there.

    Args:
        serve: the process id of ``zype-activate serve`` in live mode, which starts workers and nothing else.
        count: how many workers it runs.
    """
    deadline = time.monotonic() + SECONDS
    while len(found := children_of(serve)) != count:
        assert time.monotonic() < deadline, f"There are {len(found)} workers instead of {count}"
        time.sleep(0.02)
    return found


def children_of(process: int) -> list[int]:
    """Return the process ids of a process's running children."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def is_running(process: int) -> bool:
    """Tell whether a process is running; a zombie is not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def worker_of_connection(workers: list[int], port: int, client_port: int) -> int:
    """Return the worker that has accepted a connection.

    Args:
        workers: their process ids.
        port: where the portal listens.
        client_port: where the connection comes from.
    """
    inode = _inode(port, client_port)
    return next(worker for worker in workers if f"socket:[{inode}]" in open_files(worker))


def tabs_on_each(
    workers: list[int], clients: ViewerClients, viewer: ViewerClient, port: Port, count: int
) -> list[ViewerClient]:
    """Return tabs of a viewer, this many connected to the first worker, then as many to the next.

    Args:
        workers: their process ids.
        clients: keeps the tabs, to close them at the end.
        viewer: signed in.
        port: where the portal listens.
        count: how many for each.
    """
    tabs: dict[int, list[ViewerClient]] = {worker: [] for worker in workers}
    for _ in range(100 + 10 * count):
        tab = clients.tab_of(viewer)
        tabs[worker_of_connection(workers, port.number, tab.local_port)].append(tab)
        if all(len(found) >= count for found in tabs.values()):
            return [tab for found in tabs.values() for tab in found[:count]]
    raise AssertionError("One worker hardly ever takes a connection")


def listens_on(process: int, port: int) -> bool:
    """Tell whether a process listens on a loopback port."""
    sockets = {f"socket:[{fields[9]}]" for fields in _tcp_sockets() if fields[1].endswith(f":{port:04X}")}
    return not sockets.isdisjoint(open_files(process))


def _inode(port: int, client_port: int) -> str:
    """Return the number of the socket at the portal's end of a connection."""
    ends = (f":{port:04X}", f":{client_port:04X}")
    for fields in _tcp_sockets():
        if fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]):
            return fields[9]
    raise LookupError("there is no such connection")


def _tcp_sockets() -> list[list[str]]:
    """Return the fields of all TCP sockets: the local end is the second, the other the third, the number the tenth."""
    return [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]


def open_files(process: int) -> list[str]:
    """Return where the open files of a process are, or what they are."""
    found = []
    for entry in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(os.readlink(entry))
    return found
