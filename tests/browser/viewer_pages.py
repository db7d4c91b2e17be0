"""The pages that viewers see, in every state: each function leads a viewer to some, and yields each with a name."""

from collections.abc import Iterator

from tests.harness.page import Page
from tests.harness.people import Alice

NAME_FORM = 'form[action$="/name"]'
# A name without a space can't wrap.
LONG_NAME = "W" * 40
Pages = Iterator[tuple[str, Page]]


def pages_of_entry(alice: Alice) -> Pages:
    """Lead Alice to the form for the PIN and to its refusals."""
    yield "sign in", alice.opens("/activate").page
    yield "sign in failed", alice.signs_in("wrong", 422).page
    yield "enter the PIN", alice.signs_in().page
    for pin, status in {"used": 422, "refused": 422, "x": 422, "http503": 503, "http500": 503}.items():
        yield f"answer to {pin}", alice.types_pin(pin, status).page


def pages_of_a_language(alice: Alice) -> Pages:
    """Lead Alice to those pages that nearly every viewer sees, but for those where the PIN is typed."""
    yield "sign in", alice.opens("/activate").page
    yield "compare", alice.signs_in().sends_the_pin_of_a_link("good7777").page
    yield "done", alice.confirms().page
    yield "TVs", alice.opens("/devices").page
    alice.opens("/activate/done").undoes()


def pages_of_typing(alice: Alice) -> Pages:
    """Lead a viewer who may try three PINs to the form, and to its messages."""
    yield "enter the PIN", alice.opens("/activate").page
    for pin, status in {"used": 422, "x": 422, "http503": 503, "http500": 503, "refused": 422, "used2": 429}.items():
        yield f"answer to {pin}", alice.types_pin(pin, status).page
    yield "prefilled", alice.opens("/activate?pin=good7777", 303).page


def pages_of_linking(alice: Alice) -> Pages:
    """Lead Alice through the rest of /activate."""
    alice.signs_in()
    yield "prefilled", alice.opens("/activate?pin=good7777", 303).page
    yield "damaged link", alice.opens("/activate?pin=x", 303).page
    yield "compare", alice.sends_the_pin_of_a_link("good7777").page
    yield "reported", alice.says_that_somebody_sent_it().page
    alice.sends_the_pin_of_a_link("good7777")
    alice.browser.get("/activate?pin=zizm529", 303)
    yield "another PIN", alice.confirms(422).page
    yield "not my TV", alice.says_that_is_not_my_tv().page
    yield "no PIN to compare", alice.opens("/activate/compare").page
    yield "done", alice.sends_the_pin_of_a_link("good7777").confirms().page
    yield "undone", alice.undoes().page
    yield "not found", alice.opens("/no-such-page", 404).page


def pages_of_tvs(alice: Alice) -> Pages:
    """Lead Alice through the pages of /devices."""
    browser = alice.signs_in().browser
    yield "no TV", alice.opens("/devices").page
    done = alice.types_pin("good7778").types_pin("sticky7779").page
    refused = browser.submit(done, NAME_FORM, 422, name=f"{LONG_NAME}W")
    yield "name refused", refused
    named = browser.follow(browser.submit(refused, NAME_FORM, 303, name=LONG_NAME))
    yield "named", named
    sticky = refused.path.replace("/name", "/unlink")
    (other,) = {str(link["href"]) for link in named.select('a[href$="/unlink"]')} - {sticky}
    yield "unlink?", alice.opens(sticky).page
    yield "not unlinked", browser.submit(alice.page, sticky, 503)
    yield "another's TV", alice.opens(f"/devices/{'a' * 32}/unlink", 404).page
    alice.opens(other)
    unlinked = browser.follow(browser.submit(alice.page, other, 303))
    yield "unlinked", unlinked
    yield "signed out everywhere", alice.opens("/devices").signs_out_everywhere().page
