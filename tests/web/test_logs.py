"""Logs are JSON, one line a request, and hold no secret, whoever wrote them."""

import io
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from flask import Flask, Response, abort, request
from flask.testing import FlaskClient

from portal.pages.identity.actor import REQUEST_ID
from portal.pages.web import logs
from portal.pages.web.application import Portal
from tests.harness.cases import each
from tests.web.conftest import LEAKS, SECRETS, Lines


@pytest.fixture
def app() -> Flask:
    """An application with logs and nothing else."""
    app = Portal("tests")
    logs.init_app(app, lambda rule, method, status, seconds: None)

    @app.route("/pages/<name>", methods=["GET", "POST"])
    def page(name: str) -> str:
        structlog.get_logger("portal.tests").info("inside")
        logging.getLogger("library").info("inside too")
        return str(request.environ[REQUEST_ID])

    @app.get("/breaks")
    def breaks() -> Response:
        def parts() -> Iterator[str]:
            yield "part"
            raise ConnectionResetError

        structlog.get_logger("portal.tests").info("inside")
        return Response(parts())

    @app.get("/missing")
    def missing() -> Response:
        abort(404)

    @app.errorhandler(Exception)
    def bug(error: Exception) -> tuple[str, int]:
        return "bug", 500

    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


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


@each("sent", ["short", "x" * 65, "with space in it", "<script>alert</script>", "semi;colon", "ü" * 9])
def test_a_strange_request_id_is_replaced(sent: str, client: FlaskClient, lines: Lines) -> None:
    answer = client.get("/pages/a", headers={"X-Request-ID": sent})
    assert len(answer.headers["X-Request-ID"]) == 32
    assert sent not in str(lines())


@each("method, sent", [("ZIZM529", "a-plain-id"), ("PIN=ZIZM529", "a-plain-id"), ("GET", "203.0.113.9")])
def test_what_a_client_chose_in_the_line_of_a_request_is_redacted(
    method: str, sent: str, client: FlaskClient, lines: Lines
) -> None:
    client.open("/pages/a", method=method, headers={"X-Request-ID": sent})
    [line] = access(lines())
    assert line["method"] == method.replace("PIN=ZIZM529", "PIN=[redacted]")
    assert line["request_id"] == sent.replace("203.0.113.9", "[redacted]")


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


def test_no_line_of_a_library_has_an_address_or_what_a_client_sent(lines: Lines) -> None:
    for text, leaks in LEAKS.items():
        logging.getLogger("library").warning("%s", text)
        try:
            raise ValueError(text)
        except ValueError:
            for log in (structlog.get_logger("portal.tests"), logging.getLogger("library")):
                log.exception("failed")
        written = lines()
        assert len(written) == 3
        assert not [leak for leak in leaks if leak in str(written)], text


def test_handlers_of_a_server_get_no_more_than_the_log(lines: Lines) -> None:
    seen = io.StringIO()
    logger = logging.getLogger("server.error")
    handler = logging.StreamHandler(seen)
    logger.addHandler(handler)
    logger.propagate = False
    for text, leaks in LEAKS.items():
        try:
            raise ValueError(text)
        except ValueError:
            logger.exception("%s", text)
        logger.error("%d", text)
        assert not [leak for leak in leaks if leak in seen.getvalue()], text
    assert "ValueError" in seen.getvalue()
    logger.removeHandler(handler)


def test_the_server_s_own_addresses_stay_readable(lines: Lines) -> None:
    logging.getLogger("gunicorn.error").info("Listening at: http://127.0.0.1:8000 (7)")
    structlog.get_logger("portal.web").warning("foreign_host", host="10.0.0.7:8000", expected="127.0.0.1:8000")
    listening, foreign = lines()
    assert listening["event"] == "Listening at: http://127.0.0.1:8000 (7)"
    assert (foreign["host"], foreign["expected"]) == ("10.0.0.7:8000", "127.0.0.1:8000")


def test_what_ends_a_thread_or_the_process_is_logged(lines: Lines) -> None:
    def fail() -> None:
        raise ValueError("pin=zizm529")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    try:
        fail()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    written = lines()
    assert [line["event"] for line in written] == ["unhandled_exception"] * 2
    assert all("ValueError: pin=[redacted]" in line["exception"] for line in written)


def test_between_requests_no_line_has_the_id_of_one(client: FlaskClient, lines: Lines) -> None:
    for path in ("/pages/a", "/missing", "/breaks"):
        client.get(path, headers={"X-Request-ID": "of-the-request"}).close()
        assert {line["request_id"] for line in lines()} == {"of-the-request"}
        logging.getLogger("gunicorn.error").warning("Invalid request")
        [line] = lines()
        assert "request_id" not in line, path


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
