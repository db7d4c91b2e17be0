"""Browsers in front of the console's sign-in."""

import pytest


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """The login service gets little time here, so that one that hangs does not hold up the tests."""
    return environ | {"PORTAL_ZYPE_READ_TIMEOUT": "1.2"}
