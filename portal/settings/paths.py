"""templates/ and static/ stand beside the package in a checkout and inside it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def data_dir(name: str) -> Path:
    """Return the folder of that name.

    Args:
        name: ``templates`` or ``static``.

    Raises:
        FileNotFoundError: there is none; the package was not installed whole.
    """
    for base in (_PACKAGE, _PACKAGE.parent):
        if (base / name).is_dir():
            return base / name
    raise FileNotFoundError(f"{name}/ is missing beside {_PACKAGE}")
