"""The locks agree on versions, so that operators run what was tested."""

import re
import tomllib

import pytest

from tests.docs.pages import read


def pins(name: str) -> dict[str, str]:
    """Return the version of each package in a lock."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", read(f"requirements/{name}.txt"), re.MULTILINE))


@pytest.mark.parametrize("name", ["run", "server", "build"])
def test_a_lock_has_the_versions_that_were_tested(name: str) -> None:
    tested = pins("test")
    assert pins(name)
    assert {
        package: version for package, version in pins(name).items() if tested.get(package, version) != version
    } == {}


def test_the_image_has_all_that_the_portal_runs_with_and_both_databases() -> None:
    assert pins("run").keys() | {"psycopg", "psycopg-binary", "redis"} <= pins("server").keys() <= pins("test").keys()


def test_what_builds_is_locked() -> None:
    required = tomllib.loads(read("pyproject.toml"))["build-system"]["requires"]
    assert {re.split("[>=<]", requirement)[0] for requirement in required} <= pins("build").keys()
