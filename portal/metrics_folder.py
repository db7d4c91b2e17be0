"""Where workers add up their metrics. It imports nothing of Prometheus, whose client looks for this at import."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def metrics_folder() -> Iterator[None]:
    """Let the workers add up their metrics in a folder of their own while the block runs."""
    with tempfile.TemporaryDirectory(prefix="zype-activate-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield
