"""The rules of linking over a real sandbox, without a web page."""

import pytest

from portal.services import Services
from tests.fixtures import MakeServices


@pytest.fixture
def services(make_services: MakeServices) -> Services:
    """The services on SQLite, without limits."""
    return make_services(limit_viewer="1000/minute", limit_address="1000/minute")


@pytest.fixture
def services_on_any_database(make_services: MakeServices, any_database_url: str) -> Services:
    """The services; the test runs on SQLite and on PostgreSQL."""
    return make_services(limit_viewer="1000/minute", limit_address="1000/minute", database_url=any_database_url)
