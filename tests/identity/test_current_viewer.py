"""The viewer of a request, from the session that its cookie names."""

from collections.abc import Iterator

import pytest
from flask import Flask, g, request, session

from portal.domain.actors import ActorKind, SessionKind
from portal.pages.identity import viewer
from portal.pages.identity.actor import REQUEST_ID
from tests.fixtures import services_of


@pytest.fixture(autouse=True)
def request_context(app: Flask) -> Iterator[None]:
    with app.test_request_context():
        yield


def test_the_viewer_is_the_one_who_signed_in() -> None:
    viewer.sign_in(viewer.Viewer("alice", "Alice", "alice@example.com"))
    del g.viewer

    found = viewer.current_viewer()
    assert found == viewer.Viewer("alice", "Alice", "alice@example.com")
    request.environ[REQUEST_ID] = "request-1"
    assert (found.actor.kind, found.actor.id) == (ActorKind.VIEWER, "alice")


def test_no_session_of_another_kind_makes_a_viewer(app: Flask) -> None:
    for kind in SessionKind:
        g.pop("viewer", None)
        session["sid"] = services_of(app).sessions.create(kind, "alice", name=None, email=None, address="192.0.2.1")
        assert (viewer.current_viewer() is not None) == (kind is SessionKind.VIEWER), kind
