"""What tests of faults share: a server that they stop."""

from collections.abc import Iterator

import pytest

from tests.harness.redis_server import Redis


@pytest.fixture
def redis_server() -> Iterator[Redis]:
    """A running Redis of this test's own."""
    server = Redis()
    yield server
    server.close()
