"""The texts of the pages, as Babel finds them, and the rules for their translations."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from gettext import c2py
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from portal.settings.package_data import TRANSLATIONS

ROOT = Path(__file__).parent.parent.parent
CATALOGUES = {path.parent.parent.name: path for path in sorted(TRANSLATIONS.glob("*/LC_MESSAGES/messages.po"))}

_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")
_TAG = re.compile(r"</?[a-z][^>]*>")
# Words that every translation keeps: they are on the TV's screen, or are the TV.
_NAMES = {"PIN": ("PIN",), "TV": ("TV", "تلفزيون")}
_MAX = 1000


@dataclass(frozen=True)
class Text:
    """A text of the pages, in English.

    Args:
        singular: the text.
        plural: the same for several, where it counts something.
    """

    singular: str
    plural: str | None = None


@cache
def texts() -> frozenset[Text]:
    """Return every text in the templates and in the source of the portal."""
    with (TRANSLATIONS / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    keywords = DEFAULT_KEYWORDS | {"lazy_gettext": None}
    found = extract_from_dir(ROOT, methods, options, keywords)
    return frozenset(_text(message) for _, _, message, _, _ in found)


@cache
def catalogue(folder: str) -> Catalog:
    """Return the texts of a language, from its file."""
    with CATALOGUES[folder].open("rb") as file:
        # A fault in the file is an error here, where Babel would print a line and go on.
        return read_po(file, locale=folder, abort_invalid=True)


def translations(found: Catalog) -> dict[Text, tuple[str, ...]]:
    """Return the translation of each text: one string, or one for each plural form."""
    strings = {_text(message.id): message.string for message in found if message.id}
    return {text: (value,) if isinstance(value, str) else tuple(value) for text, value in strings.items()}


def faults(text: Text, strings: tuple[str, ...], plural_rule: str) -> Iterator[str]:
    """Yield what is wrong with the translation of one text.

    Args:
        text: in English.
        strings: its translation, one for each plural form.
        plural_rule: which form belongs to which number n, as the head of the catalogue has it.
    """
    source = text.plural or text.singular
    for form, string in enumerate(strings):
        if not string.strip():
            yield f"no words for {source!r}"
            continue
        is_one_number = text.plural is not None and _counts(plural_rule)[form] == 1
        if not _placeholders_fit(source, string, may_leave_out=is_one_number):
            yield f"other placeholders in {string!r} than in {source!r}"
        if Counter(_TAG.findall(string)) != Counter(_TAG.findall(source)):
            yield f"other elements in {string!r} than in {source!r}"
        for name, others in _NAMES.items():
            if name in source and not any(other in string for other in others):
                yield f"{name} is not recognised in {string!r}"


@cache
def _counts(plural_rule: str) -> Counter[int]:
    """Return how many numbers each plural form is for."""
    form_of = c2py(plural_rule)
    return Counter(form_of(number) for number in range(_MAX))


def _placeholders_fit(source: str, string: str, may_leave_out: bool) -> bool:
    """Tell whether the placeholders are those of the source; a form for only one number may say it in words."""
    expected, found = set(_PLACEHOLDER.findall(source)), set(_PLACEHOLDER.findall(string))
    rest = _PLACEHOLDER.sub("", string)
    return "%" not in rest and (found <= expected if may_leave_out else found == expected)


def _text(message: str | tuple[str, ...]) -> Text:
    return Text(message) if isinstance(message, str) else Text(message[0], message[1])
