"""One test that walks a list of cases, where a test of its own for each would cost more than the case."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

Test = Callable[..., None]


def each(names: str, cases: Iterable[Any]) -> Callable[[Test], Test]:
    """Return a decorator that calls a test with each case in turn; what fails names its case.

    All cases share the fixtures of the one test: it is for rules, and for what a case leaves as it was.

    Args:
        names: the arguments that a case is given for, divided by commas.
        cases: a value for each case, or as many values as there are names.

    Raises:
        ValueError: there is no case, or one has another number of values.
    """
    arguments = [name.strip() for name in names.split(",")]
    listed = [case if len(arguments) > 1 else (case,) for case in cases]
    if not listed or any(len(case) != len(arguments) for case in listed):
        raise ValueError(f"cases of {names}")

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def walk(**fixtures: Any) -> None:
            for case in listed:
                values = dict(zip(arguments, case, strict=True))
                try:
                    test(**values, **fixtures)
                except BaseException as error:
                    error.add_note("case: " + ", ".join(f"{name}={value!a:.200}" for name, value in values.items()))
                    raise

        signature = inspect.signature(test)
        rest = [parameter for name, parameter in signature.parameters.items() if name not in arguments]
        if len(signature.parameters) - len(rest) != len(arguments):
            raise ValueError(f"{test.__name__} does not take {names}")
        walk.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
        return walk

    return decorate
