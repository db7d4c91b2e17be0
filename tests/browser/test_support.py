"""Customer support in a real browser, following the instructions of the demo: from sign-in to a verified export."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from portal.sandbox import seed
from tests.browser.menus import press_in_menu
from tests.harness import servers
from tests.harness.servers import Port, Processes, sandbox_addresses
from tests.harness.timing import is_soon
from tests.harness.windows import OpenWindow

UP_SECONDS, MAIL_SECONDS = 60.0, 10.0
LETTER = "our support team linked a TV"
TV_MILLISECONDS = 15_000


@pytest.fixture
def environ(port: Port, tmp_path: Path) -> dict[str, str]:
    """Only the addresses to listen on and the folder for temporary files, as in a newcomer's environment."""
    folder = tmp_path / "a temporary folder"
    folder.mkdir()
    return {"PORTAL_BIND": port.bind, **sandbox_addresses(), "TMPDIR": str(folder)}


@pytest.fixture
def demo(environ: dict[str, str], port: Port, tmp_path: Path) -> Iterator[Processes]:
    """A running demo, which has printed its instructions."""
    with servers.processes(environ, port, tmp_path, "demo") as demo:
        assert is_soon(lambda: "Ctrl-C stops" in demo.log(), UP_SECONDS), demo.log()
        yield demo


def sign_in_at_console(page: Page, demo: Processes, name: str, password: str) -> None:
    """Sign in at the console by keyboard, with the code from the authenticator page."""
    phone = page.context.new_page()
    phone.goto(printed(demo, r"code of his authenticator app: +(\S+)"))
    code = phone.locator(f"#now-{name}").inner_text()
    phone.close()
    page.goto(printed(demo, r"Open the console: +(\S+)"))
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    send(page)
    page.get_by_label("Code").fill(code)
    send(page)


def printed(demo: Processes, pattern: str) -> str:
    found = re.search(pattern, demo.log())
    assert found, demo.log()
    return found[1]


def send(page: Page) -> None:
    """Press Enter, and wait for the next page."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def press(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def test_an_agent_links_a_tv_and_a_supervisor_verifies_the_history(
    demo: Processes, phone: Page, open_window: OpenWindow, tmp_path: Path
) -> None:
    tv = phone
    tv.goto(printed(demo, r"Open the TV: +(\S+)"))
    expect(tv.locator("#pin")).not_to_be_empty()
    pin = re.sub(r"\s", "", tv.locator("#pin").inner_text())
    bob = open_window(1280, 800)
    sign_in_at_console(bob, demo, seed.BOB.name, seed.BOB.password)

    # Find the caller: nobody, then Alice.
    bob.get_by_label("Email or consumer id").fill("alicia@example.com")
    send(bob)
    expect(bob.locator("[role=alert]")).to_be_focused()
    expect(bob.get_by_label("Email or consumer id")).to_have_value("alicia@example.com")
    bob.get_by_label("Email or consumer id").fill(seed.ALICE.email)
    send(bob)
    expect(bob.get_by_role("heading", level=1)).to_have_text("Alice")
    assert "@" not in bob.url

    # Enter the PIN: the page spells it while it is typed.
    bob.get_by_role("link", name="Link a TV").click()
    bob.get_by_label("PIN from the caller's TV").press_sequentially("z7")
    expect(bob.get_by_text("zulu-seven", exact=True)).to_be_visible()
    bob.get_by_label("PIN from the caller's TV").fill(pin)
    bob.get_by_label("Reason").select_option(label="The viewer needs a hand with the remote")
    bob.get_by_label("What happened").fill(f"She reads {pin} to me.")
    bob.get_by_label("Ticket number").fill("T-4711")
    bob.get_by_label("I have checked the caller's identity").check()
    press(bob, "Read the PIN back")
    expect(bob.locator("[role=alert]")).to_contain_text("Leave out the PIN")
    bob.get_by_label("What happened").fill("She cannot type on her remote.")
    press(bob, "Read the PIN back")
    expect(bob.get_by_text(pin, exact=True)).to_be_visible()
    # As if the answer took its time: the button of the answer says so, and no other.
    bob.evaluate("addEventListener('submit', event => event.preventDefault(), {once: true})")
    bob.get_by_role("button", name="Yes, link this TV").click()
    expect(bob.locator("main button")).to_have_text(["No, go back", "Linking …"])
    bob.reload()
    press(bob, "Yes, link this TV")
    expect(bob.get_by_role("heading", level=1)).to_have_text("The TV is linked")
    expect(tv.get_by_text("Alice").first).to_be_visible(timeout=TV_MILLISECONDS)

    # The viewer gets a mail.
    mail = open_window(800, 800)
    mailbox = printed(demo, r"Mail +(\S+)")
    assert is_soon(lambda: LETTER in requests.get(f"{mailbox}.json", timeout=5).text, MAIL_SECONDS)
    mail.goto(mailbox)
    expect(mail.get_by_text(LETTER).first).to_be_visible()
    expect(mail.get_by_text(seed.ALICE.email).first).to_be_visible()
    assert pin not in mail.content()

    # The history shows agent, viewer and reason, and its export can be verified.
    supervisor = open_window(1280, 800, accept_downloads=True)
    sign_in_at_console(supervisor, demo, seed.SUPERVISOR.name, seed.SUPERVISOR.password)
    supervisor.get_by_role("link", name="History").click()
    row = supervisor.locator("tr", has_text="She cannot type on her remote.").filter(has_text="linked")
    expect(row).to_contain_text("bob")
    expect(row).to_contain_text(seed.ALICE.id)
    expect(row).to_contain_text("She cannot type on her remote. (T-4711)")
    with supervisor.expect_download() as download:
        supervisor.get_by_role("button", name="For a spreadsheet (CSV)").click()
    file = tmp_path / "history.csv"
    download.value.save_as(file)
    command = printed(demo, r"(cd .* audit verify) FILE")
    confirmed = subprocess.run(["sh", "-c", f'{command} "{file}"'], capture_output=True, text=True, timeout=30)
    assert (confirmed.returncode, confirmed.stderr) == (0, "")
    assert re.fullmatch(rf"{file}: \d+ attempts checked, 0 faults\n", confirmed.stdout)

    # The agent unlinks the TV again, which needs a reason too.
    bob.goto(f"{bob.url.split('/support')[0]}/support/viewers/{seed.ALICE.id}")
    bob.get_by_role("link", name="Unlink").click()
    bob.get_by_label("Reason").select_option(label="It was linked by mistake")
    bob.get_by_label("What happened").fill("It was her neighbour's TV.")
    bob.get_by_label("I have checked the caller's identity").check()
    press(bob, "Unlink this TV")
    expect(bob.get_by_text("One TV is unlinked.")).to_be_visible()
    press_in_menu(bob, "Sign out")
    bob.go_back()
    bob.reload()
    assert "/support/sign-in" in bob.url
