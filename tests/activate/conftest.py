"""Viewers on the page where a PIN is entered."""

import pytest
from flask import Flask

from tests.harness.people import Alice
from tests.harness.viewers import begin_session


@pytest.fixture
def signed_in(app: Flask, alice: Alice) -> Alice:
    """Alice, signed in, on the page with the empty form."""
    begin_session(app, alice)
    return alice.opens("/activate")
