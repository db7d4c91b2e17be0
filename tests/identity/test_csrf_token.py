"""The CSRF token: Flask-WTF accepts what is signed here, and nothing that it would refuse is valid."""

import pytest
from flask import Flask, g, session
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError

from portal.pages.identity.csrf_token import CSRFTokens


@pytest.fixture
def tokens(app: Flask) -> CSRFTokens:
    return CSRFTokens(str(app.secret_key))


def test_flask_wtf_and_the_portal_accept_tokens_of_each_other(app: Flask, tokens: CSRFTokens) -> None:
    with app.test_request_context():
        theirs = generate_csrf()
        g.pop("csrf_token")
        ours = tokens.of_page()
        assert tokens.is_valid(theirs)
        assert tokens.is_valid(ours)
        validate_csrf(ours)
        assert tokens.of_page() == generate_csrf() == ours, "once a page"


def test_a_session_without_a_secret_gets_one(app: Flask, tokens: CSRFTokens) -> None:
    found = set()
    for _ in range(3):
        with app.test_request_context():
            validate_csrf(tokens.of_page())
            found.add(session["csrf_token"])
    assert {len(secret) for secret in found} == {40}
    assert len(found) == 3


def test_what_flask_wtf_refuses_is_not_valid(app: Flask, tokens: CSRFTokens) -> None:
    with app.test_request_context():
        of_another_session = tokens.of_page()
    for has_secret in (True, False):
        with app.test_request_context():
            if has_secret:
                tokens.of_page()
            secret = session.get("csrf_token", "None")
            for token in ("", secret, "ä", of_another_session, f"{of_another_session}a", "a.b.c"):
                assert not tokens.is_valid(token)
                with pytest.raises(ValidationError):
                    validate_csrf(token)
