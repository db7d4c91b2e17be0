"""What runs before each view and after it, in which order."""

import pytest
from flask import Flask, Request, Response, after_this_request

from portal.pages.web.application import Portal


@pytest.fixture
def steps() -> list[str]:
    return []


@pytest.fixture
def app(steps: list[str]) -> Portal:
    """An application that notes each step of a request."""
    app = Portal("tests", static_folder=None)
    app.secret_key = "secret"

    @app.check
    def first(request: Request) -> None:
        steps.append(f"first check of {request.path}")

    @app.check
    def second(request: Request) -> Response | None:
        steps.append("second check")
        return Response("refused", 403) if request.path == "/refused" else None

    @app.on_answer
    def told(request: Request, response: Response) -> None:
        steps.append(f"{request.method} answered with {response.status_code}")

    @app.get("/page")
    @app.get("/refused")
    def view() -> str:
        steps.append("view")
        return "page"

    return app


def test_checks_come_before_the_view_in_their_order(app: Portal, steps: list[str]) -> None:
    app.test_client().get("/page")
    assert steps == ["first check of /page", "second check", "view", "GET answered with 200"]


def test_a_check_may_answer_in_place_of_the_view(app: Portal, steps: list[str]) -> None:
    assert app.test_client().get("/refused").status_code == 403
    assert steps == ["first check of /refused", "second check", "GET answered with 403"]


def test_they_see_requests_that_no_route_has(app: Portal, steps: list[str]) -> None:
    app.test_client().post("/nowhere")
    assert steps == ["first check of /nowhere", "second check", "POST answered with 404"]


def test_what_is_registered_with_flask_still_runs(app: Portal, steps: list[str]) -> None:
    def note(step: str) -> None:
        steps.append(step)

    def answered(response: Response) -> Response:
        steps.append("after")
        return response

    app.before_request(lambda: note("before"))
    app.after_request(answered)
    app.teardown_request(lambda _: note("request ends"))
    app.teardown_appcontext(lambda _: note("context ends"))
    app.test_client().get("/page")
    assert steps[2:] == ["before", "view", "GET answered with 200", "after", "request ends", "context ends"]


def test_what_a_view_registers_with_flask_still_runs(app: Portal) -> None:
    @app.get("/marked")
    def marked() -> str:
        after_this_request(lambda response: Response("marked"))
        return "page"

    assert app.test_client().get("/marked").text == "marked"


def test_routes_are_found_as_flask_finds_them() -> None:
    found = []
    for app in (Portal("tests", static_folder=None), Flask("tests", static_folder=None)):
        app.get("/tvs/<name>")(lambda name: name)
        client = app.test_client()
        answers = [
            client.open(path, method=method)
            for method in ("GET", "POST")
            for path in ("/tvs/ä%2Fö", "/tvs/", "//tvs/a")
        ]
        found.append([(answer.status_code, answer.text) for answer in answers])
    assert found[0] == found[1]
