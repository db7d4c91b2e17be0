"""How alike two texts are: equal, one edit apart, or further."""

import itertools
import string

from hypothesis import given
from hypothesis import strategies as st

from portal.domain.similarity import is_one_edit_away

ALPHABET = "ab1"
SHORT = ["".join(letters) for length in range(4) for letters in itertools.product(ALPHABET, repeat=length)]


def edited(text: str) -> set[str]:
    """Return every text that one edit makes of this one, its own included."""
    halves = [(text[:at], text[at:]) for at in range(len(text) + 1)]
    return {
        text,
        *(a + b[1:] for a, b in halves if b),
        *(a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1),
        *(a + new + b[1:] for a, b in halves if b for new in ALPHABET),
        *(a + new + b for a, b in halves for new in ALPHABET),
    }


def test_it_agrees_with_the_list_of_all_edits() -> None:
    for one in SHORT:
        near = edited(one)
        for other in SHORT:
            assert is_one_edit_away(one, other) == (other in near), (one, other)


def test_a_pin_with_one_more_less_other_or_swapped_character_is_close() -> None:
    for typed in ("zizm529", "zizm5299", "zizm52", "zizm528", "izzm529", "zizm592"):
        assert is_one_edit_away("zizm529", typed), typed
    for typed in ("zizm5299a", "zizm5", "aizm528", "mziz529", "good1", ""):
        assert not is_one_edit_away("zizm529", typed), typed


@given(st.text(string.ascii_lowercase, max_size=16), st.text(string.ascii_lowercase, max_size=16))
def test_it_is_symmetric(one: str, other: str) -> None:
    assert is_one_edit_away(one, other) == is_one_edit_away(other, one)
