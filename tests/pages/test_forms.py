"""Every form there is: sent empty, and with a control character in each field."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
from flask import Flask
from werkzeug.exceptions import BadRequest
from wtforms import HiddenField

from portal.domain.actors import Role, SessionKind
from portal.ledger.tables import ledger
from portal.pages.activate import forms as activate
from portal.pages.auth import forms as auth
from portal.pages.devices import forms as devices
from portal.pages.staff_auth import forms as staff
from portal.pages.support import forms as support
from portal.pages.support import history_forms
from portal.pages.web.forms import PortalForm
from portal.pages.web.language import LanguageForm
from portal.sandbox import seed
from tests.fixtures import services_of
from tests.harness.internals import give_cookie, rows, send_body, session_rows
from tests.harness.markup import attribute, words
from tests.harness.page import Page, PageClient
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.staff import sign_in_staff

NOBODY, VIEWER, HALF, AGENT, SUPERVISOR = "nobody", "the viewer", "half an agent", "an agent", "a supervisor"
V = f"/support/viewers/{seed.ALICE.id}"
WHY = {"reason": "other", "details": "She has no browser.", "ticket": "", "identity_checked": "y", "caller": ""}


@dataclass(frozen=True)
class Sent:
    """A form as somebody sends it.

    Args:
        who: sends it.
        path: that it is sent to; <device> is the viewer's TV.
        fields: with valid values.
        required: those that must be filled in, each with a value that is wrong; none if any value is right.
    """

    who: str
    path: str
    fields: Mapping[str, str]
    required: Mapping[str, str | None] = field(default_factory=dict)


FORMS: dict[type[PortalForm], Sent] = {
    activate.EnterPinForm: Sent(VIEWER, "/activate", {"pin": "good1", "from": "", "original": ""}, {"pin": "<b>"}),
    activate.ConfirmPinForm: Sent(VIEWER, "/activate/confirm", {"shown": "a"}),
    activate.DiscardPinForm: Sent(VIEWER, "/activate/discard", {"discarded": "a"}),
    activate.UndoForm: Sent(VIEWER, "/activate/undo", {"attempt": "a" * 32}),
    activate.ReportForm: Sent(VIEWER, "/activate/report", {"reported": "a", "linked": ""}),
    auth.SignInForm: Sent(
        NOBODY,
        "/sign-in",
        {"email": "alice@example.com", "password": "wrong", "next": "/devices"},
        {"email": "alice", "password": "a" * 1001},
    ),
    auth.ForgottenPasswordForm: Sent(
        NOBODY,
        "/sign-in/forgotten",
        {"email": "alice@example.com", "next": "/devices", "of_sign_in": ""},
        {"email": "alice"},
    ),
    auth.SignOutForm: Sent(VIEWER, "/sign-out", {"keep_pin": "y"}),
    devices.NameTVForm: Sent(VIEWER, "/devices/<device>/name", {"name": "Kitchen"}),
    staff.StaffSignInForm: Sent(
        NOBODY,
        "/support/sign-in",
        {"name": "bob", "password": "wrong", "next": ""},
        {"name": "a" * 101, "password": "a" * 1001},
    ),
    staff.SecondFactorForm: Sent(
        HALF, "/support/sign-in/second-factor", {"code": "123456", "next": ""}, {"code": "1" * 101}
    ),
    staff.ChangePasswordForm: Sent(
        AGENT,
        "/support/account/password",
        {"present": "wrong", "password": "wrong", "again": "wrong", "next": ""},
        {"password": "short", "again": "b"},
    ),
    support.FindViewerForm: Sent(AGENT, "/support", {"who": "nobody@example.com"}, {"who": "a b"}),
    support.ReasonForm: Sent(
        AGENT,
        f"{V}/devices/<device>/unlink",
        WHY,
        {"reason": "rubbish", "details": "short", "identity_checked": None},
    ),
    support.PasswordMailForm: Sent(
        AGENT,
        f"{V}/password-mail",
        WHY,
        {"reason": "rubbish", "details": "short", "identity_checked": None},
    ),
    support.LinkForViewerForm: Sent(
        AGENT,
        f"{V}/link",
        {**WHY, "pin": "good1"},
        {"pin": "<b>", "reason": "rubbish", "details": "short", "identity_checked": None},
    ),
    support.SignViewerOutForm: Sent(
        AGENT,
        f"{V}/sign-out",
        WHY,
        {"reason": "rubbish", "details": "short", "identity_checked": None},
    ),
    support.ConfirmLinkForm: Sent(AGENT, f"{V}/link/confirm", {**WHY, "shown": "a", "answer": "link"}),
    support.UndoForm: Sent(AGENT, f"{V}/undo", {"caller": "", "attempt": "a"}),
    history_forms.FilterHistoryForm: Sent(
        SUPERVISOR, "/support/history", {"agent": "bob", "viewer": "", "outcome": "", "from": "2026-01-01", "to": ""}
    ),
    history_forms.ExportHistoryForm: Sent(
        SUPERVISOR,
        "/support/history/export",
        {"agent": "", "viewer": "", "outcome": "", "from": "", "to": "", "format": "csv"},
    ),
    LanguageForm: Sent(NOBODY, "/language", {"language": "de", "next": "/sign-in"}),
}
# What others are made of.
BASES = {support.SummaryForm}


@dataclass(frozen=True)
class Scene:
    """A browser for each of those who send forms, and the viewer's TV."""

    browsers: Mapping[str, PageClient]
    device: str

    def sends(self, sent: Sent, pairs: list[tuple[str, str]]) -> Page:
        """Send fields with the token of the browser's session."""
        browser = self.browsers[sent.who]
        token = attribute(browser.get("/activate").select("[name=csrf_token]")[0], "value")
        body = urlencode([("csrf_token", token), *pairs]).encode()
        path = sent.path.replace("<device>", self.device)
        return send_body(browser, path, body, "application/x-www-form-urlencoded")


@pytest.fixture
def scene(app: Flask, browse: Callable[..., PageClient], sandbox: SimulatedZype) -> Scene:
    alice = Alice(browse(app)).signs_in().types_pin(sandbox.tv().pin)
    # There is a PIN to confirm.
    alice.browser.get("/activate?pin=good2", 303)
    browsers = {who: browse(app) for who in (NOBODY, HALF, AGENT, SUPERVISOR)} | {VIEWER: alice.browser}
    services = services_of(app)
    sign_in_staff(app, browsers[AGENT])
    sign_in_staff(app, browsers[SUPERVISOR], "supervisor", Role.SUPERVISOR)
    sign_in_staff(app, browsers[HALF], "half")
    services.second_factor.enrol("half", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    half = services.sessions.create(SessionKind.PENDING_AGENT, "half", name=None, email=None, address="127.0.0.1")
    give_cookie(browsers[HALF], "activate-staff", half)
    return Scene(browsers, services.directory.tvs(seed.ALICE.id)[0].handle)


def forms_below(form: type[PortalForm]) -> Iterator[type[PortalForm]]:
    """Yield every kind of form that is made of one."""
    for kind in form.__subclasses__():
        yield kind
        yield from forms_below(kind)


def names(app: Flask, form: type[PortalForm]) -> Iterator[tuple[str, bool]]:
    """Yield the name of each field of a form, and whether it is hidden."""
    with app.test_request_context():
        for one in form(formdata=None):
            yield one.name, isinstance(one, HiddenField)


def faults_in(page: Page) -> dict[str, str]:
    """Return what the summary says of each field that it links to."""
    return {attribute(link, "href")[1:]: words(link) for link in page.select('[role=alert] a[href^="#"]')}


def state(app: Flask, sandbox: SimulatedZype) -> tuple[object, ...]:
    """Return what a form that was refused has not changed; that it was sent, and a look-up, may be in the ledger."""
    found = rows(app, ledger)
    done = [row for row in found if row["outcome"] not in (None, "malformed") and row["action"] != "look_up"]
    writes = [call for call in sandbox.record() if call["method"] != "GET"]
    return len(done), writes, len(session_rows(app)), services_of(app).preferences.tv_names(seed.ALICE.id)


def test_every_form_is_here() -> None:
    assert set(forms_below(PortalForm)) == set(FORMS) | BASES


def test_every_field_is_here(app: Flask) -> None:
    for form, sent in FORMS.items():
        assert {name for name, _ in names(app, form)} <= set(sent.fields), form


def test_an_empty_form_lists_all_that_is_missing_apart_from_what_is_wrong(scene: Scene) -> None:
    for form, sent in FORMS.items():
        if not sent.required:
            continue
        empty = scene.sends(sent, [])
        assert empty.status == 422, form
        missing = faults_in(empty)
        assert sent.required.keys() <= missing.keys(), (form, missing)

        wrong = scene.sends(sent, [(name, value) for name, value in sent.required.items() if value])
        assert wrong.status == 422, form
        assert sent.required.keys() <= faults_in(wrong).keys(), (form, faults_in(wrong))
        for name, value in sent.required.items():
            if value:
                assert said_of(empty, name) != said_of(wrong, name), (form, name)


def said_of(page: Page, name: str) -> str:
    """Return what a page says of a field, in the summary and beside it."""
    return page.summary if len(faults_in(page)) == 1 else page.text(f"#{name}-error")


def test_a_control_character_is_refused_in_every_field(scene: Scene, app: Flask, sandbox: SimulatedZype) -> None:
    before = state(app, sandbox)
    for form, sent in FORMS.items():
        for name, is_hidden in names(app, form):
            page = scene.sends(sent, [*{**sent.fields, name: f"{sent.fields[name]}\x01"}.items()])
            assert page.status == (400 if is_hidden else 422), (form, name)
            assert state(app, sandbox) == before, (form, name)


def test_every_control_character_is_refused(app: Flask) -> None:
    for control in "\0\t\n\r\x1b\x7f\x85\x9f":
        hidden = app.test_request_context("/language", method="POST", data={"language": f"de{control}", "next": "/"})
        with hidden, pytest.raises(BadRequest):
            LanguageForm()
        with app.test_request_context("/", method="POST", data={"name": f"Kit{control}chen"}):
            form = devices.NameTVForm()
            assert not form.validate(), ascii(control)
            assert form.name.errors == ["Leave out characters that can't be seen."], ascii(control)


def test_a_field_that_is_sent_twice_is_refused(app: Flask) -> None:
    hidden = app.test_request_context("/language", method="POST", data={"language": ["de", "de"], "next": "/"})
    with hidden, pytest.raises(BadRequest):
        LanguageForm()
    with app.test_request_context("/", method="POST", data={"name": ["Kitchen", "Kitchen"]}):
        assert not devices.NameTVForm().validate()


@pytest.mark.parametrize("tokens", [["a", "a"], ["a\x01"]])
def test_so_is_a_csrf_token(app: Flask, tokens: list[str]) -> None:
    with app.test_request_context("/", method="POST", data={"name": "Kitchen", "csrf_token": tokens}):
        with pytest.raises(BadRequest):
            devices.NameTVForm()
        # This one is filled in by the page.
        devices.NameTVForm(formdata=None)


def test_without_a_session_the_hidden_fields_of_a_pin_are_judged_too(client: PageClient) -> None:
    token = attribute(client.get("/activate").select("[name=csrf_token]")[0], "value")

    page = client.send("POST", "/activate", 400, data={"csrf_token": token, "pin": "good1", "from": "link\x01"})

    assert not [line for line in page.headers("Set-Cookie") if "activate-pin" in line]


def test_two_forms_of_a_class_share_no_values(app: Flask) -> None:
    sent = app.test_request_context("/", method="POST", data={"name": "Kitchen " * 20})
    with sent:
        one, other = devices.NameTVForm(), devices.NameTVForm(formdata=None)
        assert not one.validate()
    assert other.validate()
    assert (other.name.data, other.name.raw_data, other.name.errors) == ("", None, [])
    assert (one.name.name, one.name.id) == (other.name.name, other.name.id) == ("name", "name")
