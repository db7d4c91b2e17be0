"""The sandbox on a socket: kept connections, a refused port, and how it stops."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask

from portal.sandbox import seed
from portal.sandbox.server import running
from tests.sandbox.conftest import API_KEY

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from portal.sandbox.app import create_app
from portal.sandbox.server import serve
app = create_app(api_key="a", client_id="b", client_secret="c", activate_url="http://127.0.0.1:8000/activate")
serve(app, "127.0.0.1", int(sys.argv[1]), stop_with_stdin=True)
"""


@contextmanager
def connected(url: str) -> Iterator[HTTPConnection]:
    """Open one connection."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=3)
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture
def process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A sandbox in a process of its own that stops with its standard input, and its origin."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with child:
        wait_for(port)
        yield child, f"http://127.0.0.1:{port}"
        child.kill()


def wait_for(port: int) -> None:
    """Return as soon as somebody listens on a port."""
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)
    pytest.fail("the sandbox did not start")


def test_it_answers_many_requests_on_one_connection(box: Flask) -> None:
    with running(box) as url, connected(url) as connection:
        connection.connect()
        kept = connection.sock
        for method, path, body in (
            ("PUT", f"/pin/link?api_key={API_KEY}&consumer_id={seed.ALICE.id}&pin=good", b""),
            ("POST", "/nowhere", b"a body that nobody reads"),
            ("HEAD", "/", None),
            ("GET", "/static/icon.svg", None),
            ("GET", "/healthz", None),
        ):
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read()
            assert connection.sock is kept
        assert (answer.status, text) == (200, b"ok\n")


@pytest.mark.parametrize("headers", [{"Content-Length": "99999999"}, {"Transfer-Encoding": "chunked"}])
def test_it_refuses_a_body_that_it_would_not_read_whole(box: Flask, headers: dict[str, str]) -> None:
    with running(box) as url, connected(url) as connection:
        connection.putrequest("POST", "/oauth/token")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Connection")) == (413, "close")
        answer.read()


def test_it_says_which_port_is_taken(box: Flask) -> None:
    with running(box) as url:
        port = urlsplit(url).port
        message = f"the sandbox can't listen on 127.0.0.1:{port}: Address already in use"
        with pytest.raises(OSError, match=re.escape(message)), running(box, port=port or 0):
            pytest.fail("it took the port")


def test_it_stops_when_its_input_ends(process: tuple[subprocess.Popen[str], str]) -> None:
    child, url = process
    with connected(url) as connection:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
        output, _ = child.communicate(timeout=5)
    assert child.returncode == 0
    assert output == ""


def test_it_stops_at_sigterm_with_an_answer_hanging_and_prints_nothing(
    process: tuple[subprocess.Popen[str], str],
) -> None:
    child, url = process
    with connected(url) as connection:
        connection.request("PUT", f"/pin/link?api_key=a&consumer_id={seed.ALICE.id}&pin=hang")
        time.sleep(0.2)
        started = time.monotonic()
        child.terminate()
        assert child.wait(5) == 0
    assert time.monotonic() - started < 3
    assert child.stdout is not None
    assert child.stdout.read() == ""
