"""Logs are JSON, one line a request, and hold no secret, whoever wrote them."""

import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from flask import Flask, Response, abort, g
from flask.testing import FlaskClient

from portal.pages.web import logs
from tests.web.conftest import SECRETS, Lines


@pytest.fixture
def app() -> Flask:
    """An application with logs and nothing else."""
    app = Flask("tests")
    logs.init_app(app, lambda rule, method, status, seconds: None)

    @app.route("/pages/<name>", methods=["GET", "POST"])
    def page(name: str) -> str:
        structlog.get_logger("portal.tests").info("inside")
        logging.getLogger("library").info("inside too")
        return str(g.request_id)

    @app.get("/missing")
    def missing() -> Response:
        abort(404)

    @app.errorhandler(Exception)
    def bug(error: Exception) -> tuple[str, int]:
        return "bug", 500

    return app


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


def access(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["logger"] == "portal.access"]


def test_it_writes_one_line_a_request_with_the_rule_and_nothing_of_the_address(
    client: FlaskClient, lines: Lines
) -> None:
    client.post("/pages/zizm529?pin=zizm529", data={"pin": "zizm529"})
    written = lines()
    [line] = access(written)
    assert line["method"] == "POST"
    assert line["rule"] == "/pages/<name>"
    assert line["status"] == 200
    assert line["ms"] >= 0
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")
    assert "zizm529" not in str(written)


def test_it_never_writes_a_path_that_no_route_has(client: FlaskClient, lines: Lines) -> None:
    assert client.get("/activate/zizm529").status_code == 500
    [line] = access(lines())
    assert line["rule"] is None
    assert "zizm529" not in str(line)


def test_a_request_keeps_the_id_that_a_proxy_gave_it(client: FlaskClient, lines: Lines) -> None:
    answer = client.get("/pages/a", headers={"X-Request-ID": "from-proxy_1.0"})
    assert answer.headers["X-Request-ID"] == answer.text == "from-proxy_1.0"
    assert {line["request_id"] for line in lines()} == {"from-proxy_1.0"}


@pytest.mark.parametrize(
    "sent", ["short", "x" * 65, "with space in it", "<script>alert</script>", "semi;colon", "ü" * 9]
)
def test_a_strange_request_id_is_replaced(sent: str, client: FlaskClient, lines: Lines) -> None:
    answer = client.get("/pages/a", headers={"X-Request-ID": sent})
    assert len(answer.headers["X-Request-ID"]) == 32
    assert sent not in str(lines())


def test_every_request_has_an_id_of_its_own(client: FlaskClient, lines: Lines) -> None:
    client.get("/pages/a")
    client.get("/missing")
    assert len({line["request_id"] for line in access(lines())}) == 2


def test_records_of_libraries_are_logged_in_the_same_form(lines: Lines) -> None:
    logging.getLogger("library").warning("asked %s?api_key=abc123", "/pin/link", extra={"password": "two words"})
    [line] = lines()
    assert line["event"] == "asked /pin/link?api_key=[redacted]"
    assert line["password"] == "[redacted]"
    assert line["logger"] == "library"
    assert line["level"] == "warning"


def test_exceptions_are_written_without_secrets(lines: Lines) -> None:
    for log in (structlog.get_logger("portal.tests"), logging.getLogger("library")):
        try:
            raise ValueError(f"bad {SECRETS['PORTAL_ZYPE_API_KEY']}") from KeyError(SECRETS["PORTAL_SECRET_KEY"])
        except ValueError:
            log.exception("failed")
    written = lines()
    assert [line["event"] for line in written] == ["failed", "failed"]
    for line in written:
        assert "ValueError: bad [redacted]" in line["exception"]
        assert not any(secret in str(line) for secret in SECRETS.values())


def test_no_secret_of_the_settings_is_written(lines: Lines) -> None:
    for secret in SECRETS.values():
        structlog.get_logger("portal.tests").error(secret, value=secret, deep=[{"x": secret}])
        logging.getLogger("library").error("%s", secret)
    written = str(lines())
    assert "Datenbank7" not in written
    assert not any(secret in written for secret in SECRETS.values())


def test_a_record_that_can_t_be_formatted_is_logged_without_its_arguments(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    # pytest's own handlers raise instead.
    ours = [handler for handler in root.handlers if type(handler).__module__ == logs.__name__]
    monkeypatch.setattr(root, "handlers", ours)
    logging.getLogger("library").error("%d", "zizm529")
    [line] = lines()
    assert line["event"] == "unwritable_record"
    assert line["logger"] == "library"
    assert "zizm529" not in str(line)


def test_the_query_of_a_call_is_not_logged_by_the_library_that_makes_it(lines: Lines) -> None:
    logging.getLogger("urllib3.connectionpool").info("GET /pin/link?pin=zizm529")
    logging.getLogger("werkzeug").info("GET /pin/link?pin=zizm529")
    assert lines() == []


def test_warnings_are_logged(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # Set up anew: what was there is what pytest put in its place for this test.
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("token=abc is old", stacklevel=1)
        logging.captureWarnings(False)
    [line] = lines()
    assert line["logger"] == "py.warnings"
    assert "token=[redacted]" in line["event"]


def test_a_multi_line_text_is_logged_on_one_line(lines: Lines) -> None:
    structlog.get_logger("portal.tests").error('line\n{"event": "forged"}\r\nüñ')
    [line] = lines()
    assert line["event"].startswith("line\n")
