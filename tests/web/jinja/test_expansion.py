"""Components are written out where pages call them, and show the same as if they were called."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask_babel import get_locale
from jinja2 import Environment, UndefinedError

from portal.pages.web.jinja.environment import page_environment

COMPONENTS = """
{% from "components/hint.html" import hint %}
{% set shapes = {"dot": "M0 0"} %}
{% macro box(text, name="box", other=None) -%}
  <b id="{{ name }}">{{ text }}{% if other %}{{ other }}{% endif %}</b>
{%- endmacro %}
{% macro frame(name="frame") %}<i class="{{ name }}">{{ caller() }}</i>{% endmacro %}
{% macro twice(text) %}{% set name = text ~ "!" %}{{ box(name) }}{{ box(name, other=hint(text, id="h")) }}{% endmacro %}
{% macro listed(texts) %}
  {% for text in texts %}{{ loop.index }}{{ box(text) }}{% else %}{{ box("none") }}{% endfor %}
{% endmacro %}
{% macro each(texts) %}{% for text in texts %}{{ caller() }}{% endfor %}{% endmacro %}
{% macro kind(of) -%}
  {% if of == "a" %}A{% elif of == "b" %}{{ box(of) }}{% else %}{{ of or "none" }}{% endif %}
{%- endmacro %}
{% macro drawn(shape) %}{{ shapes[shape] }}{% endmacro %}
{% macro around(name) %}{% call frame(name) %}{{ drawn("dot") }}{{ name }}{% endcall %}{% endmacro %}
{% macro endless(number) %}{{ number }}{% if number %}{{ endless(number - 1) }}{% endif %}{% endmacro %}
{% macro nosy() %}{{ name }}{% endmacro %}
{% macro mute() %}<hr>{% endmacro %}
"""
SAME = [
    '{{ ui.box("<text>") }}',
    '{{ ui.box(name, other=text) }}{{ ui.box(text="<" ~ name, name="&") }}{{ ui.box(text|safe) }}',
    # The page has names that arguments have too.
    '{% set other = "page" %}{% call ui.frame("<f>") %}{{ name }}{{ other }}{{ ui.box(other) }}{% endcall %}',
    "{% call ui.frame() %}{% call ui.frame(name) %}{% set text = 1 %}{{ text }}{% endcall %}{{ text }}{% endcall %}",
    "{{ ui.twice(name) }}{{ ui.twice('a') }}{{ name }}",
    "{% for text in texts %}{{ loop.index }}{{ ui.listed([text]) }}{{ ui.box(loop.index) }}{% endfor %}",
    "{{ ui.listed([]) }}",
    "{% for text in texts %}{% call ui.each(texts) %}{{ loop.index }}{{ text }}{% endcall %}{% endfor %}",
    "{{ ui.kind('a') }}{{ ui.kind('b') }}{{ ui.kind('') }}{{ ui.kind(name) }}{{ ui.kind('c' if name else 'a') }}",
    "{{ ui.drawn('dot') }}{{ ui.around(name) }}{{ ui.endless(20) }}{{ ui.box(ui.box(ui.mute())) }}",
    '{% set kept %}{{ ui.box(text) }}{% endset %}{{ kept ~ text }}{{ ui.box(_("%(brand)s & Co.", brand=text)) }}',
    "{% autoescape false %}{{ ui.box(text) }}{% endautoescape %}",
    '{% block main %}{% for text in texts if text != name %}{{ ui.box(text, *["x"]) }}{% endfor %}{% endblock %}',
]
WRONG = [
    ("{{ ui.nosy() }}", UndefinedError, "'name' is undefined"),
    ("{{ ui.box() }}", UndefinedError, "parameter 'text' was not provided"),
    ("{{ ui.box(1, nothing=2) }}", TypeError, "takes no keyword argument 'nothing'"),
    ("{{ ui.box(1, 2, 3, 4) }}", TypeError, "takes not more than 3"),
    ("{{ ui.frame() }}", UndefinedError, "No caller defined"),
    ("{% call ui.mute() %}lost{% endcall %}", TypeError, "invoked with two values for the special"),
    ("{{ ui.box(nothing) }}", UndefinedError, "'nothing' is undefined"),
]


@pytest.fixture
def portal(make_app: Callable[..., Flask], tmp_path: Path) -> Flask:
    folder = tmp_path / "templates" / "components"
    folder.mkdir(parents=True)
    (folder / "ours.html").write_text(COMPONENTS, encoding="utf-8")
    return make_app(overrides_dir=str(tmp_path))


def both(portal: Flask) -> tuple[Environment, Environment]:
    """Return what calls components, and what writes them out."""
    return portal.jinja_env, page_environment(portal).in_language(get_locale())


def values() -> dict[str, Any]:
    return {"name": "<page>", "text": "<&>", "texts": ["a", "<page>", "<b>"], "thing": SimpleNamespace(name="x")}


def test_what_is_written_out_shows_the_same(portal: Flask) -> None:
    with portal.test_request_context("/"):
        called, written = both(portal)
        for source in SAME:
            assert written.from_string(source).render(values()) == called.from_string(source).render(values()), source


def test_what_fails_fails_alike(portal: Flask) -> None:
    with portal.test_request_context("/"):
        for environment in both(portal):
            for source, error, words in WRONG:
                with pytest.raises(error, match=words):
                    environment.from_string(source).render(values())


def test_components_of_constants_are_constants(portal: Flask) -> None:
    with portal.test_request_context("/"):
        _, written = both(portal)
        source = '{% call ui.frame("f") %}{{ ui.box("<", other="x") }}{{ ui.kind("b") }}{% endcall %}'
        code = written.compile(source, raw=True)
    assert 'yield \'<i class="f"><b id="box">&lt;x</b><b id="box">b</b></i>\'' in code
    assert "call(" not in code


def test_an_error_in_a_component_names_the_line_of_the_page(portal: Flask) -> None:
    with portal.test_request_context("/"):
        _, written = both(portal)
        template = written.from_string("<p>\n{{ ui.kind(text.nothing) }}\n</p>")
        with pytest.raises(UndefinedError) as caught:
            template.render(values())
    # Counted from zero.
    assert [entry.lineno for entry in caught.traceback if entry.frame.code.path == "<template>"] == [1]
