"""The mail for a forgotten password, and the page that sets a new one."""

import re

from portal.sandbox import seed
from tests.sandbox.conftest import APP_KEY, PORTAL, Calls, Clock


def asked_for(calls: Calls, email: str) -> int:
    """Ask for the mail, and return the status."""
    answer = calls.http.put("/consumers/forgot_password", query_string={"app_key": APP_KEY}, data={"email": email})
    return answer.status_code


def link_in_the_mail(calls: Calls) -> str:
    """Return the path of the link in the newest mail."""
    mail = calls.http.get("/mail.json").json[-1]
    assert mail["to"] == [seed.ALICE.email]
    [path] = re.findall(r"http://localhost(/passwords/\w+)", mail["text"])
    return str(path)


def signs_in(calls: Calls, password: str) -> bool:
    """Tell whether Alice signs in with a password."""
    return calls.token(grant_type="password", username=seed.ALICE.email, password=password).status_code == 200


def test_the_link_sets_a_new_password_once(calls: Calls) -> None:
    assert asked_for(calls, seed.ALICE.email.upper()) == 200
    path = link_in_the_mail(calls)
    assert f'<a href="http://localhost{path}"' in calls.http.get("/mail").text
    assert "<form" in calls.http.get(path).text
    assert calls.http.post(path, data={"password": ""}).status_code == 422
    assert signs_in(calls, seed.ALICE.password)

    answer = calls.http.post(path, data={"password": "another-password"})

    assert (answer.status_code, answer.location) == (303, f"{PORTAL}/activate")
    assert signs_in(calls, "another-password")
    assert not signs_in(calls, seed.ALICE.password)
    assert calls.http.get(path).status_code == 404
    assert calls.http.post(path, data={"password": "third-password"}).status_code == 404
    assert signs_in(calls, "another-password")


def test_a_link_ends_after_six_hours(calls: Calls, clock: Clock) -> None:
    asked_for(calls, seed.ALICE.email)
    path = link_in_the_mail(calls)
    clock.advance(hours=6)
    assert calls.http.get(path).status_code == 404
    assert calls.http.post(path, data={"password": "another-password"}).status_code == 404
    assert signs_in(calls, seed.ALICE.password)


def test_nobody_elses_address_gets_a_mail(calls: Calls) -> None:
    for email in ("nobody@example.com", ""):
        assert asked_for(calls, email) == 422
    assert calls.http.get("/mail.json").json == []
    answer = calls.http.put("/consumers/forgot_password", data={"email": seed.ALICE.email})
    assert answer.status_code == 401
