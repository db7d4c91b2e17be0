"""How alike two texts are."""


def is_one_edit_away(one: str, other: str) -> bool:
    """Tell whether two texts are equal, or a single edit makes them so.

    An edit adds, leaves out or changes one character, or swaps two neighbours.
    """
    shorter, longer = sorted((one, other), key=len)
    if len(longer) - len(shorter) > 1:
        return False
    same = next((at for at, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    rest, other_rest = shorter[same:], longer[same:]
    if len(shorter) < len(longer):
        return rest == other_rest[1:]
    return rest[1:] == other_rest[1:] or (rest[1::-1], rest[2:]) == (other_rest[:2], other_rest[2:])
