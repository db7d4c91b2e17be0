"""Linked TVs for tests that are not about linking: the same call and the same rows, without the pages before it."""

from flask import Flask

from portal.domain.actors import Actor, ActorKind, Reason
from portal.domain.outcomes import Outcome
from tests.fixtures import services_of
from tests.harness.people import Person


def link_as_viewer(app: Flask, viewer: Person, pin: str) -> None:
    """Link a TV to a viewer's account, as the viewer does by typing its PIN."""
    _link(app, pin, viewer.account.id, Actor(ActorKind.VIEWER, viewer.account.id, "127.0.0.1", "request-1"))


def link_as_agent(app: Flask, consumer_id: str, pin: str, reason: Reason) -> str:
    """Link a TV to a viewer's account, as Bob does on the console; return the id of the attempt."""
    return _link(app, pin, consumer_id, Actor(ActorKind.AGENT, "bob", "127.0.0.1", "request-1"), reason)


def _link(app: Flask, pin: str, consumer_id: str, actor: Actor, reason: Reason | None = None) -> str:
    result = services_of(app).linking.link(pin, consumer_id, actor, reason)
    assert result.outcome is Outcome.LINKED
    return result.attempt_id
