"""A pattern that would stop the portal is found before it does."""

import re

import pytest

from portal.commands.pattern_timing import slow_length


@pytest.mark.parametrize("pattern", ["([a-z]+[0-9]*)+", "[A-Z]{3}-([a-z]+)+", "(x+x+)+y"])
def test_a_slow_pattern_is_found_at_a_length_that_is_slow_but_not_for_long(pattern: str) -> None:
    assert 8 < (slow_length(re.compile(pattern), 32) or 0) <= 32


@pytest.mark.parametrize(
    "pattern", ["[a-z0-9]{4,16}", "[A-Z]{3}-[0-9]{3}", r"\d{3}(?:-\d{3})*", "[A-Za-z0-9#][A-Za-z0-9._/#-]{0,59}"]
)
def test_a_sound_pattern_is_not(pattern: str) -> None:
    assert slow_length(re.compile(pattern), 200) is None
