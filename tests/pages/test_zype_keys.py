"""What works with which of Zype's keys: an Admin key, an App key, or both."""

from collections.abc import Callable

import pytest
from flask import Flask

from portal.sandbox.seed import ALICE
from portal.settings.settings import SANDBOX_API_KEY, SANDBOX_APP_KEY
from tests.fixtures import services_of
from tests.harness.accounts import add_account
from tests.harness.page import PageClient
from tests.harness.people import Alice, Bob
from tests.harness.simulated_zype import SimulatedZype

ADMIN = {"zype_api_key": SANDBOX_API_KEY}
APP = {"zype_app_key": SANDBOX_APP_KEY}
# An Admin key that Zype refuses: whatever works all the same does not need it.
WITHOUT_ADMIN = [APP, APP | {"zype_api_key": "a-revoked-key"}]
EVERY = [ADMIN, APP, ADMIN | APP]

Browse = Callable[..., PageClient]
MakeApp = Callable[..., Flask]


@pytest.mark.parametrize("keys", [*EVERY, WITHOUT_ADMIN[1]], ids=["admin", "app", "both", "app and a refused one"])
def test_a_viewer_links_lists_undoes_and_unlinks(
    keys: dict[str, str], make_app: MakeApp, browse: Browse, sandbox: SimulatedZype
) -> None:
    alice, first, second = Alice(browse(make_app(**keys))), sandbox.tv(), sandbox.tv()

    alice.signs_in()
    assert ALICE.email in alice.page.text("main"), "the name of the account is read"
    alice.types_pin(first.pin)
    assert first.owner() == ALICE.id
    alice.undoes()
    assert first.owner() is None
    alice.opens("/activate").types_pin(second.pin).opens("/devices")
    assert len(alice.page.select(".tv-entry")) == 1
    [unlink] = [link for link in alice.page.select("a") if link["href"].endswith("/unlink")]
    alice.opens(unlink["href"])._submits(unlink["href"], 303)
    assert second.owner() is None
    assert alice.opens("/devices").page.select(".tv-entry") == []


@pytest.mark.parametrize("keys", [ADMIN, ADMIN | APP], ids=["admin", "both"])
def test_with_an_admin_key_an_agent_finds_a_viewer(keys: dict[str, str], make_app: MakeApp, browse: Browse) -> None:
    app = make_app(**keys)
    bob = Bob(browse(app)).with_account(services_of(app))

    bob.opens("/support", 303).signs_in()._submits("/support", 303, who=ALICE.email)

    assert bob.page.path == f"/support/viewers/{ALICE.id}"


def test_without_one_the_console_is_off(make_app: MakeApp, browse: Browse) -> None:
    app = make_app(**APP)
    add_account(services_of(app), "bob", Bob.role, Bob.password)
    browser = browse(app)

    paths = {rule.rule for rule in app.url_map.iter_rules()}
    assert not [path for path in paths if path.startswith("/support")]
    for path in ("/support", "/support/sign-in", "/Support/", f"/support/viewers/{ALICE.id}"):
        page = browser.get(path, 404)
        assert "There is no such page" in page.title, path
        # The way on leads to a page that there is.
        assert {link["href"] for link in page.select("main a, .site-brand")} == {"/activate"}
