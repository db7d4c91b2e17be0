"""A server that stops refuses new connections and resets none: what has connected by then is accepted first."""

import socket
import threading
import time
from contextlib import ExitStack

import pytest

from portal.commands.stopping import ServerState, drop_new_connections
from portal.commands.worker import WholeRequestWorker
from tests.harness.servers import Port
from tests.harness.timing import at_most, wait_until
from tests.harness.worker import running_worker

LAST_GET = b"GET / HTTP/1.1\r\nHost: tv.example.com\r\nConnection: close\r\n\r\n"


class Application:
    """Says hello."""

    def __call__(self, _environ: object, start_response: object) -> list[bytes]:
        assert callable(start_response)
        start_response("200 OK", [("Content-Length", "5")])
        return [b"hello"]


def test_a_worker_that_stops_answers_who_waits_for_a_place_and_refuses_who_comes_later(port: Port) -> None:
    with running_worker(Application(), port, worker_connections=1) as serve:
        idle = serve.connect()
        wait_until(lambda: serve.worker.nr_conns == 1, "the only place is taken")
        waiting = serve.connect(LAST_GET)
        serve.worker.handle_exit(0, None)
        assert waiting.recv(1000).startswith(b"HTTP/1.1 200 OK")
        with pytest.raises(ConnectionRefusedError):
            serve.connect()
        idle.close()


def lose_the_arbiter(worker: WholeRequestWorker) -> None:
    """Let it look as if the arbiter was killed."""
    worker.ppid = -1


def miss_the_signal(worker: WholeRequestWorker) -> None:
    """Let the server stop while the worker could not be told by a signal yet."""
    worker.app.state.stop()


def test_a_worker_stops_without_a_signal_too() -> None:
    """Both at once, since each looks around once a second."""
    with at_most(8), ExitStack() as stack:
        stopping = []
        for happen in (lose_the_arbiter, miss_the_signal):
            port = Port()
            serve = stack.enter_context(running_worker(Application(), port))
            kept = stack.enter_context(serve.connect())
            wait_until(lambda serve=serve: serve.worker.nr_conns == 1, "it is accepted")
            happen(serve.worker)
            stopping.append((happen.__name__, port, kept))
        for name, port, kept in stopping:
            wait_until(lambda port=port: port.socket.fileno() < 0, f"it listens no longer: {name}")
            kept.sendall(LAST_GET.replace(b"Connection: close\r\n", b""))
            assert b"Connection: close" in kept.recv(1000), name


def test_a_server_that_drains_says_so_in_every_answer(port: Port) -> None:
    with running_worker(Application(), port) as serve, serve.connect() as client:
        serve.worker.app.state.drain()
        client.sendall(LAST_GET.replace(b"close", b"keep-alive"))
        assert b"Connection: close" in client.recv(1000)


def test_no_connection_begins_while_those_that_wait_are_accepted(port: Port) -> None:
    waiting = socket.create_connection(("127.0.0.1", port.number))
    drop_new_connections(port.socket)
    outcomes = []

    def connect() -> None:
        try:
            socket.create_connection(("127.0.0.1", port.number), timeout=5).close()
            outcomes.append("connected")
        except OSError as error:
            outcomes.append(type(error).__name__)

    late = threading.Thread(target=connect)
    late.start()
    time.sleep(0.1)
    accepted, _ = port.socket.accept()
    port.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        port.socket.accept()
    port.socket.close()
    late.join(5)
    with accepted, waiting:
        waiting.sendall(b"?")
        assert accepted.recv(1) == b"?"
    assert outcomes == ["ConnectionRefusedError"]


def test_a_server_that_stops_is_past_draining() -> None:
    state = ServerState()
    assert (state.is_draining(), state.is_stopping()) == (False, False)
    state.drain()
    assert (state.is_draining(), state.is_stopping()) == (True, False)
    state.stop()
    assert (state.is_draining(), state.is_stopping()) == (True, True)
