"""Templates are compiled once a language, and say the same as if each text were looked up when it is shown."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import CodeType

import pytest
from babel import Locale
from flask import Flask
from flask_babel import get_locale
from jinja2 import DictLoader, Environment

from portal.pages.web.jinja.environment import page_environment

TEXTS = [
    '{{ _("Link your TV") }}',
    '{% set text = _("Link your TV") %}<b>{{ text }}</b>{{ text ~ other }}',
    '{{ _("Sign in with %(brand)s", brand=other) }}',
    "{% trans wait=other %}Please try again in {{ wait }}.{% endtrans %}",
    "{% trans count=2 %}You can undo this for another minute."
    "{% pluralize %}You can undo this for another {{ count }} minutes.{% endtrans %}",
    '{{ _(other) }}{{ [_("Support"), other]|join(" ") }}',
    # What an operator's template says that no catalogue has.
    '{{ _("Ask <b>Bob</b> & Co., 100 %%") }}{% trans %}Only <i>here</i>, 50 %{% endtrans %}',
    '{% autoescape false %}{{ _("Sign in with %(brand)s", brand=other) }}{% endautoescape %}',
]


@pytest.mark.parametrize("source", TEXTS)
def test_a_text_is_the_same_whether_it_is_translated_while_compiling_or_when_it_is_shown(
    app: Flask, source: str
) -> None:
    with app.test_request_context("/", headers={"Accept-Language": "de"}):
        looked_up = app.jinja_env.from_string(source).render(other="<&>")
        assert page_environment(app).in_language(get_locale()).from_string(source).render(other="<&>") == looked_up


def test_a_constant_text_is_not_looked_up_when_it_is_shown(app: Flask) -> None:
    with app.test_request_context("/", headers={"Accept-Language": "de"}):
        template = page_environment(app).in_language(get_locale()).from_string(TEXTS[0])
    # Outside of a request there is no language to look it up in.
    assert template.render() == "Verbinden Sie Ihren TV"


def test_each_language_has_its_own_components(app: Flask) -> None:
    shown = []
    for language in ("en", "de", "en"):
        with app.test_request_context("/", headers={"Accept-Language": language}):
            template = (
                page_environment(app)
                .in_language(get_locale())
                .from_string("{{ ui.support_link(text, None) }}{{ ui.please_wait(None) }}")
            )
            shown.append(template.render(text="<").strip())
    assert shown[0] == shown[2] != shown[1]


def test_threads_that_need_a_template_at_once_compile_it_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def compile_slowly(*arguments: object) -> CodeType:
        compiled.append(arguments[2])
        time.sleep(0.05)
        return compile_once(*arguments)  # type: ignore[arg-type]

    compile_once = Environment.compile
    monkeypatch.setattr(Environment, "compile", compile_slowly)
    templates = page_environment(app)
    templates.loader = DictLoader({"one.html": "1"})
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: templates.in_language(Locale("de")).get_template("one.html"), range(4)))

    assert [template.render() for template in found] == ["1"] * 4
    assert compiled == ["one.html"]
