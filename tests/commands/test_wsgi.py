"""The portal in a WSGI server of the operator's own."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from portal.domain.errors import SettingsError
from tests.harness.commands import ROOT

KEY = "5ec4e7" * 11
SCRIPT = """
from portal.wsgi import app
client = app.test_client()
print(client.get("/healthz", base_url="http://127.0.0.1:8000").status_code)
print(client.get("/healthz?pin=zizm529", base_url="http://127.0.0.1:8000").status_code)
"""


def import_app(folder: Path) -> subprocess.CompletedProcess[str]:
    """Import the application in a process, in a folder, and send it requests."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)


def test_it_serves_with_a_dotenv_file_and_logs_without_the_query(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"PORTAL_SECRET_KEY={KEY}\n")
    done = import_app(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"rule": "/healthz"') == 2
    assert "zizm529" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (
            f"PORTAL_SECRET_KEY={KEY}\nPORTAL_PUBLIC_URL=https://tv.example.com\n",
            "PORTAL_SANDBOX_PUBLIC: must be yes if others may reach sandbox mode",
        ),
        ("", "PORTAL_SECRET_KEY: is required"),
        (
            f"PORTAL_SECRET_KEY={KEY}\nPORTAL_OVERRIDES_DIR=.\n",
            "PORTAL_OVERRIDES_DIR: it has neither templates nor static",
        ),
    ],
)
def test_it_refuses_what_serve_refuses_and_a_missing_secret_key(
    given: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(given)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as refusal:
        runpy.run_module("portal.wsgi")
    assert [text[: len(fault)] for text in refusal.value.faults] == [fault]
    # Nobody catches it, so its text is what the operator sees.
    assert fault in str(refusal.value)
