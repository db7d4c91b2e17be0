"""The unit in docs/deploy is one that systemd accepts, and leaves the portal little of the machine."""

import re
import subprocess
import sys
from pathlib import Path

from tests.deployment.files import DEPLOY
from tests.harness.programs import need

UNIT = DEPLOY / "zype-activate.service"
# By systemd's own scale, on which 10 is a service that may do everything.
MOST_EXPOSURE = 2.0


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze, which needs no running systemd for this."""
    command = [need("systemd-analyze"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def verify(text: str, folder: Path) -> str:
    """Return what systemd says about a unit whose command is a program of this machine."""
    unit = folder / UNIT.name
    unit.write_text(re.sub(r"^ExecStart=\S+", f'ExecStart="{sys.executable}"', text, flags=re.MULTILINE))
    done = analyze("verify", unit)
    return done.stdout + done.stderr


def exposure(text: str, folder: Path) -> float:
    """Return how much of the machine a unit leaves to its service, from 0 to 10."""
    unit = folder / UNIT.name
    unit.write_text(text)
    done = analyze("security", "--offline=yes", "--no-pager", unit)
    [level] = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    return float(level)


def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text()

    assert "ProtectSytem" in verify(text.replace("ProtectSystem", "ProtectSytem"), tmp_path)
    assert verify(text, tmp_path) == ""


def test_the_unit_is_hardened(tmp_path: Path) -> None:
    text = UNIT.read_text()

    assert exposure(text.replace("SystemCallFilter=", "#"), tmp_path) > MOST_EXPOSURE
    assert exposure(text, tmp_path) < MOST_EXPOSURE
