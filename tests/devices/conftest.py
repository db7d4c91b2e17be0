"""Viewers with TVs."""

import pytest
from flask import Flask

from tests.fixtures import services_of
from tests.harness.linking import link_as_viewer
from tests.harness.page import Page
from tests.harness.people import Alice
from tests.harness.simulated_zype import TV, SimulatedZype
from tests.harness.viewers import begin_session


@pytest.fixture
def tv(sandbox: SimulatedZype) -> TV:
    """A TV that shows a PIN."""
    return sandbox.tv()


@pytest.fixture
def signed_in(app: Flask, alice: Alice) -> Alice:
    """Alice, signed in, with no page open."""
    begin_session(app, alice)
    return alice


@pytest.fixture
def linked(app: Flask, signed_in: Alice, tv: TV) -> Alice:
    """Alice, signed in, with a linked TV and no page open."""
    link_as_viewer(app, signed_in, tv.pin)
    return signed_in


@pytest.fixture
def success_page(signed_in: Alice, tv: TV) -> Alice:
    """Alice on the page that says that her TV is linked."""
    return signed_in.types_pin(tv.pin)


def handle(app: Flask, consumer_id: str, device_id: str) -> str:
    """Return what stands for a TV of a viewer in a path."""
    return services_of(app).directory.handle(consumer_id, device_id)


def entries(page: Page) -> list[str]:
    """Return what the page calls each TV that it lists."""
    return [" ".join(tag.get_text().split()) for tag in page.select(".tv-entry h2")]
