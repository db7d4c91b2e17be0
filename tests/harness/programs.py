"""Programs that some tests need beside Python: found, or the test is skipped with a reason."""

import glob
import os
import shutil

import pytest

# Debian keeps PostgreSQL's server programs off the PATH, one folder a version.
ELSEWHERE = "/usr/lib/postgresql/*/bin"


def need(program: str) -> str:
    """Return the path of a program; skip the test where it is missing, or fail it under PORTAL_REQUIRE=1."""
    found = shutil.which(program) or max(glob.glob(f"{ELSEWHERE}/{program}"), default=None)
    if found:
        return os.path.realpath(found)
    reason = f"{program} is not installed"
    if os.environ.get("PORTAL_REQUIRE") == "1":
        pytest.fail(f"{reason}, and PORTAL_REQUIRE=1 forbids to skip")
    pytest.skip(reason)
