"""The servers of the tests answer in a fork too, where no thread of the parent runs: mutation tests run there."""

import os

import requests
from flask import Flask

from tests.harness.servers import Port, acceptor, serving


def answers() -> bool:
    """Return whether a server of this process answers."""
    port = Port()
    with serving(Flask(__name__), port) as url, requests.Session() as http:
        http.trust_env = False
        return http.get(url, timeout=2).status_code == 404


def test_a_server_answers_in_a_fork() -> None:
    acceptor()
    child = os.fork()
    if child == 0:
        # Nothing of pytest's may run in the child.
        status = 1
        try:
            status = 0 if answers() else 1
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
