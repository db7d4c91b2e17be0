"""The page where a PIN is typed, on the smallest phones: TV, message, field and button can be seen at once."""

from collections.abc import Callable, Iterator

import playwright.sync_api as playwright
import pytest
from flask import Flask

from portal.settings.types import languages
from tests.harness.page import Page, PageClient
from tests.harness.page_walk import PageWalk, View
from tests.harness.people import Alice
from tests.harness.viewers import begin_session


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A limit that is soon reached."""
    return environ | {"PORTAL_LIMIT_VIEWER": "2/day"}


def pages_of_entry(people: dict[str, Alice]) -> Iterator[tuple[str, Page]]:
    """Lead a viewer to the page and to its messages in every language."""
    for code, alice in people.items():
        yield code, alice.opens("/activate").page
        for pin, status in {"used": 422, "x": 422, "http503": 503}.items():
            yield f"{code}, answer to {pin}", alice.types_pin(pin, status).page
        yield f"{code}, prefilled", alice.opens("/activate?pin=good7777", 303).page
    for pin, status in {"used2": 422, "http500": 429}.items():
        for code, alice in people.items():
            yield f"{code}, answer to {pin}", alice.types_pin(pin, status).page


def test_field_and_button_are_above_the_fold_in_every_language_and_with_every_message(
    live: str, app: Flask, browse: Callable[..., PageClient], phone: playwright.Page
) -> None:
    people = {code: Alice(browse(app, language=code)) for code in languages()}
    for alice in people.values():
        begin_session(app, alice)
    phone.goto(f"{live}/activate")

    faults = PageWalk(phone).faults(pages_of_entry(people), [View(360, 640, "light", ("fold",))])

    assert not faults, "\n".join(faults)
