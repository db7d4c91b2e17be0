"""The pages that viewers see, in every state: each function leads a viewer to some, and yields each with a name."""

from collections.abc import Iterator

from portal.sandbox import seed
from tests.harness.faulty_zype import answering
from tests.harness.page import Page
from tests.harness.people import SIGN_OUT, Alice
from tests.harness.simulated_zype import SimulatedZype

NAME_FORM = 'form[action$="/name"]'
# A name without a space can't wrap.
LONG_NAME = "W" * 40
# What a form holds that was open for too long.
STALE = {"csrf_token": "stale"}
Pages = Iterator[tuple[str, Page]]


def pages_of_signing_in(alice: Alice) -> Pages:
    """Lead Alice to the page to sign in, which she may try three times, and to its messages."""
    browser = alice.browser
    yield "sign in", alice.opens("/activate").page
    yield "sign in to see TVs", alice.opens("/sign-in?next=/devices").page
    yield "damaged link", alice.opens("/activate?pin=x", 303).page
    yield "PIN kept", alice.opens("/activate?pin=good7777", 303).page
    yield "nothing entered", browser.submit(alice.page, "/sign-in", 422)
    yield "stale form", browser.submit(alice.page, "/sign-in", 422, email="a@example.com", password="x", **STALE)
    yield "sign-in cancelled", alice.opens("/sign-in/code/callback?error=access_denied&state=x").page
    down = {"email": "http503@example.com", "password": "x"}
    yield "sign-in not possible", browser.submit(alice.opens("/activate").page, "/sign-in", 503, **down)
    for number, status in enumerate((422, 422, 422, 429)):
        yield f"wrong password {number}", alice.signs_in("wrong", status).page


def pages_of_forgotten_password(alice: Alice) -> Pages:
    """Lead somebody to the page for a forgotten password, from which three mails may be asked for."""
    browser, form = alice.browser, alice.opens("/sign-in/forgotten").page
    yield "forgotten password", form
    yield "no email", browser.submit(form, form.path, 422, email="alice")
    yield "stale email", browser.submit(form, form.path, 422, email=seed.MALLORY.email, **STALE)
    for _ in range(3):
        sent = browser.submit(form, form.path, 303, email=seed.MALLORY.email)
    yield "mail on its way", browser.follow(sent)
    yield "too many mails", browser.submit(form, form.path, 429, email=seed.MALLORY.email)


def pages_of_typing(alice: Alice) -> Pages:
    """Lead a viewer who may try three PINs to the form, and to its messages."""
    yield "enter the PIN", alice.opens("/activate").page
    for pin, status in {"used": 422, "x": 422, "http503": 503, "http500": 503, "refused": 422, "used2": 429}.items():
        yield f"answer to {pin}", alice.types_pin(pin, status).page
    yield "prefilled", alice.opens("/activate?pin=good7777", 303).page


def pages_of_more_answers(alice: Alice) -> Pages:
    """Lead a viewer to the messages that few see."""
    alice.opens("/activate")
    for pin, status in {"": 422, "http429": 503, "http401": 503}.items():
        yield f"answer to {pin!r}", alice.types_pin(pin, status).page
    yield "stale PIN", alice.browser.submit(alice.page, "/activate", 422, pin="good7777", **STALE)
    yield "stale sign-out", alice.browser.submit(alice.page, SIGN_OUT, 422, **STALE)


def pages_of_a_language(alice: Alice) -> Pages:
    """Lead a viewer to those pages that nearly everybody sees, but for those where the PIN is typed."""
    yield "sign in", alice.opens("/activate").page
    yield "compare", alice.signs_in().sends_the_pin_of_a_link("good7777").page
    yield "done", alice.confirms().page
    yield "TVs", alice.opens("/devices").page
    alice.opens("/activate/done").undoes()


def pages_of_comparing(alice: Alice) -> Pages:
    """Lead a viewer with the PIN of a link to the comparison, and to what follows its answers."""
    yield "damaged link to a viewer", alice.opens("/activate?pin=x", 303).page
    yield "compare", alice.sends_the_pin_of_a_link("good7777").page
    yield "stale comparison", alice.browser.submit(alice.page, "/activate/confirm", 422, **STALE)
    old = alice.page
    yield "reported", alice.says_that_somebody_sent_it().page
    yield "PIN not kept", alice.browser.submit(old, "/activate/confirm", 422)
    alice.sends_the_pin_of_a_link("good7777")
    alice.browser.get("/activate?pin=zizm529", 303)
    yield "another PIN", alice.confirms(422).page
    yield "not my TV", alice.says_that_is_not_my_tv().page
    yield "no PIN to compare", alice.opens("/activate/compare").page


def pages_of_success(alice: Alice, sandbox: SimulatedZype) -> Pages:
    """Lead a viewer to the page that says what was linked, and to what follows its buttons."""
    yield "done", alice.sends_the_pin_of_a_link("good7777").confirms().page
    yield "stale Undo", alice.browser.submit(alice.page, "/activate/undo", 422, **STALE)
    for answer, status in {404: 422, 500: 503, 401: 503}.items():
        with answering(sandbox, "/pin/unlink", answer):
            yield f"Undo answered by {answer}", alice.opens("/activate/done").undoes(status).page
    yield "undone", alice.opens("/activate/done").undoes().page
    yield "reported and unlinked", alice.types_pin("good7780").says_that_somebody_sent_it().page
    yield "reported and not unlinked", alice.types_pin("sticky7781").says_that_somebody_sent_it(503).page
    yield "done without Undo", alice.types_pin("nameless7782").page


def pages_of_tvs(alice: Alice, sandbox: SimulatedZype) -> Pages:
    """Lead a viewer through the pages of /devices."""
    browser = alice.browser
    yield "no TV", alice.opens("/devices").page
    done = alice.types_pin("good7778").types_pin("sticky7779").page
    refused = browser.submit(done, NAME_FORM, 422, name=f"{LONG_NAME}W")
    yield "name refused", refused
    yield "stale name", browser.submit(refused, NAME_FORM, 422, name=LONG_NAME, **STALE)
    named = browser.follow(browser.submit(refused, NAME_FORM, 303, name=LONG_NAME))
    yield "named", named
    sticky = refused.path.replace("/name", "/unlink")
    (other,) = {str(link["href"]) for link in named.select('a[href$="/unlink"]')} - {sticky}
    yield "rename", alice.opens(sticky.replace("/unlink", "/name")).page
    yield "unlink?", alice.opens(sticky).page
    yield "not unlinked", browser.submit(alice.page, sticky, 503)
    yield "stale unlinking", browser.submit(alice.page, sticky, 422, **STALE)
    for answer, status in {404: 422, 500: 503}.items():
        with answering(sandbox, "/pin/unlink", answer):
            yield f"unlinking answered by {answer}", browser.submit(alice.page, sticky, status)
    with answering(sandbox, "/consumers", 503):
        yield "TVs can't be shown", alice.opens("/devices", 503).page
    yield "another's TV", alice.opens(f"/devices/{'a' * 32}/unlink", 404).page
    alice.opens(other)
    yield "unlinked", browser.follow(browser.submit(alice.page, other, 303))
    yield "signed out everywhere", alice.opens("/devices").signs_out_everywhere().page
