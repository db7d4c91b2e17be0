"""The files that come with the package: templates, static files, and the catalogues of its languages."""

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
TRANSLATIONS = _PACKAGE / "translations"


def data_dir(name: str) -> Path:
    """Return ``templates`` or ``static``, which are next to the package in a checkout and inside it in a wheel.

    Raises:
        FileNotFoundError: there is none; the package is not installed completely.
    """
    for base in (_PACKAGE, _PACKAGE.parent):
        if (base / name).is_dir():
            return base / name
    raise FileNotFoundError(f"{name}/ is neither in {_PACKAGE} nor next to it")


@cache
def languages() -> tuple[str, ...]:
    """Return the codes of the languages of the pages, such as ``pt-BR``, English first.

    A catalogue that is not compiled does not count: its pages would be in English, and claim another language.
    """
    folders = sorted(path.parent.parent.name for path in TRANSLATIONS.glob("*/LC_MESSAGES/messages.mo"))
    return ("en", *(folder.replace("_", "-") for folder in folders))
