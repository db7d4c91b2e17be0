"""The portal under a server of the operator's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.servers import ROOT

KEY = "5ec4e7" * 11
SCRIPT = """
from portal.wsgi import app
client = app.test_client()
print(client.get("/healthz", base_url="http://127.0.0.1:8000").status_code)
print(client.get("/healthz?pin=zizm529", base_url="http://127.0.0.1:8000").status_code)
"""


@pytest.fixture
def python(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """What importing the application prints, with a secret key in a .env file."""
    (tmp_path / ".env").write_text(f"PORTAL_SECRET_KEY={KEY}\n")
    return started(tmp_path)


def started(folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)


def test_it_serves_and_logs_without_the_query(python: subprocess.CompletedProcess[str]) -> None:
    assert python.returncode == 0, python.stderr
    assert python.stdout.count('"rule": "/healthz"') == 2
    assert "zizm529" not in python.stdout + python.stderr


def test_it_refuses_to_start_without_a_secret_key(tmp_path: Path) -> None:
    done = started(tmp_path)
    assert done.returncode == 1
    assert "PORTAL_SECRET_KEY: is required" in done.stderr
