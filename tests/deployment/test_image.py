"""The image that docs/deploy/Containerfile makes: the portal runs in it confined, and nothing that builds is left."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.sandbox import seed
from tests.deployment import one_link
from tests.deployment.engine import (
    CONFINED,
    IMAGE,
    RUN_FOLDER,
    STATE_FOLDER,
    SYSTEMD_IMAGE,
    SYSTEMD_ROOT,
    UID,
    Engine,
    engine,
)

DATABASE = f"PORTAL_DATABASE_URL=sqlite:///{STATE_FOLDER}/portal.db"
SANDBOX = ("--env", "PORTAL_SANDBOX_PUBLIC=yes", "--env", "PORTAL_PUBLIC_URL=http://127.0.0.1:8000", "--env", DATABASE)
BUILD_TOOLS = ("pip", "pip3", "gcc", "cc", "make", "hatchling", "git")
FETCH = "import urllib.request as http; print(http.urlopen('http://127.0.0.1:8000{}', timeout=5).read().decode())"


@pytest.fixture(scope="module")
def built() -> Iterator[Engine]:
    """An engine that has built the image, which takes a minute or two."""
    with engine() as built:
        yield built


def shell(built: Engine, script: str) -> str:
    """Return what a script prints in a container; its status does not matter."""
    return built.run("-c", script, options=("--entrypoint", "sh"), check=False).stdout


def links_a_tv(built: Engine, name: str) -> bool:
    """Sign Alice in and link a TV in a container; return whether the page says so."""
    given = ("http://127.0.0.1:8000", seed.ALICE.email, seed.ALICE.password, "good4711")
    script = Path(one_link.__file__).read_text()
    return "/activate/done\n" in built.podman("exec", name, "python", "-c", script, *given).stdout


def writable(built: Engine, name: str) -> set[str]:
    """Return the folders that the user of a container can write to, but for those that every container has."""
    find = ("find", "/", "-path", "/proc", "-prune", "-o", "-path", "/dev", "-prune", "-o")
    # It does not get into every folder.
    found = built.podman("exec", name, *find, "-type", "d", "-writable", "-print", check=False)
    return {folder for folder in found.stdout.split() if not folder.startswith(f"{RUN_FOLDER}/")}


@pytest.mark.timeout(900)
def test_the_image_serves_confined_and_stops_in_good_order(built: Engine, tmp_path: Path) -> None:
    # The folder of pytest is closed to the user of the image.
    tmp_path.parent.chmod(0o711)
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, UID, UID)
    options = (*SANDBOX, "--volume", f"{state}:{STATE_FOLDER}")
    built.run("db", "upgrade", options=options)
    with built.running(IMAGE, *CONFINED, *options) as name:
        built.wait_until_healthy(name)
        assert '"ready"' in built.podman("exec", name, "python", "-c", FETCH.format("/readyz")).stdout
        assert links_a_tv(built, name)
        assert writable(built, name) == {RUN_FOLDER, STATE_FOLDER}
        built.podman("stop", "--time", "30", name)
        assert built.inspect("container", name)["State"]["ExitCode"] == 0


@pytest.mark.timeout(900)
def test_systemd_runs_the_unit_with_all_that_it_forbids(built: Engine) -> None:
    built.build_with_systemd()
    with built.running(SYSTEMD_IMAGE, *SYSTEMD_ROOT) as name:

        def inside(script: str, *options: str) -> str:
            return built.podman("exec", *options, name, "sh", "-c", script).stdout

        inside(f"echo {DATABASE} > .env && chgrp activate .env && chmod 640 .env")
        inside("env -u PORTAL_BIND zype-activate db upgrade", "--user", "activate")
        # It returns when the portal has told systemd that it is ready.
        inside("systemctl start zype-activate")
        assert links_a_tv(built, name)
        pid = inside("systemctl show --property MainPID --value zype-activate").strip()
        status = inside(f"cat /proc/{pid}/status")
        # Seccomp 2 is a filter.
        for line in (f"Uid:\t{UID}\t{UID}\t{UID}\t{UID}", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
            assert line in status, line
        inside("systemctl stop zype-activate")
        assert inside("systemctl show --property Result --value zype-activate") == "success\n"
        assert '"level": "error"' not in inside("journalctl --unit zype-activate --output cat")


@pytest.mark.timeout(900)
def test_the_image_has_a_user_of_its_own_and_no_tools_that_build(built: Engine) -> None:
    config = built.inspect("image", IMAGE)["Config"]
    assert config["User"] == f"{UID}:{UID}"
    assert config["StopSignal"] == "SIGTERM"
    assert "CapBnd:\t0000000000000000" in shell(built, "cat /proc/self/status")
    assert shell(built, "id -u; id -g").split() == [f"{UID}", f"{UID}"]
    assert shell(built, f"which {' '.join(BUILD_TOOLS)} python").split() == ["/opt/zype-activate/bin/python"]
    look = f"import importlib.util as u; print([name for name in {BUILD_TOOLS} if u.find_spec(name)])"
    assert built.run("-c", look, options=("--entrypoint", "python")).stdout == "[]\n"


@pytest.mark.timeout(900)
def test_the_image_says_what_is_missing(built: Engine) -> None:
    done = built.run("serve", check=False)
    assert done.returncode == 1
    assert "PORTAL_SANDBOX_PUBLIC" in done.stderr
    assert "Traceback" not in done.stderr
