"""A test that walks a list takes every case, and a failure names its own."""

import inspect

import pytest

from tests.harness.cases import each


def test_every_case_is_taken_with_the_fixtures_of_the_test() -> None:
    seen: list[object] = []

    @each("a, b", [(1, 2), (3, 4)])
    @each("c", "xy")
    def walked(a: int, b: int, c: str, fixture: str) -> None:
        seen.append((a, b, c, fixture))

    assert list(inspect.signature(walked).parameters) == ["fixture"]
    walked(fixture="f")
    assert seen == [(1, 2, "x", "f"), (1, 2, "y", "f"), (3, 4, "x", "f"), (3, 4, "y", "f")]


def test_a_failure_names_its_case_and_ends_the_walk() -> None:
    seen: list[str] = []

    @each("text", ["good", "b\u00e4d", "never"])
    def walked(text: str) -> None:
        seen.append(text)
        with pytest.raises(ValueError, match="invalid"):
            int(text if text != "b\u00e4d" else "7")

    with pytest.raises(pytest.fail.Exception) as caught:
        walked()
    assert caught.value.__notes__ == [r"case: text='b\xe4d'"]
    assert seen == ["good", "b\u00e4d"]


def test_a_list_that_can_not_fail_is_refused() -> None:
    for names, cases in (("a", []), ("a, b", [(1,)]), ("other", [1])):
        with pytest.raises(ValueError, match=r"cases of|does not take"):
            each(names, cases)(lambda a: None)
