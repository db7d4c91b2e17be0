"""Templates find the macros of the components as ``ui``, each in the only file that has it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import UndefinedError

from portal.pages.web.jinja.components import MACRO, files_of_macros
from portal.settings.package_data import data_dir

TEMPLATES = data_dir("templates")


def rendered(app: Flask, source: str) -> str:
    with app.test_request_context("/"):
        return app.jinja_env.from_string(source).render()


def test_every_macro_is_in_one_file_alone() -> None:
    files = sorted((TEMPLATES / "components").glob("*.html"))
    found = Counter(name for file in files for name in MACRO.findall(file.read_text(encoding="utf-8")))
    assert set(found) == set(files_of_macros((TEMPLATES,)))
    assert [name for name, times in found.items() if times > 1] == []


def test_a_macro_that_there_is_not_is_an_error(app: Flask) -> None:
    with pytest.raises(UndefinedError, match="no_such_component"):
        rendered(app, "{{ ui.no_such_component() }}")


def test_only_what_a_page_uses_is_loaded(app: Flask) -> None:
    assert "button" in rendered(app, "{{ ui.button('Go') }}")
    assert app.jinja_env.cache is not None
    loaded = {name for _, name in app.jinja_env.cache}
    assert loaded == {"components/button.html"}


def test_an_operator_s_component_replaces_ours_and_may_have_macros_of_its_own(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    folder = tmp_path / "templates" / "components"
    folder.mkdir(parents=True)
    theirs = (
        "{% macro button(text) %}<b>{{ text }}</b>{% endmacro %}{% macro shout(text) %}{{ text|upper }}{% endmacro %}"
    )
    (folder / "button.html").write_text(theirs, encoding="utf-8")
    app = make_app(overrides_dir=str(tmp_path))
    assert rendered(app, "{{ ui.button('Go') }} {{ ui.shout('now') }}") == "<b>Go</b> NOW"
    assert "<b>Sign in</b>" not in rendered(make_app(), "{{ ui.button('Sign in') }}")
