"""Programs that some tests need beside Python: found, or the test is skipped with a reason."""

import glob
import os
import shutil
from pathlib import Path

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
    raise _missing(f"{names[-1]} is not installed")


def need_file(path: Path) -> Path:
    """Return the path of what a package of Debian brings; where it is missing, skip or fail as ``need``."""
    if not path.exists():
        raise _missing(f"{path} is not there")
    return path


def need_root(program: str) -> None:
    """Skip or fail as ``need`` where the tests are not run by root, as whom a program has to be started."""
    if os.geteuid() != 0:
        raise _missing(f"{program} has to be started by root")


def _missing(reason: str) -> Exception:
    if os.environ.get("PORTAL_REQUIRE") == "1":
        return pytest.fail.Exception(f"{reason}, and PORTAL_REQUIRE=1 forbids to skip")
    return pytest.skip.Exception(reason)
