"""Pages are compiled with what they extend, and show the same as if they extended it each time."""

import pytest
from flask import Flask
from flask_babel import get_locale
from jinja2 import DictLoader, Template, TemplateRuntimeError, UndefinedError

from portal.pages.web.jinja.environment import page_environment

TEMPLATES = {
    "base.html": """{% set by_base = (by_page|default("none")) ~ "!" %}<b>{{ by_base }}</b>
        {% block outer %}[{% block inner %}in{% endblock %}]{% endblock %}
        {% if name %}{% block named %}{{ name }}{% endblock %}{% endif %}{{ set|default("unset") }}""",
    "middle.html": """{% extends "base.html" %}{% set by_page = "middle" %}
        {% block outer %}({{ super() }}){% endblock %}""",
    "needy.html": "{% block title required %}{% endblock %}",
    "looping.html": "{% for each in [1, 2] %}{% block one scoped %}{{ each }}{% endblock %}{% endfor %}",
    "blind.html": '{% for each in [1, 2] %}{% block one %}{{ each|default("?") }}{% endblock %}{% endfor %}',
}
MERGED = [
    '{% extends "base.html" %}',
    '{% extends "base.html" %}lost{% set by_page = name %}{% block inner %}{{ by_page }}{{ by_base }}{% endblock %}',
    '{% extends "base.html" %}{% block inner %}{% set set = 1 %}{% set name = "x" %}{{ set }}{% endblock %}{{ name }}',
    '{% extends "base.html" %}{% block outer %}none{% endblock %}{% block inner %}never{% endblock %}',
    '{% extends "middle.html" %}{% block inner %}{{ super() }}{{ by_page }}{% endblock %}',
    '{% extends "middle.html" %}{% set by_page %}<i>{{ name }}</i>{% endset %}'
    "{% block named %}-{{ super() }}-{% endblock %}",
    '{% extends "needy.html" %}{% block title %}{{ name }}{% endblock %}',
]
LEFT = [
    '{% extends "base.html" %}'
    "{% block outer %}{{ super() }}<{% block inner %}own{% endblock %}>{{ super() }}{% endblock %}",
    '{% extends "middle.html" if name else "base.html" %}{% block inner %}{{ name }}{% endblock %}',
    '{% if name %}{% extends "base.html" %}{% endif %}{% block inner %}{{ name }}{% endblock %}',
    '{% set by_page = 1 %}{% extends "base.html" %}{% block inner %}{{ by_page }}{% endblock %}',
    '{% extends "base.html" %}{% if name %}{% set set = 1 %}{% endif %}{% block inner %}{{ set }}{% endblock %}',
    '{% extends "base.html" %}{% block inner %}{{ self.named() }}{% endblock %}',
    '{% extends "base.html" %}{% block outer %}{{ super()|upper }}{% endblock %}',
    '{% extends "base.html" %}{% block inner %}{% include "looping.html" %}{% endblock %}',
    '{% extends "base.html" %}{% macro m() %}m{% endmacro %}{% block inner %}{{ m() }}{% endblock %}',
    '{% extends "looping.html" %}{% block one %}<{{ each }}>{% endblock %}',
    '{% extends "blind.html" %}{% block one %}<{{ super() }}>{% endblock %}',
]


def rendered_by_both(app: Flask, page: str) -> tuple[str, str, Template]:
    """Return what Jinja shows, what is shown if a page is compiled with what it extends, and that page."""
    with app.test_request_context("/"):
        templates = page_environment(app)
        templates.bytecode_cache = None
        templates.loader = DictLoader(TEMPLATES | {"page.html": page})
        extending = templates.get_template("page.html").render(name="<name>")
        merged = templates.in_language(get_locale()).get_template("page.html")
        return extending, merged.render(name="<name>"), merged


@pytest.mark.parametrize("page", MERGED)
def test_a_page_is_one_template_with_what_it_extends(app: Flask, page: str) -> None:
    extending, merged, template = rendered_by_both(app, page)
    assert merged == extending
    assert template.blocks == {}


@pytest.mark.parametrize("page", LEFT)
def test_a_page_that_might_show_something_else_extends_its_base_each_time(app: Flask, page: str) -> None:
    extending, left, template = rendered_by_both(app, page)
    assert left == extending
    assert template.blocks


def test_a_block_that_a_page_has_to_fill_is_asked_for(app: Flask) -> None:
    with pytest.raises(TemplateRuntimeError, match="Required block 'title' not found"):
        rendered_by_both(app, '{% extends "needy.html" %}')


def test_an_error_in_a_base_names_the_line_at_which_a_page_extends_it(app: Flask) -> None:
    with app.test_request_context("/"):
        templates = page_environment(app)
        templates.bytecode_cache = None
        templates.loader = DictLoader(
            {"base.html": "\n\n<p>{{ nothing }}</p>", "page.html": '{% extends "base.html" %}\n'}
        )
        template = templates.in_language(get_locale()).get_template("page.html")
        with pytest.raises(UndefinedError) as caught:
            template.render()
    # Counted from zero.
    assert [entry.lineno for entry in caught.traceback if entry.frame.code.path == "<template>"] == [0]
