"""Services over a real sandbox, without a web page."""

from collections.abc import Callable

import pytest
from flask import Flask

from portal.services import Services
from tests.conftest import services_of

MakeServices = Callable[..., Services]


@pytest.fixture
def make_services(make_app: Callable[..., Flask]) -> MakeServices:
    """Return a maker of services: ``make_services(limit_lookup="3/day")``."""
    return lambda **settings: services_of(make_app(**settings))
