"""An image of the portal, built from docs/deploy/Containerfile, and containers of it.

No base image is pulled: mmdebstrap makes one of this machine's own Debian mirror. The Python packages are downloaded
outside of the build, since a mirror of them is a setting of this machine; their hashes are checked in the build too.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.files import DEPLOY, ROOT
from tests.harness.programs import need
from tests.harness.timing import wait_until

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there.
SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
BASE, IMAGE = "localhost/debian:test", "localhost/zype-activate:test"
RUN_FOLDER, STATE_FOLDER = "/run/zype-activate", "/var/lib/zype-activate"
# Of the user in the image.
UID = 10001
START_SECONDS = 60.0
SYSTEMD_IMAGE = "localhost/zype-activate-systemd:test"
SYSTEMD = """
ARG BASE
FROM ${BASE}
USER root
RUN apt-get update && apt-get install --yes --no-install-recommends systemd
COPY zype-activate.service /etc/systemd/system/
HEALTHCHECK NONE
ENTRYPOINT ["/lib/systemd/systemd"]
CMD ["--unit=basic.target"]
"""
# systemd may confine the service as it likes, but not change anything of the machine: /proc/sys stays read-only.
SYSTEMD_ROOT = (
    *("--systemd=always", "--network", "none", "--cap-add", "all", "--security-opt", "seccomp=unconfined"),
    *("--security-opt", "apparmor=unconfined", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"),
)
# No network, no capability, and one folder that can be written to.
CONFINED = (
    *("--network", "none", "--read-only", "--read-only-tmpfs=false", "--cap-drop", "all"),
    *("--security-opt", "no-new-privileges", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=512:512"),
    *("--tmpfs", f"{RUN_FOLDER}:size=64m"),
)
# A base as small as Debian's own "slim" one.
LEFT_OUT = ("doc", "info", "locale", "man")


class Engine:
    """podman with images and containers of its own.

    Args:
        folder: for them; it is empty.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        storage = ("--root", folder / "storage", "--runroot", folder / "run", "--storage-driver", "overlay")
        # Without systemd, which may not run here.
        self._podman = [need("podman"), *storage, "--cgroup-manager", "cgroupfs", "--runtime", need("runc")]

    def podman(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run podman to its end."""
        environ = os.environ | {"TMPDIR": str(self._folder)}
        done = subprocess.run(
            [*self._podman, *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0 or not check, f"{arguments}\n{done.stdout}{done.stderr}"
        return done

    def build(self) -> None:
        """Build the image by the Containerfile, from nothing that somebody else has built."""
        root = self._folder / "root.tar"
        _make_root(root, self._folder)
        self.podman("import", "--quiet", root, BASE)
        root.unlink()
        wheels = self._folder / "wheels"
        _download(wheels)
        config = self._folder / "pip.conf"
        config.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
        volumes = ("--volume", f"{wheels}:/wheels:ro", "--volume", f"{config}:/etc/pip.conf:ro")
        self._build(IMAGE, BASE, (DEPLOY / "Containerfile").read_text(), ROOT, *volumes)

    def build_with_systemd(self) -> None:
        """Build an image from that one, whose first process is systemd, which starts the unit of docs/deploy alone."""
        self._build(SYSTEMD_IMAGE, IMAGE, SYSTEMD, DEPLOY)

    def run(
        self, *arguments: str, options: tuple[str, ...] = (), check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a container to its end, as confined as docs/deploy says."""
        # A timer for the health check would need systemd.
        confined = ("run", "--rm", "--no-healthcheck", *CONFINED)
        return self.podman(*confined, *options, IMAGE, *arguments, check=check)

    @contextmanager
    def running(self, image: str, *options: str) -> Iterator[str]:
        """Run a container while the block runs; yields its name."""
        name = f"portal-{os.getpid()}"
        # The test runs the health check itself.
        detached = ("--detach", "--name", name, "--health-interval", "disable", "--log-driver", "k8s-file")
        self.podman("run", *detached, *options, image)
        try:
            yield name
        finally:
            self.podman("rm", "--force", "--time", "0", name)

    def wait_until_healthy(self, name: str) -> None:
        """Return when the image's own health check succeeds."""
        wait_until(
            lambda: not self.podman("healthcheck", "run", name, check=False).returncode,
            lambda: f"it is healthy\n{self.podman('logs', name).stdout}",
            START_SECONDS,
        )

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        """Return what podman knows about an image or a container."""
        [found] = json.loads(self.podman(kind, "inspect", name).stdout)
        return dict(found)

    def _build(self, image: str, base: str, steps: str, context: Path, *options: str) -> None:
        file = self._folder / "Containerfile"
        file.write_text(steps)
        self.podman(
            *("build", "--isolation", "chroot", "--network", "host", "--pull=never", "--layers=false", *options),
            *("--format", "docker", "--signature-policy", self._policy(), "--build-arg", f"BASE={base}"),
            *("--file", file, "--tag", image, context),
        )

    def _policy(self) -> Path:
        path = self._folder / "policy.json"
        path.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        return path


@contextmanager
def engine() -> Iterator[Engine]:
    """Yield an engine whose image is built; everything is gone afterwards."""
    if os.geteuid() != 0:
        pytest.skip("building an image without a container engine that is set up takes root")
    folder = Path(tempfile.mkdtemp(prefix="portal-image-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        engine = Engine(folder)
        engine.build()
        yield engine
    finally:
        _unmount(folder)
        shutil.rmtree(folder)


def _unmount(folder: Path) -> None:
    """Unmount what podman leaves mounted below a folder, innermost first."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in reversed([place for place in mounted if place.startswith(f"{folder}/")]):
        subprocess.run(["umount", place], timeout=20, check=True)


def _make_root(target: Path, folder: Path) -> None:
    suite = next(
        line.partition("=")[2].strip('"')
        for line in Path("/etc/os-release").read_text().splitlines()
        if line.startswith("VERSION_CODENAME=")
    )
    command: list[str | Path] = [need("mmdebstrap"), "--quiet", "--variant=minbase"]
    # What the Containerfile installs is in the base already, so that it is downloaded once.
    command += ["--include=ca-certificates,python3,python3-venv", '--aptopt=Acquire::Languages "none"']
    command += ['--aptopt=Acquire::Retries "3"']
    command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    sources = next(path for path in SOURCES if path.is_file())
    environ = os.environ | {"TMPDIR": str(folder)}
    subprocess.run([*command, suite, target, sources], env=environ, timeout=600, check=True)


def _download(target: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
    for name in ("build.txt", "server.txt"):
        given = ["--only-binary", ":all:", "--require-hashes", "-d", target, "-r", ROOT / "requirements" / name]
        subprocess.run([*command, *given], timeout=600, check=True)
