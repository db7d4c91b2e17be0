"""The log names the rule and the actor of a request that is refused, and why: who was kept from what."""

from collections.abc import Callable

import sqlalchemy as sa
from flask import Flask, abort

from portal.domain.actors import Role, SessionKind
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.internals import give_cookie, logged
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.harness.staff import sign_in_staff
from tests.harness.viewers import begin_session


def sent(browser: PageClient, path: str, status: int, **headers: str) -> dict[str, object]:
    """Send a form without the session's CSRF token, and return the line about it."""
    with logged() as events:
        browser.send("POST", path, status, data={"pin": "zizm529", "csrf_token": "of-another"}, headers=headers)
    [event] = [event for event in events if event["event"] != "request"]
    assert "zizm529" not in str(event)
    assert "of-another" not in str(event)
    return event


def test_a_403_names_the_rule_and_the_agent(app: Flask, client: PageClient) -> None:
    sign_in_staff(app, client, "bob", Role.AGENT)
    with logged() as events:
        client.get("/support/history", 403)

    [event] = [event for event in events if event["event"] == "not_allowed"]
    assert event["rule"] == "/support/history"
    assert event["why"] == "for supervisors"
    assert (event["actor_kind"], event["actor_id"]) == ("agent", "bob")
    assert event["log_level"] == "warning"


def test_every_403_does(make_app: Callable[..., Flask], browse: Callable[..., PageClient]) -> None:
    app = make_app()
    app.add_url_rule("/forbidden/<name>", view_func=lambda name: abort(403, "no page shows this"))
    alice = Alice(browse(app))
    begin_session(app, alice)
    with logged() as events:
        alice.browser.get("/forbidden/zizm529", 403)

    [event] = [event for event in events if event["event"] == "not_allowed"]
    assert (event["rule"], event["actor_kind"], event["actor_id"]) == ("/forbidden/<name>", "viewer", seed.ALICE.id)
    assert "zizm529" not in str(events)


def test_a_csrf_refusal_names_the_rule_and_the_actor(
    app: Flask, client: PageClient, browse: Callable[..., PageClient]
) -> None:
    alice, bob, half, nobody = Alice(client), browse(app), browse(app), browse(app)
    begin_session(app, alice)
    sign_in_staff(app, bob, "support-bob")
    sessions = services_of(app).sessions
    pending = sessions.create(SessionKind.PENDING_AGENT, "support-bob", name=None, email=None, address="127.0.0.1")
    give_cookie(half, "activate-staff", pending)
    nobody.get("/activate")
    viewer_rule = "/support/viewers/<consumer_id>/link"
    second_factor = "/support/sign-in/second-factor"
    expected = [
        (client, "/activate", 422, "/activate", "viewer", seed.ALICE.id),
        (client, "/devices/0/unlink", 404, "/devices/<device>/unlink", "viewer", seed.ALICE.id),
        (bob, f"/support/viewers/{seed.ALICE.id}/link", 422, viewer_rule, "agent", "support-bob"),
        (bob, "/support/sign-out", 422, "/support/sign-out", "agent", "support-bob"),
        (half, second_factor, 422, second_factor, "agent", "support-bob"),
        (nobody, "/sign-in", 422, "/sign-in", "viewer", ""),
    ]
    for browser, path, status, rule, kind, actor_id in expected:
        event = sent(browser, path, status)
        assert event["event"] == "csrf_refused"
        assert (event["rule"], event["actor_kind"], event["actor_id"]) == (rule, kind, actor_id)
        assert event["log_level"] == "warning"


def test_a_csrf_refusal_says_why(app: Flask, client: PageClient, browse: Callable[..., PageClient]) -> None:
    alice = Alice(client)
    begin_session(app, alice)

    assert sent(client, "/activate", 422)["why"] == "stale"
    assert sent(client, "/activate", 422, **{"Sec-Fetch-Site": "cross-site"})["why"] == "another_site"
    assert sent(browse(app), "/activate", 303)["why"] == "no_cookies"


def test_without_the_database_it_says_so_without_the_actor(app: Flask, client: PageClient) -> None:
    sign_in_staff(app, client)
    with services_of(app).database.write() as connection:
        connection.execute(sa.text("ALTER TABLE sessions RENAME TO not_sessions"))
    with logged() as events:
        client.send("POST", "/support/sign-out", 503, data={"csrf_token": "of-another"})

    [event] = [event for event in events if event["event"] == "csrf_refused"]
    assert (event["rule"], event["actor_kind"], event["actor_id"]) == ("/support/sign-out", "agent", "")
