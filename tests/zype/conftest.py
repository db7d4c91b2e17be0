"""A client and the scripted server that it speaks to."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import Any

import pytest

from portal.settings.loading import load
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from portal.zype.errors import ZypeError
from tests.zype.scripted_server import ScriptedServer

KEY = "made-up-key-3f2a"
CLIENT_SECRET = "made-up-secret-77b1"


def error_of(call: Callable[[], Any]) -> ZypeError:
    """Return the error that a call raises."""
    with pytest.raises(ZypeError) as caught:
        call()
    return caught.value


@pytest.fixture(scope="session")
def shared_server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def server(shared_server: ScriptedServer) -> Iterator[ScriptedServer]:
    """The server of this session, with nothing received and the default reply."""
    yield shared_server
    shared_server.reset()


@cache
def settings_for(url: str, **more: object) -> Settings:
    """Return settings: the address of Zype, then more settings by their short names; None leaves one out."""
    values = {
        "zype_api_url": url,
        "zype_login_url": url,
        "zype_api_key": KEY,
        "zype_client_id": "made-up-client",
        "zype_client_secret": CLIENT_SECRET,
        "zype_connect_timeout": 0.5,
        "zype_read_timeout": 1.5,
    }
    return load({f"PORTAL_{name.upper()}": str(value) for name, value in (values | more).items() if value is not None})


@pytest.fixture
def make_client() -> Iterator[Callable[..., ZypeClient]]:
    """Return a maker of clients, all of which are closed at the end."""
    made: list[ZypeClient] = []

    def make(url: str, **more: object) -> ZypeClient:
        made.append(ZypeClient(settings_for(url, **more)))
        return made[-1]

    yield make
    for client in made:
        client.close()


@contextmanager
def new_client(server: ScriptedServer) -> Iterator[ZypeClient]:
    """A client that has seen no failure yet, of a server that has received nothing, for one case of several."""
    server.requests.clear()
    with closing(ZypeClient(settings_for(server.url))) as client:
        yield client


@pytest.fixture
def client(make_client: Callable[..., ZypeClient], server: ScriptedServer) -> ZypeClient:
    return make_client(server.url)
