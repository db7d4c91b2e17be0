"""Viewers in front of their own TVs."""

import pytest
from flask import Flask

from tests.conftest import services_of
from tests.harness.page import Page
from tests.harness.people import Alice
from tests.harness.simulated_zype import TV, SimulatedZype
from tests.harness.viewers import begin_session


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """Zype gets little time here, so that one that hangs does not hold up the tests."""
    return environ | {"PORTAL_ZYPE_READ_TIMEOUT": "1.2"}


@pytest.fixture
def tv(sandbox: SimulatedZype) -> TV:
    """A TV that shows a PIN."""
    return sandbox.tv()


@pytest.fixture
def linked(app: Flask, alice: Alice, tv: TV) -> Alice:
    """Alice, signed in, in front of the page that says that her TV is linked."""
    begin_session(app, alice)
    return alice.types_pin(tv.pin)


def handle(app: Flask, consumer_id: str, device_id: str) -> str:
    """Return what stands for a TV of a viewer in a path."""
    return services_of(app).directory.handle(consumer_id, device_id)


def entries(page: Page) -> list[str]:
    """Return what the page calls each TV that it lists."""
    return [" ".join(tag.get_text().split()) for tag in page.select(".tv-entry h2")]
