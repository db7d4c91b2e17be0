"""Programs that some tests need beside Python: found, or the test is skipped with a reason."""

import glob
import os
import shutil

import pytest

# Debian keeps PostgreSQL's server programs off the PATH, one folder a version.
ELSEWHERE = "/usr/lib/postgresql/*/bin"


def need(*names: str) -> str:
    """Return the path of the first of these programs that is installed; where none is, skip the test.

    Under PORTAL_REQUIRE=1 the test fails instead.
    """
    for name in names:
        found = shutil.which(name) or max(glob.glob(f"{ELSEWHERE}/{name}"), default=None)
        if found:
            return os.path.realpath(found)
    reason = f"{names[-1]} is not installed"
    if os.environ.get("PORTAL_REQUIRE") == "1":
        pytest.fail(f"{reason}, and PORTAL_REQUIRE=1 forbids to skip")
    pytest.skip(reason)
