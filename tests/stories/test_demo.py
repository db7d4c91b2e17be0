"""The demo's printed instructions work, and it leaves no data behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
import requests
from bs4 import BeautifulSoup

from portal.settings.loading import load
from portal.settings.settings import Settings
from tests.harness import servers
from tests.harness.page import Page, PageClient
from tests.harness.servers import ROOT, Port, Processes, free_port, sandbox_addresses
from tests.harness.simulated_zype import TV
from tests.harness.transports import OverHTTP
from tests.stories.workers import children_of, is_running

UP_SECONDS = 60.0


@pytest.fixture
def environ(port: Port, tmp_path: Path) -> dict[str, str]:
    """Only the addresses to listen on and the folder for temporary files, as in a newcomer's environment."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return {
        "PORTAL_BIND": port.bind,
        **sandbox_addresses(),
        "TMPDIR": str(folder),
    }


@pytest.fixture
def demo(environ: dict[str, str], port: Port, tmp_path: Path) -> Iterator[Processes]:
    """A running demo, which has printed its instructions."""
    started = time.monotonic()
    with servers.processes(environ, port, tmp_path, "demo") as demo:
        while "Ctrl-C stops" not in demo.log():
            assert time.monotonic() < started + UP_SECONDS, demo.log()
            time.sleep(0.05)
        yield demo


@pytest.fixture
def settings(environ: dict[str, str]) -> Settings:
    """The demo's settings, which the page client needs to check its pages."""
    return load({name: value for name, value in environ.items() if name.startswith("PORTAL_")})


def step(printed: str, number: int, pattern: str) -> re.Match[str]:
    """Return the match of one numbered step in the printed instructions."""
    found = re.search(rf"^\s+{number}\. {pattern}$", printed, re.MULTILINE)
    assert found, printed
    return found


def stops_by_ctrl_c(demo: Processes) -> int:
    """Press Ctrl-C, which the terminal sends to the workers too, and return the exit code."""
    os.killpg(demo.process.pid, signal.SIGINT)
    return demo.process.wait(20)


def test_the_printed_instructions_link_the_tv_and_it_greets_alice(demo: Processes, settings: Settings) -> None:
    printed = demo.log()
    tv_page = step(printed, 1, r"Open the TV: +(\S+)")[1]
    portal = step(printed, 2, r"Open the portal: +(\S+)")[1]
    email, password = step(printed, 3, r"Sign in: +(\S+) +password: (\S+)").groups()
    button = step(printed, 4, r'Type the PIN that the TV shows, and press "(.+)"\.')[1]
    name = step(printed, 5, r"Look at the TV: .* says hello to (\w+)\.")[1]

    with requests.Session() as http:
        http.trust_env = False
        assert http.get(tv_page, timeout=5).ok
        assert portal.removeprefix("http://") in http.get(tv_page, timeout=5).text
        tv = TV(http, tv_page.removesuffix("/tv"), "living-room")
        transport = OverHTTP(portal.removesuffix("/activate"))
        browser = PageClient(transport, settings)
        page = browser.get("/activate")
        page = browser.follow(browser.submit(page, "/sign-in", 303, email=email, password=password))
        page = linked(browser, page, tv.pin, button)
        assert page.heading == "Your TV is linked"
        assert tv.greeting() == name == "Alice"
        transport.session.close()


def linked(browser: PageClient, page: Page, pin: str, button: str) -> Page:
    """Enter a PIN and press the button with this name; return the next page."""
    return browser.follow(browser.submit(page, "/activate", 303, button=button, pin=pin))


def test_the_printed_instructions_open_the_console_for_the_agent_and_the_supervisor(
    demo: Processes, settings: Settings
) -> None:
    printed = demo.log()
    console = step(printed, 6, r"Open the console: +(\S+)")[1]
    name, password = step(printed, 7, r"Sign in: +(\S+) +password: (\S+)").groups()
    phone = step(printed, 8, r"Enter the code of his phone, which this page plays: (\S+)")[1]
    supervisor = re.search(r"everybody's history: +(\S+) +password: (\S+)", printed)
    secrets = dict(re.findall(r"(bob|supervisor): ([A-Z2-7]{32})", printed))
    assert supervisor

    with requests.Session() as http:
        http.trust_env = False
        code = BeautifulSoup(http.get(phone, timeout=5).text, "html.parser").select(f"#now-{name}")[0].text
    page = at_the_console(console, settings, name, password, code)
    assert "bob, Agent" in page.text(".staff-bar p")

    page = at_the_console(console, settings, *supervisor.groups(), pyotp.TOTP(secrets[supervisor[1]]).now())
    assert "supervisor, Supervisor" in page.text(".staff-bar p")


def at_the_console(console: str, settings: Settings, name: str, password: str, code: str) -> Page:
    """Sign in at the console in a new browser, and return its first page."""
    transport = OverHTTP(console.removesuffix("/support"))
    browser = PageClient(transport, settings)
    page = browser.follow(browser.get("/support", 303))
    page = browser.follow(browser.submit(page, "/support/sign-in", 303, name=name, password=password))
    page = browser.submit(page, "/support/sign-in/second-factor", 303, code=code)
    assert page.location == "/support"
    page = browser.follow(page)
    transport.session.close()
    return page


def test_it_prints_its_instructions_and_nothing_else(demo: Processes) -> None:
    assert demo.log().lstrip().startswith("Zype Activate is running")
    assert '"event"' not in demo.log()


def test_ctrl_c_stops_all_processes_and_removes_the_data(demo: Processes, environ: dict[str, str]) -> None:
    # Two workers, the sandbox and the mailer; the demo answers before the second worker has started.
    deadline = time.monotonic() + 10
    while len(started := children_of(demo.process.pid)) < 4:
        assert time.monotonic() < deadline, started
        time.sleep(0.02)
    assert list(Path(environ["TMPDIR"]).glob("zype-activate-demo-*/demo.db"))
    assert stops_by_ctrl_c(demo) == 0
    assert not [process for process in started if is_running(process)]
    assert list(Path(environ["TMPDIR"]).iterdir()) == []
    assert "Traceback" not in demo.log()


@pytest.mark.parametrize("taken", ["PORTAL_BIND", "PORTAL_ZYPE_API_URL", "PORTAL_SMTP_URL"])
def test_a_second_demo_on_a_busy_port_says_so_in_one_sentence(
    demo: Processes, environ: dict[str, str], taken: str, tmp_path: Path
) -> None:
    free = {"PORTAL_BIND": f"127.0.0.1:{free_port()}"}
    given = environ | free | sandbox_addresses() | {taken: environ[taken]}
    second = subprocess.run(
        [sys.executable, "-m", "portal", "demo"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **given},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 1
    assert second.stdout == ""
    said = second.stderr.strip().splitlines()
    assert len(said) == 1, second.stderr
    assert environ[taken].rpartition("/")[2] in said[0]
    assert taken in said[0]
