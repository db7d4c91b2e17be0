"""Numbers of things, in the English of commands and logs; pages have the forms of each language."""


def counted(number: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun, as in ``1 attempt`` and ``2 attempts``.

    Args:
        number: how many.
        one: the noun for one of them.
        several: the noun for any other number; with an s at its end if none is given.
    """
    return f"{number} {one if number == 1 else several or f'{one}s'}"
