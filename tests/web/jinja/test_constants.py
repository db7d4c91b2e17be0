"""What is the same for every request is a part of the texts of compiled templates, and shows the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
from babel import Locale
from flask import Flask
from flask_babel import get_locale

from portal.pages.web.jinja.environment import PageEnvironment, page_environment

BRAND = "Alice & <Bob>"
COMPONENTS = """
{% macro named(brand, id="n") %}<i id="{{ id }}">{{ brand.name }}</i>{% endmacro %}
{% macro listed(texts, first=None) %}
  {% for code, name in texts if code != "de" %}
    <b{% if code == first %} class="first"{% endif %}>{{ name }}</b>
  {% endfor %}
{% endmacro %}
{% macro left(brand) %}{{ brand.name }}{{ nothing_known|default("") }}{% endmacro %}
"""
SAME = [
    "{{ brand.name }}{{ brand.name ~ text }}{{ _('%(brand)s & Co.', brand=brand.name) }}",
    "{% set shown = _('<b>') ~ brand.name ~ '<i>' %}{{ shown }}{{ ui.named(brand, shown) }}",
    "{{ ui.named(brand) }}{{ ui.left(brand) }}{{ ui.listed(languages, current_language) }}",
    "{% for code, name in languages %}{{ loop.index }}{{ code }}{% endfor %}{{ languages|length }}",
    "{% for code, name in languages %}{% set code = code|upper %}{{ code }}{% endfor %}",
    "{% for language in languages %}{{ language[0] }}{% else %}none{% endfor %}{{ languages[0][1] }}",
    "{% for language in [] %}{{ language }}{% else %}none{% endfor %}",
    "{% for link, url in brand.icon_links %}{{ url }}{% if link.sizes %}{{ link.sizes }}{% endif %}{% endfor %}",
    "{% if is_sandbox %}sandbox{% elif text %}{{ text }}{% endif %}{{ 'yes' if is_sandbox else text }}",
    "{% if is_sandbox and text %}{{ text }}{% endif %}{{ brand.support_url or text }}",
    # A page may have a name of its own.
    "{% set brand = text %}{{ brand }}{% for is_sandbox in [text] %}{{ is_sandbox }}{% endfor %}{{ is_sandbox }}",
    "{% with brand = text, kind = 'a' %}{{ brand }}{{ kind }}{% endwith %}{{ brand.name }}",
    "{% with kind = 'a' %}{{ kind }}{% set kind = text %}{{ kind }}{% endwith %}",
    "{{ asset('site.css') }}{{ [brand.name, text]|join(', ') }}{{ {'a': brand.name, text: 1}['a'] }}",
]


@pytest.fixture
def templates(make_app: Callable[..., Flask], tmp_path: Path) -> PageEnvironment:
    folder = tmp_path / "templates" / "components"
    folder.mkdir(parents=True)
    (folder / "ours.html").write_text(COMPONENTS, encoding="utf-8")
    return page_environment(make_app(overrides_dir=str(tmp_path), brand_name=BRAND))


@pytest.mark.parametrize("source", SAME)
def test_what_is_constant_shows_the_same(templates: PageEnvironment, app: Flask, source: str) -> None:
    with app.test_request_context("/"):
        values = {"text": "<&>"}
        looked_up = templates.from_string(source).render(templates.of_language(get_locale()) | values)
        assert templates.in_language(get_locale()).from_string(source).render(values) == looked_up


def test_what_is_constant_is_written_out(templates: PageEnvironment) -> None:
    source = '<p lang="{{ current_language }}">{{ ui.named(brand) }}{{ ui.listed(languages[:3], "ar") }}</p>'
    source += '{% if is_sandbox %}{{ text }}{% endif %}<link href="{{ asset("robots.txt") }}">'
    code = templates.in_language(Locale("de")).compile(source, raw=True)
    assert '<p lang="de"><i id="n">Alice &amp; &lt;Bob&gt;</i>' in code
    assert '<b class="first">العربية</b>' in code
    assert '<link href="/static/robots.' in code
    assert "resolve(" not in code.partition("resolve = context.resolve_or_missing")[2].replace("resolve('text')", "")
