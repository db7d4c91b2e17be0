"""The portal's tests: the real portal with a simulated Zype, real databases and a real browser."""

import sys

# mutmut brings rich along. With it structlog draws each traceback in colour, which takes seconds.
sys.modules["rich"] = None  # type: ignore[assignment]
