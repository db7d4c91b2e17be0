"""No thread of the server waits for a client, and no application is called before a request is whole."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event, Lock
from typing import TYPE_CHECKING

import pytest

from portal.commands import connection, worker
from tests.harness.internals import logged
from tests.harness.servers import Port
from tests.harness.timing import at_most, wait_until
from tests.harness.worker import RunningWorker, read_all, running_worker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

GET = b"GET / HTTP/1.1\r\nHost: tv.example.com\r\n\r\n"
LAST_GET = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
POST = b"POST /form HTTP/1.1\r\nHost: tv.example.com\r\nContent-Length: 11\r\n"
MEGABYTE = 1024 * 1024


class Application:
    """Answers with what it got, and keeps a list of that."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.release = Event()
        self._lock = Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        path = environ["PATH_INFO"]
        body = environ["wsgi.input"].read()
        with self._lock:
            self.calls.append(f"{environ['REQUEST_METHOD']} {path} {body.decode()}")
        if path == "/waits":
            self.release.wait(10)
        if path == "/fails":
            raise RuntimeError("no client may see this")
        parts = [b"x" * MEGABYTE] * 4 if path == "/large" else [b"got " + body]
        start_response("200 OK", [("Content-Length", str(sum(map(len, parts))))])
        return parts


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def serve(application: Application, port: Port) -> Iterator[RunningWorker]:
    """A worker with two threads and room for eight connections."""
    with running_worker(application, port, worker_connections=8) as serve:
        yield serve
        application.release.set()


def test_ctrl_c_is_ignored_before_the_application_is_loaded(port: Port) -> None:
    with running_worker(Application(), port) as running:
        running.worker.PIPE = os.pipe2(os.O_NONBLOCK)
        handlers = {number: signal.getsignal(number) for number in running.worker.SIGNALS}
        try:
            running.worker.init_signals()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            for end in running.worker.PIPE:
                os.close(end)


def test_connections_are_kept_and_requests_that_are_sent_together_are_answered_in_order(serve: RunningWorker) -> None:
    requests = GET, POST + b"\r\npin=gcut001", GET, POST + b"\r\npin=gcut002", LAST_GET
    for cut in (1, len(GET), len(GET) + 30, len(GET) + len(POST) + 5):
        whole = b"".join(requests)
        with serve.connect(whole[:cut]) as client:
            time.sleep(0.01)
            client.sendall(whole[cut:])
            answers = read_all(client)
        assert answers.count(b"HTTP/1.1 200 OK") == 5
        assert answers.index(b"pin=gcut001") < answers.index(b"pin=gcut002")
        assert answers.count(b"Connection: keep-alive") == 4


def test_a_request_that_is_not_whole_when_the_client_closes_reaches_no_application(
    serve: RunningWorker, application: Application
) -> None:
    chunked = b"POST /form HTTP/1.1\r\nHost: tv.example.com\r\nTransfer-Encoding: chunked\r\n\r\n"
    with logged() as events:
        for part in (
            b"G",
            GET[:-1],
            POST,
            POST + b"\r\n",
            POST + b"\r\npin=gcut00",
            chunked,
            chunked + b"5\r\npin=g\r\n",
        ):
            assert serve.answer(part).startswith(b"HTTP/1.1 400 "), part
        assert serve.answer(chunked + b"ZZpin=gcut001\r\n").startswith(b"HTTP/1.1 400 ")
        assert serve.answer(b"") == b"", "a connection that was never used is closed without a word"
    assert application.calls == []
    assert [event["why"] for event in events] == ["Incomplete"] * 7 + ["InvalidChunkSize"]
    assert "gcut" not in str(events)


def test_half_a_request_is_closed_after_the_deadline_however_slowly_it_goes_on(
    serve: RunningWorker, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "REQUEST_SECONDS", 0.5)
    begun = POST.replace(b"11", b"99") + b"\r\npin="
    with at_most(8), serve.connect(begun) as slow, serve.connect(GET[:9]) as half:
        with suppress(ConnectionError):
            for _ in range(60):
                slow.sendall(b"g")
                time.sleep(0.1)
            pytest.fail("The client may send for as long as it likes")
        assert read_all(half).startswith(b"HTTP/1.1 408 ")
    assert application.calls == []


def test_threads_wait_for_no_client(serve: RunningWorker, application: Application) -> None:
    """More half requests than threads; then untaken answers; then connections that their clients do not close."""
    for sent in (POST + b"\r\npin", GET * 50, LAST_GET):
        clients = [serve.connect(sent, receive_bytes=4096) for _ in range(5)]
        with at_most(2):
            for _ in range(20):
                assert serve.answer(GET).startswith(b"HTTP/1.1 200 OK")
        for client in clients:
            client.close()


def test_a_large_answer_is_sent_in_parts_and_given_up_if_the_client_takes_nothing(
    serve: RunningWorker, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = LAST_GET.replace(b"/", b"/large", 1)
    with serve.connect(large) as slow:
        time.sleep(0.1)
        assert len(read_all(slow)) > 4 * MEGABYTE
    monkeypatch.setattr(connection, "STALLED_SECONDS", 0.1)
    with serve.connect(large, receive_bytes=4096) as stalled:
        wait_until(lambda: len(application.calls) == 2 and serve.worker.nr_conns == 0, "both were answered or given up")
        assert len(read_all(stalled)) < 4 * MEGABYTE


def test_an_answer_that_nobody_takes_ends_the_connection(
    application: Application, port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(connection, "MAX_UNSENT_BYTES", 8 * MEGABYTE)
    with running_worker(application, port) as serve, serve.connect(GET.replace(b"/", b"/large", 1), receive_bytes=4096):
        wait_until(lambda: application.calls and serve.worker.nr_conns == 0, "the connection has ended")


def test_a_client_that_is_asked_to_wait_is_told_to_go_on(serve: RunningWorker, application: Application) -> None:
    with serve.connect(POST + b"Expect: 100-continue\r\n\r\n") as client:
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert application.calls == []
        client.sendall(b"pin=gcut001")
        assert client.recv(1000).endswith(b"got pin=gcut001")
    too_large = POST.replace(b"11", b"99999") + b"Expect: 100-continue\r\n\r\n"
    assert serve.answer(too_large).startswith(b"HTTP/1.1 413 ")


def test_a_refusal_arrives_though_the_client_is_still_sending(serve: RunningWorker) -> None:
    with serve.connect(POST.replace(b"11", b"4000000") + b"\r\n", b"a" * 4_000_000) as client:
        assert read_all(client).startswith(b"HTTP/1.1 413 ")


def test_an_application_that_fails_is_a_500_and_a_line_without_the_address(serve: RunningWorker) -> None:
    with logged() as events:
        assert serve.answer(GET.replace(b"/", b"/fails?pin=zizm529", 1)).startswith(b"HTTP/1.1 500 ")
    [event] = events
    assert event["event"] == "answer_failed"
    assert "zizm529" not in str(event)


def test_one_connection_too_many_ends_the_one_that_was_idle_for_longest(
    serve: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "NEW_SECONDS", 0.0)
    idle = [serve.connect() for _ in range(6)]
    half = serve.connect(POST)
    wait_until(lambda: serve.worker.nr_conns == 7, "seven connections are open")
    with serve.connect(LAST_GET) as client:
        assert read_all(client).startswith(b"HTTP/1.1 200 OK")
    assert idle[0].recv(1) == b""
    idle[-1].sendall(LAST_GET)
    assert read_all(idle[-1]).startswith(b"HTTP/1.1 200 OK")
    half.sendall(b"\r\npin=gcut001")
    assert half.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_a_stop_finishes_what_is_whole_and_waits_briefly_for_the_rest(
    application: Application, port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "STOP_KEEPALIVE_LINGER", 0.2)
    monkeypatch.setattr("gunicorn.workers.gthread.STOP_KEEPALIVE_LINGER", 0.2)
    with at_most(3), running_worker(application, port) as serve:
        half, idle, used = serve.connect(POST), serve.connect(), serve.connect(GET.replace(b"/", b"/waits", 1))
        wait_until(lambda: application.calls and serve.worker.nr_conns == 3, "three connections are open")
        serve.worker.handle_exit(0, None)
        wait_until(lambda: port.socket.fileno() < 0, "it listens no longer")
        with pytest.raises(ConnectionRefusedError):
            serve.connect()
        application.release.set()
        assert b"200 OK" in read_all(used)
        assert read_all(half).startswith(b"HTTP/1.1 408 ")
        assert read_all(idle) == b""
