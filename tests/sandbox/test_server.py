"""The sandbox on a socket: kept connections, a port in use, and how it stops."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask

from portal.sandbox import seed
from portal.sandbox.server import serve_in_thread
from tests.harness.starting import accepts
from tests.harness.timing import at_most, wait_until
from tests.sandbox.conftest import API_KEY

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from portal.commands.child_process import stop_event
from portal.sandbox.app import create_app
from portal.sandbox.server import serve
from portal.sandbox.state import Sandbox
state = Sandbox(api_key="a", client_id="b", client_secret="c", activate_url="http://127.0.0.1:8000/activate")
serve(create_app(state), "127.0.0.1", int(sys.argv[1]), stop_event(with_stdin=True))
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
    """A sandbox in its own process, which stops with its standard input, and its origin."""
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
        wait_until(lambda: accepts(port), "the sandbox listens")
        yield child, f"http://127.0.0.1:{port}"
        child.kill()


def has_a_call(url: str) -> bool:
    """Tell whether a call to link or unlink has arrived."""
    with connected(url) as connection:
        connection.request("GET", "/sandbox/record")
        return connection.getresponse().read().strip() != b"[]"


def test_it_answers_many_requests_on_one_connection(app: Flask) -> None:
    with serve_in_thread(app) as url, connected(url) as connection:
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


def test_it_answers_its_own_host_alone(make_app: Callable[..., Flask]) -> None:
    with serve_in_thread(make_app(other_hosts=("localhost:81",))) as url:
        port = urlsplit(url).port
        for host, status in (
            (f"127.0.0.1:{port}", 200),
            ("LOCALHOST:81", 200),
            (f"mallory.example:{port}", 400),
            (f"127.0.0.1.mallory.example:{port}", 400),
            (f"localhost:{port}", 400),
            ("127.0.0.1", 400),
            ("", 400),
        ):
            for path in ("/", "/mail.json", "/sandbox/record", "/healthz", f"http://{host}/"):
                with connected(url) as connection:
                    connection.putrequest("GET", path, skip_host=True)
                    connection.putheader("Host", host)
                    connection.endheaders()
                    answer = connection.getresponse()
                    assert answer.status == status, (host, path)
                    assert ("alice" in answer.read().decode()) <= (status == 200)


def test_it_acts_on_no_body_that_is_cut(app: Flask) -> None:
    form = f"api_key={API_KEY}&consumer_id={seed.ALICE.id}&pin=good1".encode()
    with serve_in_thread(app) as url, connected(url) as connection:
        connection.putrequest("PUT", "/pin/link")
        connection.putheader("Content-Type", "application/x-www-form-urlencoded")
        connection.putheader("Content-Length", str(len(form) + 1))
        connection.endheaders(form)
        connection.sock.shutdown(socket.SHUT_WR)
        assert connection.getresponse().status == 400
        with connected(url) as reader:
            reader.request("GET", "/sandbox/record")
            assert reader.getresponse().read().strip() == b"[]"


@pytest.mark.parametrize("headers", [{"Content-Length": "99999999"}, {"Transfer-Encoding": "chunked"}])
def test_it_refuses_a_body_that_it_would_not_read_whole(app: Flask, headers: dict[str, str]) -> None:
    with serve_in_thread(app) as url, connected(url) as connection:
        connection.putrequest("POST", "/oauth/token")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Connection")) == (413, "close")
        answer.read()


def test_it_stops_when_standard_input_ends(process: tuple[subprocess.Popen[str], str]) -> None:
    child, url = process
    with connected(url) as connection:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
        output, _ = child.communicate(timeout=5)
    assert child.returncode == 0
    assert output == ""


def test_it_stops_at_sigterm_although_an_answer_hangs_and_prints_nothing(
    process: tuple[subprocess.Popen[str], str],
) -> None:
    child, url = process
    with connected(url) as connection:
        connection.request("PUT", f"/pin/link?api_key=a&consumer_id={seed.ALICE.id}&pin=hang")
        wait_until(partial(has_a_call, url), "a call has arrived")
        with at_most(10):
            child.terminate()
            assert child.wait(10) == 0
    assert child.stdout is not None
    assert child.stdout.read() == ""
