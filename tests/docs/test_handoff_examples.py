"""The programs in docs/handoff.md make tokens that the portal accepts."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from portal.sandbox import seed
from tests.docs.pages import read
from tests.harness.page import PageClient

KEY, ISSUER = "0f1e2d3c4b5a6978" * 2, "https://www.example.com"
# How each language prints what its function returns.
CALLS = {
    "python": "print(handoff_token({}))",
    "php": "echo handoff_token({});",
    "js": "console.log(handoffToken({}));",
}
INTERPRETERS = {"python": sys.executable, "php": shutil.which("php"), "js": shutil.which("node")}


@pytest.mark.parametrize("language", CALLS)
def test_the_token_of_an_example_signs_in(
    language: str, make_app: Callable[..., Flask], browse: Callable[..., PageClient], tmp_path: Path
) -> None:
    interpreter = INTERPRETERS[language]
    if interpreter is None:
        # .ci/run installs Node, for tests/deployment, and no PHP, which nothing else needs.
        pytest.skip(f"there is no interpreter for {language}")
    own = {"handoff_key": KEY, "handoff_issuer": ISSUER, "handoff_url": f"{ISSUER}/tv"}
    browser = browse(make_app(sign_in="handoff", **own))
    [example] = re.findall(rf"^```{language}\n(.*?)^```", read("docs/handoff.md"), re.MULTILINE | re.DOTALL)
    given = (KEY, ISSUER, browser.settings.public_url, seed.ALICE.id, "älice@example.com")
    program = tmp_path / f"program.{language}"
    program.write_text(example + CALLS[language].format(", ".join(f"'{value}'" for value in given)) + "\n")
    done = subprocess.run([interpreter, program], capture_output=True, text=True, timeout=20, check=True)

    page = browser.send(
        "POST", "/sign-in/handoff", 303, data={"token": done.stdout.strip()}, headers={"Origin": ISSUER}
    )
    assert "älice@example.com" in browser.follow(page).text(".account")
