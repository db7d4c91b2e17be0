"""Every text of the pages is in every language, complete and sound. A new text without its translations fails here."""

import subprocess
from gettext import GNUTranslations

import pytest
from babel.messages.plurals import get_plural

from portal.settings.types import languages
from tests.harness.cases import each
from tests.harness.catalogues import CATALOGUES, ROOT, Text, catalogue, faults, texts, translations

ADVICE = "run: make translations"
ONE_OR_MORE = "(n != 1)"


def test_the_pages_speak_these_languages() -> None:
    assert languages() == ("en", "ar", "de", "es", "fr", "ja", "pt-BR")
    assert len(CATALOGUES) == len(languages()) - 1


@each("folder", CATALOGUES)
def test_a_catalogue_holds_the_texts_of_the_pages_and_no_other(folder: str) -> None:
    wanted, there = texts(), set(translations(catalogue(folder)))

    assert len(wanted) > 100
    assert not wanted - there, ADVICE
    assert not there - wanted, ADVICE


@each("folder", CATALOGUES)
def test_every_translation_is_sound(folder: str) -> None:
    found = catalogue(folder)

    assert not [
        fault for text, strings in translations(found).items() for fault in faults(text, strings, found.plural_expr)
    ]
    assert not [message.id for message in found if message.id and message.fuzzy]


@each("folder", CATALOGUES)
def test_plural_forms_are_those_of_the_language(folder: str) -> None:
    found = catalogue(folder)

    assert found.num_plurals == get_plural(folder).num_plurals
    assert found.plural_expr == get_plural(folder).plural_expr
    counting = {text: strings for text, strings in translations(found).items() if text.plural}
    assert counting
    assert {len(strings) for strings in counting.values()} == {found.num_plurals}


@each("folder", CATALOGUES)
def test_a_sentence_that_names_a_button_names_it_as_the_button_does(folder: str) -> None:
    words = {text.singular: strings[0] for text, strings in translations(catalogue(folder)).items()}
    naming = {
        "Undo": [text for text in words if "Undo" in text and text != "Undo"],
    }

    assert all(naming.values())
    assert not [text for button, sentences in naming.items() for text in sentences if words[button] not in words[text]]


@each("folder", CATALOGUES)
def test_what_is_compiled_is_what_was_written(folder: str) -> None:
    compiled = CATALOGUES[folder].with_suffix(".mo")
    assert compiled.is_file(), "run: make test"

    with compiled.open("rb") as file:
        held = GNUTranslations(file)
    for text, strings in translations(catalogue(folder)).items():
        found = held.ngettext(text.singular, text.plural, 7) if text.plural else held.gettext(text.singular)
        assert found in strings, "run: make test"


def test_nothing_compiled_is_kept_in_the_repository() -> None:
    listed = subprocess.run(["git", "ls-files", "*.mo", "*.pot"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert listed.stdout == ""


def test_the_sandbox_is_not_translated() -> None:
    assert Text("Link your TV") in texts()
    assert Text("Enter your password.") in texts(), "the messages of forms are texts as well"
    assert Text("%(num)d minute", "%(num)d minutes") in texts()
    assert not [text for text in texts() if "Zype sandbox" in text.singular or text.singular == "Open the TV"]


@each(
    "text, strings",
    [
        (Text("Check both."), ("",)),
        (Text("Wait %(wait)s."), ("Warten Sie.",)),
        (Text("Wait %(wait)s."), ("Warten Sie %(zeit)s.",)),
        (Text("Wait %(wait)s."), ("Warten Sie %(wait)s, zu 100 %.",)),
        (Text("It is <b>%(who)s</b>"), ("Es ist %(who)s",)),
        (Text("It is <b>%(who)s</b>"), ("Es ist <b>%(who)s",)),
        (Text("It is who"), ("Es ist <script>wer</script>",)),
        (Text("Check the PIN"), ("Nummer prüfen",)),
        (Text("Link your TV"), ("Gerät verbinden",)),
        (Text("%(num)d hour", "%(num)d hours"), ("eine Stunde", "Stunden")),
    ],
)
def test_an_unsound_translation_is_caught(text: Text, strings: tuple[str, ...]) -> None:
    assert list(faults(text, strings, ONE_OR_MORE))


@pytest.mark.parametrize(
    ("text", "strings"),
    [
        (Text("Wait %(wait)s, %(who)s."), ("%(who)s, warten Sie %(wait)s.",)),
        (Text("It is <b>%(who)s</b>"), ("<b>%(who)s</b> ist es",)),
        (Text("%(num)d hour", "%(num)d hours"), ("eine Stunde", "%(num)d Stunden")),
    ],
)
def test_a_sound_translation_is_not_caught(text: Text, strings: tuple[str, ...]) -> None:
    assert not list(faults(text, strings, ONE_OR_MORE))


def test_a_form_for_several_numbers_says_which() -> None:
    text = Text("%(num)d hour", "%(num)d hours")

    assert list(faults(text, ("une heure", "%(num)d heures"), "(n > 1)")), "nought hours would be one"
