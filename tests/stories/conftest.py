"""What the stories share: many viewers at once, in front of the portal's own processes."""

from collections.abc import Iterator

import pytest

from tests.harness.servers import Processes
from tests.stories.crowd import Crowd


@pytest.fixture
def crowd(processes: Processes) -> Iterator[Crowd]:
    """Viewers of ``processes``; all of them leave before it stops."""
    crowd = Crowd(processes.url)
    yield crowd
    crowd.leaves()
