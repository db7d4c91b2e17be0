"""A connection of the server: what its client has sent so far, and what it has not taken yet."""

import select
import socket
import time
from typing import Any

from portal.commands.requests_received import RequestRefused, RequestsReceived

READ_BYTES = 64 * 1024
# An answer up to this size is kept for a slow client; of a larger one, such as an export, the thread waits.
MAX_UNSENT_BYTES = 256 * 1024
# How long a thread waits until a client takes something of a large answer.
STALLED_SECONDS = 10.0


class ClientSocket(socket.socket):
    """A socket that sends what the client takes at once, and keeps the rest."""

    def __init__(self, accepted: socket.socket) -> None:
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        super().__init__(family, kind, protocol, fileno=accepted.detach())
        self.setblocking(False)
        self.unsent = bytearray()

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Keep the data, to be sent by flush(). Raises TimeoutError if there is too much and the client takes none."""
        self.unsent += data
        while len(self.unsent) > MAX_UNSENT_BYTES:
            self.flush()
            if len(self.unsent) > MAX_UNSENT_BYTES and not self._wait_until_writable():
                raise TimeoutError("The client does not take the answer")

    def flush(self) -> None:
        """Send what the client takes at once. Raises ConnectionError if the client is gone."""
        try:
            while self.unsent:
                del self.unsent[: self.send(self.unsent)]
        except BlockingIOError:
            return
        except OSError as error:
            raise ConnectionAbortedError from error

    def _wait_until_writable(self) -> bool:
        writable = select.poll()
        writable.register(self, select.POLLOUT)
        return bool(writable.poll(STALLED_SECONDS * 1000))


class Connection:
    """A client's connection; the names without docstrings are gunicorn's.

    Args:
        accepted: its socket, which is taken over.
        client: its address.
        server: ours.
        cfg: gunicorn's.
    """

    def __init__(self, accepted: socket.socket, client: Any, server: Any, cfg: Any) -> None:
        self.sock = ClientSocket(accepted)
        self.client = client
        self.server = server
        self.timeout = 0.0
        self.waits_since = 0.0
        # Whether the poller waits for the rest of a request.
        self.is_reading = False
        # When the first byte of the request arrived.
        self.first_byte = 0.0
        self._received = RequestsReceived(cfg, client)
        # What a thread will find.
        self._request: Any = None
        self._failure: RequestRefused | ConnectionError | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a part of a request has arrived that was not answered."""
        return self._received.has_begun

    def next_request(self) -> Any:
        """Return the next request with its body, or none if not all of it has arrived.

        Raises RequestRefused if it never will be one, and ConnectionError if the client is gone.
        """
        if not self.needs_thread():
            return None
        if self._failure:
            raise self._failure
        request, self._request = self._request, None
        return request

    def needs_thread(self) -> bool:
        """Take what has arrived, and return whether a request is whole now, or never will be."""
        try:
            self._request = self._request or self._read()
        except (RequestRefused, ConnectionError) as error:
            self._failure = error
        return self._request is not None or self._failure is not None

    def _read(self) -> Any:
        while (request := self._received.next_request()) is None:
            if not self._receive():
                return None
        return request

    def _receive(self) -> bool:
        """Take what has arrived, and return whether that was anything."""
        if self._received.take_continue():
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.sock.flush()
        try:
            data = self.sock.recv(READ_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            raise ConnectionAbortedError from error
        if not data:
            # The client has closed its side, and perhaps still reads.
            raise RequestRefused(400, "Incomplete") if self.has_begun else ConnectionAbortedError
        if not self.has_begun:
            self.first_byte = time.monotonic()
        self._received.add(data)
        return True

    def drop(self) -> bool:
        """Take what has arrived and forget it; return whether the client may send more."""
        try:
            return bool(self.sock.recv(READ_BYTES))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        self.sock.close()
