"""A fast stand-in for Zype and its login service, in one process: it answers at once, or after a delay, and remembers
every call that links.

A PIN exists if it begins with "g", until it is linked. Viewer N is ``uN@example.com`` with the password ``pw-N``.
``POST /stand-in/delay`` has the seconds that each answer takes as its body, ``POST /stand-in/forget`` forgets the
calls, and ``GET /stand-in/calls`` returns them: consumer, PIN, the status that was sent, or none if the caller had
gone, when the call arrived, and when it ended, or none if it has not.
"""

import asyncio
import json
import sys
import time
from typing import Any
from urllib.parse import parse_qsl

EXISTS = "g"
NOT_FOUND = 404, {"message": "The requested resource could not be found."}
REASONS = {200: "OK", 401: "Unauthorized", 404: "Not Found"}
CREATED_AT = "2026-01-01T00:00:00.000-05:00"


def consumer_id(number: int) -> str:
    """Return the consumer id of a viewer."""
    return f"{number:024x}"


class StandIn:
    """What it knows: how long an answer takes, and the calls so far."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.calls: list[list[Any]] = []
        self.owners: dict[str, str] = {}
        self.tvs: dict[str, list[str]] = {}

    def control(self, path: str, body: bytes) -> tuple[int, Any]:
        """Answer the benchmark itself."""
        if path == "/stand-in/delay":
            self.delay = float(body)
        elif path == "/stand-in/forget":
            self.calls.clear()
            self.owners.clear()
            self.tvs.clear()
        return 200, self.calls if path == "/stand-in/calls" else {}

    def answer(self, method: str, path: str, given: dict[str, str]) -> tuple[int, Any]:
        """Answer one of Zype's calls."""
        if path == "/pin/link":
            return self._link(given)
        if path == "/oauth/token":
            return token(given)
        if path == "/oauth/token/info":
            number = given.get("access_token", "").removeprefix("token-")
            return (200, {"resource_owner_id": consumer_id(int(number))}) if number.isdigit() else (401, {})
        if path == "/oauth/revoke":
            return 200, {}
        if path.startswith("/consumers/"):
            return 200, {"response": self.consumer(int(path.rpartition("/")[2], 16))}
        if path == "/consumers":
            number = given.get("email", "").partition("@")[0].removeprefix("u")
            return 200, {"response": [self.consumer(int(number))] if number.isdigit() else []}
        if path == "/pin/status":
            return self._status(given.get("linked_device_id", ""))
        return NOT_FOUND

    def consumer(self, number: int) -> dict[str, Any]:
        """Return an account, with the first of its TVs: nobody has hundreds, as a viewer of this benchmark has."""
        owner = consumer_id(number)
        return {
            "_id": owner,
            "email": f"u{number}@example.com",
            "name": f"Viewer {number}",
            "created_at": CREATED_AT,
            "linked_devices": self.tvs.get(owner, [])[:2],
        }

    def _link(self, given: dict[str, str]) -> tuple[int, Any]:
        owner, pin = given.get("consumer_id", ""), given.get("pin", "")
        if not pin.startswith(EXISTS) or pin in self.owners:
            return NOT_FOUND
        self.owners[pin] = owner
        self.tvs.setdefault(owner, []).append(f"tv-{pin}")
        return 200, {"response": pin_object(owner, pin)}

    def _status(self, device: str) -> tuple[int, Any]:
        pin = device.removeprefix("tv-")
        return (200, {"response": pin_object(self.owners[pin], pin)}) if pin in self.owners else NOT_FOUND


def token(given: dict[str, str]) -> tuple[int, Any]:
    """Answer the password of a viewer."""
    number = given.get("username", "").partition("@")[0].removeprefix("u")
    if not number.isdigit() or given.get("password") != f"pw-{number}":
        return 401, {"error": "invalid_grant"}
    return 200, {"access_token": f"token-{number}", "token_type": "bearer", "expires_in": 604800, "scope": "consumer"}


def pin_object(owner: str, pin: str) -> dict[str, Any]:
    """Return a linked PIN as Zype describes it."""
    return {
        "_id": "5f0000000000000000000000",
        "consumer_id": owner,
        "pin": pin,
        "linked": True,
        "linked_device_id": f"tv-{pin}",
        "pin_expiration": None,
        "created_at": CREATED_AT,
        "updated_at": CREATED_AT,
    }


class Connection(asyncio.Protocol):
    """One kept connection, with one request at a time, as HTTP clients without pipelining use it."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in
        self._received = b""
        self._call: list[Any] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the caller is gone."""
        if self._call and self._call[4] is None:
            self._call[4] = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request, and answer it once it is whole."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if len(body) < int(headers.get("content-length", 0)):
            return
        self._received = b""
        method, target, _ = first.split(" ", 2)
        self._take(method, target, headers, body)

    def _take(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        path, _, query = target.partition("?")
        if path.startswith("/stand-in/"):
            self._send(*self._stand_in.control(path, body))
            return
        given = dict(parse_qsl(query))
        if body and headers.get("content-type", "").startswith("application/json"):
            given |= json.loads(body)
        elif body:
            given |= dict(parse_qsl(body.decode()))
        self._call = [given.get("consumer_id", ""), given.get("pin", ""), None, time.monotonic(), None]
        if path == "/pin/link":
            self._stand_in.calls.append(self._call)
        if self._stand_in.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(self._stand_in.delay, self._answer, method, path, given)
        else:
            self._answer(method, path, given)

    def _answer(self, method: str, path: str, given: dict[str, str]) -> None:
        # Whoever has given up is told nothing, and nothing is done.
        if not self._transport.is_closing():
            status, content = self._stand_in.answer(method, path, given)
            self._call[2], self._call[4] = status, time.monotonic()
            self._send(status, content)

    def _send(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n"
        self._transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


async def serve(port: int) -> None:
    """Serve on a loopback port until the process is stopped."""
    stand_in, loop = StandIn(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(stand_in), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
