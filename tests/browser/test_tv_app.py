"""activate-tv.js on a TV, and a portal with an App key and no Admin key: linked, greeted, undone, unlinked."""

from collections.abc import Callable

import pytest
from flask import Flask, request
from playwright.sync_api import Page, expect

from portal.sandbox import seed
from portal.settings.settings import SANDBOX_APP_KEY
from tests.browser.test_link_a_tv import Screen, sign_in
from tests.fixtures import services_of
from tests.harness.faulty_zype import before_each_call
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.windows import OpenWindow

# Milliseconds, more than the TV waits between two looks: for its link, and then for the end of it.
POLL, WATCH = 6_000, 72_000
SHOWN = "#pin:visible"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """A portal that a break-in would find no key to the property in."""
    app = make_app(zype_app_key=SANDBOX_APP_KEY)
    assert services_of(app).settings.zype_api_key is None
    return app


def test_a_phone_links_the_tv_with_an_app_key_alone_and_undo_ends_the_tv_s_token(
    live: str, open_window: OpenWindow, phone: Page, sandbox: SimulatedZype
) -> None:
    window, keys = open_window(1280, 800, has_clock=True), set[str]()

    def info(token: str) -> tuple[int, str | None]:
        answer = window.request.get(f"{sandbox.url}/oauth/token/info?access_token={token}")
        return answer.status, answer.json().get("resource_owner_id")

    with before_each_call(sandbox, lambda: keys.update(request.values)):
        tv = Screen(window, sandbox.url)
        pin = window.inner_text(SHOWN)
        phone.goto(tv.link.replace(tv.link.partition("/activate")[0], live))
        sign_in(phone)
        phone.get_by_role("button", name="Link my TV").click()
        phone.get_by_role("button", name="Yes, link this TV").click()
        expect(phone.get_by_role("heading", level=1)).to_have_text("Your TV is linked")
        with window.expect_response(lambda answer: answer.url.endswith("/oauth/token")) as answer:
            window.clock.fast_forward(POLL)
        expect(window.locator("#greeting")).to_have_text("Hello, Alice")
        token = answer.value.json()["access_token"]
        assert info(token) == (200, seed.ALICE.id)

        phone.get_by_role("button", name="Undo").click()
        expect(phone.get_by_role("heading", level=1)).to_have_text("That TV is no longer linked")
        assert info(token) == (401, None)
        window.clock.fast_forward(WATCH)
        expect(window.locator("#notice")).to_have_text("This TV was unlinked.")
        expect(window.locator(SHOWN)).not_to_have_text(pin)

    assert "app_key" in keys
    assert "api_key" not in keys
