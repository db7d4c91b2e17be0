"""What another site sends comes without this site's cookies, and must not take them away."""

from collections.abc import Callable

import sqlalchemy as sa
from flask import Flask

from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.page import PageClient

TV = f"/devices/{'a' * 32}"
PATHS = (
    *("/activate", "/activate/confirm", "/activate/discard", "/activate/undo", "/activate/report"),
    *("/sign-in", "/sign-out/everywhere", f"{TV}/name", f"{TV}/suggested-name", f"{TV}/unlink"),
)


@each("path", PATHS)
def test_it_sets_no_session_of_its_own(app: Flask, path: str) -> None:
    base_url = services_of(app).settings.public_url
    fields = {"pin": "zizm529", "email": "alice@example.com"}
    answer = app.test_client().post(path, data=fields, base_url=base_url, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 303
    assert [cookie.split("=")[0] for cookie in answer.headers.getlist("Set-Cookie")] in ([], ["activate-pin"])


def test_it_puts_no_text_but_a_pin_into_the_field(app: Flask, browse: Callable[..., PageClient]) -> None:
    for typed, is_kept in (("zizm529", True), ("Call Mallory, who knows", False), ("zi", False)):
        browser = browse(app)
        headers = {"Sec-Fetch-Site": "cross-site"}
        browser.send("POST", "/activate", 303, data={"pin": typed}, headers=headers)

        assert browser.get("/activate").select_one("#pin-kept").has_attr("hidden") is not is_kept, typed


def test_a_stale_form_while_the_database_is_gone_is_503(app: Flask, client: PageClient) -> None:
    client.get("/activate", 200)
    base_url = services_of(app).settings.public_url
    browser = app.test_client()
    with browser.session_transaction(base_url=base_url) as session:
        session["sid"] = "a session that can't be looked up now"
    database = services_of(app).database
    with database.write() as connection:
        connection.execute(sa.text("DROP TABLE sessions"))

    answer = browser.post("/activate", data={"pin": "zizm529"}, base_url=base_url)

    assert answer.status_code == 503
