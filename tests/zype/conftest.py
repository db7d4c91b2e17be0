"""A client and the stand-in that it speaks to."""

from collections.abc import Callable, Iterator

import pytest

from portal.settings.loading import load
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient
from tests.zype.stand_in import StandIn

KEY = "made-up-key-3f2a"
CLIENT_SECRET = "made-up-secret-77b1"


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.close()


@pytest.fixture
def settings_for() -> Callable[..., Settings]:
    """Return a maker of settings: the address of Zype, then more settings by their short names."""

    def make(url: str, **more: object) -> Settings:
        values = {
            "zype_api_url": url,
            "zype_login_url": url,
            "zype_api_key": KEY,
            "zype_client_id": "made-up-client",
            "zype_client_secret": CLIENT_SECRET,
            "zype_connect_timeout": 0.5,
            "zype_read_timeout": 1.5,
        }
        return load({f"PORTAL_{name.upper()}": str(value) for name, value in (values | more).items()})

    return make


@pytest.fixture
def make_client(settings_for: Callable[..., Settings]) -> Iterator[Callable[..., ZypeClient]]:
    """Return a maker of clients, all of which are closed at the end."""
    made: list[ZypeClient] = []

    def make(url: str, **more: object) -> ZypeClient:
        made.append(ZypeClient(settings_for(url, **more)))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., ZypeClient], stand_in: StandIn) -> ZypeClient:
    return make_client(stand_in.url)
