"""Numbers of things."""

from portal.domain.counting import counted


def test_one_thing_is_singular_and_any_other_number_plural() -> None:
    assert [counted(number, "attempt") for number in (0, 1, 2)] == ["0 attempts", "1 attempt", "2 attempts"]
    assert [counted(number, "it has", "they have") for number in (1, 21)] == ["1 it has", "21 they have"]
