"""What is read in the text of an operator's pattern."""

import re

from portal.domain.patterns import named_characters, sample
from tests.harness.cases import each


@each(
    "pattern, named",
    [
        ("[a-z0-9]{4,16}", ""),
        ("[A-Z]{3}-[0-9]{3}", "-"),
        ("[A-Z0-9-]{6}", "-"),
        (r"[\w.-]{4,}", ".-"),
        (r"[a\-z]{4,}", "-"),
        ("[-a-z]{4,}", "-"),
        ("[]a-z-]{4,}", "]-"),
        (r"\d{3}\.\d{3}", "."),
        ("(?:[a-z]+_)?[0-9]{4,}", "_"),
        ("[*#0-9]{4,8}", "*#"),
        ("[A-Z]{3} [0-9]{3}", " "),
        ("[!-~]+", ""),
        ("[^-]{4,}", ""),
        (r"[^\s_-]{4,}", ""),
        ("a.c*d+e?", ""),
        ("(?i:ab)-(?P<x_y>[0-9]{3})(?P=x_y)", "-"),
        ("(?=.*[0-9])(?!0000)(?#a-b)[0-9a-f]{4,}|(?<=x)y", ""),
    ],
)
def test_the_characters_that_a_pattern_names(pattern: str, named: str) -> None:
    assert named_characters(re.compile(pattern)) == set(named)


@each(
    "pattern, text",
    [
        ("[a-z0-9]{4,16}", "aaaa"),
        ("[A-Z]{3}-[0-9]{3}", "AAA-000"),
        (r"\d{2}\.\w(?:x|y)+", "00.axy"),
        (r"(?i)\bq{,3}.", "qa"),
        ("[^a0A]+", "1"),
    ],
)
def test_a_sample_has_a_character_for_each_piece(pattern: str, text: str) -> None:
    assert sample(re.compile(pattern)) == text
