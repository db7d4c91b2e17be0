"""Shared by the stories: many viewers at once, using the portal's real processes."""

from collections.abc import Iterator

import pytest

from tests.harness.servers import Processes
from tests.stories.crowd import Crowd


@pytest.fixture
def crowd(processes: Processes) -> Iterator[Crowd]:
    """Viewers of ``processes``; all connections are closed before it stops."""
    crowd = Crowd(processes.url)
    yield crowd
    crowd.leaves()
