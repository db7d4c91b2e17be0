"""Hand-off sign-in in a real browser: from the portal to the operator's site, which is another host, and back."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from portal.sandbox import seed
from tests.harness.simulated_zype import SimulatedZype

SITE, MALLORY = "http://localhost:8/video-service", "http://localhost:9/mallory"


@pytest.fixture
def environ(environ: dict[str, str], sandbox: SimulatedZype) -> dict[str, str]:
    """A portal whose viewers sign in at a site of another host."""
    return environ | {"PORTAL_SIGN_IN": "handoff", "PORTAL_HANDOFF_URL": SITE}


def test_a_viewer_is_handed_over_with_the_pin_of_their_link_and_mallory_can_hand_over_nobody(
    phone: Page, live: str, sandbox: SimulatedZype
) -> None:
    def page_of_site(route: Route) -> None:
        with sandbox.app.test_client().get(urlsplit(route.request.url).path) as answer:
            route.fulfill(body=answer.data, headers=dict(answer.headers))

    phone.route("http://localhost:8/**", page_of_site)
    phone.goto(f"{live}/activate#pin=good1")
    phone.get_by_role("link", name="Sign in on our website").click()
    expect(phone).to_have_url(SITE)
    token = phone.locator("[name=token]").get_attribute("value")
    phone.get_by_role("button", name="Link my TV").click()
    expect(phone).to_have_url(f"{live}/activate")
    expect(phone.locator("main").get_by_text(seed.ALICE.email)).to_be_visible()
    expect(phone.get_by_label("PIN from your TV")).to_have_value("good1")

    def page_of_mallory(route: Route) -> None:
        form = f'<form method="post" action="{live}/sign-in/handoff"><input name="token" value="{token}"><button>Win'
        route.fulfill(content_type="text/html", body=f"{form}</button>")

    phone.route("http://localhost:9/**", page_of_mallory)
    phone.goto(MALLORY)
    with phone.expect_response("**/sign-in/handoff") as refused:
        phone.get_by_role("button").click()
    assert refused.value.request.all_headers()["origin"] == "http://localhost:9"
    assert refused.value.status == 400
    phone.goto(f"{live}/activate")
    expect(phone.locator("main").get_by_text(seed.ALICE.email)).to_be_visible()
