"""The check finds a name that a browser would translate, and no other text."""

from tests.harness.cases import each
from tests.harness.page import Page
from tests.harness.translation_checks import translated
from tests.harness.transports import Answer


@each(
    "body, found",
    [
        ("<p>Hello, Alice</p>", ["Hello, Alice"]),
        ("<p>Hello, <bdi>Alice</bdi></p>", ["Alice"]),
        ('<p>Hello, <bdi translate="no">Alice</bdi></p>', []),
        ('<p translate="no">Hello, <b>Alice</b></p>', []),
        ('<p translate="no">Hello, <b translate="yes">Alice</b></p>', ["Alice"]),
        ("<title>Alice</title><p>Hello, Bob</p>", []),
    ],
)
def test_a_name_that_would_be_translated_is_found(body: str, found: list[str]) -> None:
    assert translated(Page("/", Answer(200, [], body)), ["Alice", "Mallory"]) == found
