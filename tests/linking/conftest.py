"""The rules of linking over a real sandbox, without a web page."""

from collections.abc import Callable

import pytest
from flask import Flask

from portal.services import Services
from tests.conftest import services_of

MakeServices = Callable[..., Services]


@pytest.fixture
def make_services(make_app: Callable[..., Flask]) -> MakeServices:
    """Return a maker of services: ``make_services(limit_agent="3/day")``."""
    return lambda **settings: services_of(make_app(**settings))


@pytest.fixture
def services(make_services: MakeServices) -> Services:
    """The services on SQLite, without limits."""
    return make_services(limit_viewer="1000/minute", limit_address="1000/minute")


@pytest.fixture
def services_on_any_database(make_services: MakeServices, any_database_url: str) -> Services:
    """The services; the test runs on SQLite and on PostgreSQL."""
    return make_services(limit_viewer="1000/minute", limit_address="1000/minute", database_url=any_database_url)
