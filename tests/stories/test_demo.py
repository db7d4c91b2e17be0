"""The demo's printed instructions work, and it leaves no data behind."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyotp
import pytest
import requests

from portal.settings.dotenv_file import read_dotenv
from portal.settings.loading import load
from portal.settings.settings import Settings
from tests.harness import servers
from tests.harness.commands import Start, run_command, start_fork, start_python
from tests.harness.markup import parsed
from tests.harness.page import Page, PageClient
from tests.harness.servers import Port, Processes, free_port, sandbox_addresses
from tests.harness.simulated_zype import TV
from tests.harness.transports import OverHTTP
from tests.stories.workers import children_of, is_running

UP_SECONDS = 60.0
BRAND = "Alice's ${TV}\\"


@dataclass(frozen=True)
class Demo:
    """A running demo, which has printed its instructions.

    Args:
        processes: its processes.
        environ: its environment variables.
        temporary: the folder for its temporary files.
    """

    processes: Processes
    environ: dict[str, str]
    temporary: Path

    @property
    def printed(self) -> str:
        """The text that it has printed."""
        return self.processes.log()

    @property
    def settings(self) -> Settings:
        """The demo's settings, which the page client needs to check its pages."""
        given = {name: value for name, value in self.environ.items() if name.startswith("PORTAL_")}
        return load(given | {"PORTAL_BRAND_ICON": ""})


@contextmanager
def running_demo(folder: Path, start: Start) -> Iterator[Demo]:
    """Run the demo with only the addresses to listen on and the folder for temporary files, as a newcomer would."""
    port, temporary = Port(), folder / "temporary"
    temporary.mkdir()
    # Neither the demo nor what it starts reads the settings of the real portal.
    (folder / ".env").write_text("PORTAL_MODE=live\nPORTAL_WORKERS=wrong\nPORTAL_BIND='\n")
    (folder / "icon.svg").write_text("<svg/>")
    brand = {"PORTAL_BRAND_NAME": BRAND, "PORTAL_BRAND_ICON": "icon.svg"}
    environ = {"PORTAL_BIND": port.bind, **sandbox_addresses(), **brand, "TMPDIR": str(temporary)}
    started = time.monotonic()
    with servers.processes(environ, port, folder, "demo", start) as processes:
        while "Ctrl-C stops" not in processes.log():
            assert time.monotonic() < started + UP_SECONDS, processes.log()
            time.sleep(0.05)
        yield Demo(processes, environ, temporary)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo that the tests of this module share."""
    with running_demo(tmp_path_factory.mktemp("demo"), start_fork) as demo:
        yield demo


@pytest.fixture
def demo_to_stop(tmp_path: Path) -> Iterator[Demo]:
    """A demo that one test may stop, started as a newcomer does."""
    with running_demo(tmp_path, start_python) as demo:
        yield demo


def step(printed: str, number: int, pattern: str) -> re.Match[str]:
    """Return the match of one numbered step in the printed instructions."""
    found = re.search(rf"^\s+{number}\. {pattern}$", printed, re.MULTILINE)
    assert found, printed
    return found


def test_the_printed_instructions_link_the_tv_and_it_greets_alice(demo: Demo) -> None:
    printed = demo.printed
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
        browser = PageClient(transport, demo.settings)
        page = browser.get("/activate")
        page = browser.follow(browser.submit(page, "/sign-in", 303, email=email, password=password))
        page = link_tv(browser, page, tv.pin, button)
        assert page.heading == "Your TV is linked"
        assert tv.greeting() == name == "Alice"
        transport.session.close()


def test_the_printed_address_of_the_video_service_hands_alice_over(demo: Demo) -> None:
    site = re.search(r"signed in already: +(\S+)", demo.printed)
    assert site
    with requests.Session() as http:
        http.trust_env = False
        form = parsed(http.get(site[1], timeout=5).text).select_one("form")
    assert form
    portal, _, path = str(form["action"]).rpartition("/sign-in")
    transport = OverHTTP(portal)
    browser = PageClient(transport, demo.settings)
    page = browser.send("POST", f"/sign-in{path}", 303, data={"token": str(form.select("[name=token]")[0]["value"])})
    assert "alice@example.com" in browser.follow(page).text(".account")
    transport.session.close()


def link_tv(browser: PageClient, page: Page, pin: str, button: str) -> Page:
    """Enter a PIN and press the button with this name; return the next page."""
    return browser.follow(browser.submit(page, "/activate", 303, button=button, pin=pin))


def test_the_printed_instructions_open_the_console_for_the_agent_and_the_supervisor(demo: Demo) -> None:
    printed = demo.printed
    console = step(printed, 6, r"Open the console: +(\S+)")[1]
    assert re.search(rf"^ +Console +{re.escape(console)}$", printed, re.MULTILINE)
    name, password = step(printed, 7, r"Sign in: +(\S+) +password: (\S+)").groups()
    phone = step(printed, 8, r"Enter the code of his authenticator app: +(\S+)")[1]
    supervisor = re.search(r"the history of all agents: +(\S+) +password: (\S+)", printed)
    secrets = dict(re.findall(r"(bob|supervisor): ([A-Z2-7]{32})", printed))
    assert supervisor

    with requests.Session() as http:
        http.trust_env = False
        code = parsed(http.get(phone, timeout=5).text).select(f"#now-{name}")[0].text
    page = sign_in_at_console(console, demo.settings, name, password, code)
    assert page.text(".staff-name") == "bob Agent"

    page = sign_in_at_console(console, demo.settings, *supervisor.groups(), pyotp.TOTP(secrets[supervisor[1]]).now())
    assert page.text(".staff-name") == "supervisor Supervisor"


def sign_in_at_console(console: str, settings: Settings, name: str, password: str, code: str) -> Page:
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


def test_it_has_the_brand_of_the_environment_and_an_address_of_support(demo: Demo) -> None:
    transport = OverHTTP(f"http://{demo.environ['PORTAL_BIND']}")
    page = PageClient(transport, demo.settings).get("/activate")
    transport.session.close()
    assert BRAND in page.text("header")
    assert page.select_one("footer a")["href"] == "mailto:support@example.com"
    assert page.select_one(".sandbox-band a")["href"] == demo.environ["PORTAL_ZYPE_API_URL"]
    # A command that is started in its folder, such as the one that is printed, has the same settings.
    [folder] = demo.temporary.glob("zype-activate-demo-*")
    settings = load(read_dotenv(folder / ".env"))
    assert (settings.brand_name, settings.brand_icon) == (BRAND, demo.temporary.parent / "icon.svg")


def test_it_prints_its_instructions_and_nothing_else(demo: Demo) -> None:
    assert demo.printed.lstrip().startswith("Zype Activate is running")
    assert '"event"' not in demo.printed


def test_ctrl_c_stops_all_processes_and_removes_the_data(demo_to_stop: Demo) -> None:
    demo, process = demo_to_stop, demo_to_stop.processes.process
    # Two workers, the sandbox and the mailer; the demo answers before the second worker has started.
    deadline = time.monotonic() + 10
    while len(started := children_of(process.pid)) < 4:
        assert time.monotonic() < deadline, started
        time.sleep(0.02)
    assert list(demo.temporary.glob("zype-activate-demo-*/demo.db"))
    # A terminal sends Ctrl-C to the workers too.
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) == 0
    assert not [child for child in started if is_running(child)]
    assert list(demo.temporary.iterdir()) == []
    assert "Traceback" not in demo.printed


@pytest.mark.parametrize("busy_setting", ["PORTAL_BIND", "PORTAL_ZYPE_API_URL", "PORTAL_SMTP_URL"])
def test_a_second_demo_on_a_busy_port_says_so_in_one_sentence(demo: Demo, busy_setting: str) -> None:
    free = {"PORTAL_BIND": f"127.0.0.1:{free_port()}"}
    second_environ = demo.environ | free | sandbox_addresses() | {busy_setting: demo.environ[busy_setting]}
    second = run_command(["demo"], second_environ, demo.temporary.parent)
    assert second.returncode == 1
    assert second.stdout == ""
    lines = second.stderr.strip().splitlines()
    assert len(lines) == 1, second.stderr
    assert demo.environ[busy_setting].rpartition("/")[2] in lines[0]
    assert busy_setting in lines[0]
