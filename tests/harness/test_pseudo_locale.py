"""The pseudo-locale keeps what is no word, makes texts longer, and stays in the portal that it was given to."""

from collections.abc import Callable

from flask import Flask

from portal.settings.package_data import languages
from tests.harness.catalogues import catalogue, faults, translations
from tests.harness.page import PageClient
from tests.harness.pseudo_locale import CODE, pseudo, speak_pseudo


def test_it_is_longer_and_keeps_placeholders_elements_and_a_colon() -> None:
    assert pseudo("Link your TV") == "⟦Lííñk ýýóóúúr TV⟧"
    assert pseudo("to <strong>%(who)s</strong> &amp; %%") == "⟦tóó <strong>%(who)s</strong> &amp; %%⟧"
    assert pseudo("Error:") == "⟦ÉÉrróór⟧:"
    for text in translations(catalogue(CODE)):
        strings = (pseudo(text.singular), pseudo(text.plural or text.singular))
        assert [fault for fault in faults(text, strings, "n != 1") if "is not recognised" not in fault] == []
        assert len(strings[0]) > len(text.singular)


def test_templates_and_forms_speak_it_and_another_portal_does_not(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    app, other = make_app(), make_app()
    speak_pseudo(app)
    browser = browse(app, language=CODE)

    page = browser.submit(browser.get("/sign-in"), "/sign-in", 422)

    assert "⟦" in page.heading
    assert "⟦" in page.text("#email-error")
    assert "⟦" not in browse(other, language=CODE).get("/sign-in").source
    assert all("⟦" not in browse(other, language=code).get("/sign-in").source for code in languages())
