"""The catalogues have the words of the glossary, and the typography of their languages."""

import re
from collections.abc import Iterator
from functools import cache

from portal.settings.package_data import TRANSLATIONS
from tests.harness.cases import each
from tests.harness.catalogues import CATALOGUES, Text, catalogue, texts, translations

LANGUAGES = ("en", "es", "fr", "de", "pt_BR", "ja", "ar")
NARROW_SPACE = "\u202f"
# What is wrong in a language, besides what is wrong in all.
WRONG = {
    "en": r"[\"„«»]",
    "es": r"[\"'“”„]|(?:^|[?])[^¿?]*[?]|(?:^|!)[^¡!]*!",
    "fr": rf"[\"'“”„]|(?<!{NARROW_SPACE})(?:[;?!»]|:(?=\s|$))|«(?!{NARROW_SPACE})",
    "de": r"[\"'”«»]|(?:^|“)[^„]*“",
    "pt_BR": r"[\"„«»¿]",
    "ja": r"[\"“”„«»]|(?<=[ぁ-ヿ一-鿿])[,.:;?!]|(?<=[ぁ-ヿ一-鿿]) (?=[\w%])|(?<=[)\w]) (?=[ぁ-ヿ一-鿿])",
    "ar": r"[\"“”„,;?٠-٩]",
}
WRONG_EVERYWHERE = r"\.\.\.|\s\s|^\s|\s$|[ ][,.]"
# A space in Japanese ends an address.
ADDRESS = re.compile(r"%\(\w+_url\)s[\w/-]*|[\w.]+@[\w.]+")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


@cache
def glossary(language: str) -> dict[str, tuple[str, str]]:
    """Return the cells with the forms that a term has in a language, and with those that it never has."""
    text = (TRANSLATIONS / "GLOSSARY.md").read_text(encoding="utf-8")
    section = text.split("\n## ")[1 + LANGUAGES.index(language)]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("|")][2:]
    return {term.strip(): (forms, never) for term, forms, never, _ in rows}


@cache
def any_of(cells: str, whole: int = 0) -> re.Pattern[str]:
    """Return what finds a word that starts with one of the forms in cells; forms of so many letters are whole words."""
    forms = re.findall(r"`([^`]+)`", cells)
    found = "|".join(re.escape(form) + (r"(?!\w)" if len(form) <= whole else "") for form in forms)
    return re.compile(rf"(?<![a-zà-ÿ-])(?:{found})" if forms else "(?!)", re.IGNORECASE)


@cache
def terms_in(english: str) -> list[str]:
    """Return the terms that an English text has."""
    return [term for term, (forms, _) in glossary("en").items() if any_of(forms).search(english)]


def spoken(language: str) -> dict[Text, tuple[str, ...]]:
    """Return each text in a language."""
    if language == "en":
        return {text: (text.singular, text.plural or text.singular) for text in texts()}
    return translations(catalogue(language))


def faults(language: str, text: Text, strings: tuple[str, ...]) -> Iterator[str]:
    """Yield what the glossary has against a text in a language."""
    words = glossary(language)
    wrong = re.compile(f"{WRONG[language]}|{WRONG_EVERYWHERE}")
    never = any_of("".join(cell for _, cell in words.values()), whole=4)
    for string in strings:
        for term in terms_in(text.singular):
            if not any_of(words[term][0]).search(string):
                yield f"no word for {term} in {string!r}: {text.singular!r}"
        for found in (never.search(PLACEHOLDER.sub("", string)), wrong.search(ADDRESS.sub("…", string))):
            if found:
                yield f"{found[0]!r} in {string!r}"


@each("language", LANGUAGES)
def test_every_text_has_the_words_and_the_typography_of_its_language(language: str) -> None:
    assert not [fault for text, strings in spoken(language).items() for fault in faults(language, text, strings)]


@each("language", LANGUAGES)
def test_the_glossary_has_the_same_terms_for_every_language(language: str) -> None:
    terms = set(glossary(language)) - {"you"}

    assert {"PIN", "TV", "link", "unlink", "account"} <= terms == set(glossary("en"))
    assert all("`" in glossary(language)[term][0] for term in terms)
    assert {"en", *CATALOGUES} == set(LANGUAGES)


@each(
    "language, english, string",
    [
        ("en", "Pair your TV", "Pair your TV"),
        ("es", "Unlink", "Quitar"),
        ("es", "Enter your password.", "Introduzca su contraseña."),
        ("es", "Not you?", "No eres tú?"),
        ("es", "Press “Undo”.", "Presiona “Deshacer”."),
        ("fr", "Not you?", "Ce n’est pas vous ?"),
        ("fr", "Error:", "Erreur :"),
        ("fr", "Press “Undo”.", "Appuyez sur «Annuler l’association»."),
        ("fr", "It is yours.", "C'est à vous."),
        ("fr", "Your PIN", "Ton PIN"),
        ("de", "Press “Undo”.", "Drücken Sie auf “Rückgängig machen”."),
        ("pt_BR", "Your email", "Seu email"),
        ("ja", "PIN from the TV", "TV の PIN"),
        ("ja", "Error:", "エラー:"),
        ("ar", "Your account, your TV", "حسابك, تلفزيونك"),
        ("de", "Wait …", "Warten ..."),
    ],
)
def test_another_word_or_typography_is_caught(language: str, english: str, string: str) -> None:
    assert list(faults(language, Text(english), (string,)))
