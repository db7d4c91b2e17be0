"""How a server stops without losing a request: what its processes tell each other, and how a socket is closed."""

import ctypes
import mmap
import socket
import struct
from contextlib import suppress
from typing import Any

# Of Linux; Python names it from 3.14 on.
_SO_ATTACH_FILTER = 26
# Classic BPF, on the TCP header: drop what has SYN without ACK, which asks for a new connection, and take the rest.
_NO_NEW_CONNECTIONS = (
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x54, 0, 0, 0x12),  # of them, SYN and ACK
    (0x15, 0, 1, 0x02),  # if that is SYN alone
    (0x06, 0, 0, 0),  # then drop the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # else take all of it
)
# What the byte of the state may be, after 0 for serving.
_DRAINING, _STOPPING = 1, 2


class ServerState:
    """How far a server is on its way to the end; its process shares this with those that it forks later."""

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)

    def drain(self) -> None:
        """Say that the server will stop, and is to get no new requests from a balancer."""
        self._byte[0] = _DRAINING

    def stop(self) -> None:
        """Say that the server stops now."""
        self._byte[0] = _STOPPING

    def is_draining(self) -> bool:
        """Whether the server will stop, or stops already."""
        return self._byte[0] >= _DRAINING

    def is_stopping(self) -> bool:
        """Whether the server stops now."""
        return self._byte[0] == _STOPPING


def drop_new_connections(listener: Any) -> None:
    """Let a listening socket, which other processes may share, take no further connection.

    When a socket closes, the system resets each connection that is complete and that no process has accepted, whatever
    its client has sent. So the processes first accept what is there, and until they close the socket nothing new may
    come. Who tries to connect meanwhile gets no answer; their system tries again after a second, and is refused.
    """
    instructions = b"".join(struct.pack("HBBI", *instruction) for instruction in _NO_NEW_CONNECTIONS)
    program = ctypes.create_string_buffer(instructions)
    # It may be forbidden, and there is no such filter but on Linux. Then what connects in that short time is lost.
    with suppress(OSError):
        listener.setsockopt(
            socket.SOL_SOCKET,
            _SO_ATTACH_FILTER,
            struct.pack("HP", len(_NO_NEW_CONNECTIONS), ctypes.addressof(program)),
        )
