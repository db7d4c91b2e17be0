"""A body that is not whole reaches no view, whichever server reads it."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkSize, NoMoreData

from portal.pages.web import bodies
from portal.pages.web.application import Portal
from portal.pages.web.bodies import MAX_BODY_BYTES
from tests.harness.cases import each
from tests.harness.internals import flask_client, logged, outcomes
from tests.harness.page import PageClient
from tests.harness.simulated_zype import SimulatedZype

FORM = "application/x-www-form-urlencoded"
ENDED = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


class Input(BytesIO):
    """What a server lets the application read: part after part, and then its own exception or the end."""

    def __init__(self, *parts: bytes, error: Exception | None = None) -> None:
        super().__init__()
        self._parts = iter(parts)
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        part = next(self._parts, b"")
        if not part and self._error:
            raise self._error
        assert size is not None
        assert 0 < len(part or b" ") <= size, "a server may wait for what was not announced"
        return part


@pytest.fixture
def reader() -> Iterator[FlaskClient]:
    """A client of an application with the rule and nothing else."""
    app = Portal("tests", static_folder=None)
    bodies.init_app(app)

    @app.route("/", methods=["GET", "POST"])
    def page() -> dict[str, str]:
        return request.form.to_dict()

    with app.test_client() as client:
        yield client


def answer(reader: FlaskClient, body: BytesIO, **environ: Any) -> tuple[int, Any]:
    """Return status and JSON of the answer to a POST that a server hands on like this."""
    given = {"wsgi.input": body, "CONTENT_TYPE": FORM, "CONTENT_LENGTH": "", **environ}
    response = reader.post("/", environ_overrides=given)
    return response.status_code, response.json if response.status_code == 200 else None


@each(
    "parts, environ, expected",
    [
        ([b"pin=gcut001"], {"CONTENT_LENGTH": "11"}, {"pin": "gcut001"}),
        ([b"pin=", b"gcut", b"001"], {"CONTENT_LENGTH": "11"}, {"pin": "gcut001"}),
        ([b"pin=", b"gcut001"], ENDED, {"pin": "gcut001"}),
        ([], {}, {}),
        ([], {"CONTENT_LENGTH": "0"}, {}),
        ([], ENDED, {}),
        ([b"a=" + b"b" * (MAX_BODY_BYTES - 2)], {"CONTENT_LENGTH": str(MAX_BODY_BYTES)}, None),
        ([b"a=" + b"b" * (MAX_BODY_BYTES - 2)], ENDED, None),
    ],
)
def test_a_whole_body_is_read(
    parts: list[bytes], environ: dict[str, Any], expected: dict[str, str] | None, reader: FlaskClient
) -> None:
    status, form = answer(reader, Input(*parts), **environ)
    assert status == 200
    assert form == expected if expected is not None else len(form["a"]) == MAX_BODY_BYTES - 2


@each(
    "body, environ, status",
    [
        (Input(b"pin=gcut00"), {"CONTENT_LENGTH": "11"}, 400),
        (Input(), {"CONTENT_LENGTH": "11"}, 400),
        (Input(b"pin=gcut00", error=ConnectionResetError()), {"CONTENT_LENGTH": "11"}, 400),
        (Input(b"pin=", error=NoMoreData(b"pin=")), ENDED, 400),
        (Input(error=InvalidChunkSize(b"ZZpin=gcut001")), ENDED, 400),
        (Input(b"pin=", error=ChunkMissingTerminator(b"gcut001")), ENDED, 400),
        (Input(b"pin=", error=OSError("Invalid chunk header: gcut001")), ENDED, 400),
        (Input(b"pin=gcut001"), {"CONTENT_LENGTH": "11", **ENDED}, 400),
        *((Input(b"pin=gcut001"), {"CONTENT_LENGTH": length}, 400) for length in ("-1", "+11", "1e1", "١١", "11, 11")),
        (Input(b"pin=gcut001"), {"CONTENT_LENGTH": "9" * 5000}, 413),
        (Input(b"pin=gcut001"), {"HTTP_TRANSFER_ENCODING": "chunked"}, 411),
        (Input(b"a"), {"CONTENT_LENGTH": str(MAX_BODY_BYTES + 1)}, 413),
        (Input(b"a"), {"CONTENT_LENGTH": "9" * 18}, 413),
        (Input(b"a" * MAX_BODY_BYTES, b"b"), ENDED, 413),
    ],
)
def test_any_other_body_reaches_no_view(body: Input, environ: dict[str, Any], status: int, reader: FlaskClient) -> None:
    assert answer(reader, body, **environ) == (status, None)


def test_no_form_of_the_portal_uses_a_body_that_is_too_short(
    client: PageClient, app: Flask, sandbox: SimulatedZype
) -> None:
    """Every POST is of that kind: passwords, names of TVs, the agents' forms."""
    posts = {rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert len(posts) > 20
    browser = flask_client(client)
    with logged() as events:
        for path in posts:
            short = {"wsgi.input": BytesIO(b"pin=gcut00&password=hushhu"), "CONTENT_LENGTH": "27", "CONTENT_TYPE": FORM}
            response = browser.post(path, base_url=client.settings.public_url, environ_overrides=short)
            assert response.status_code == 400, path
            assert "We could not read that" in response.text, path
    assert "gcut" not in str(events)
    assert "hushhu" not in str(events)
    assert sandbox.record() == []
    assert outcomes(app) == outcomes(app, "sign_in") == []
