"""What no catalogue can say: English words with two spellings, and what stands in templates beside their texts."""

import re
from pathlib import Path

from jinja2 import Environment

from tests.docs.pages import PAGES, ROOT
from tests.harness.cases import each
from tests.harness.catalogues import texts

SHOWN = (
    *PAGES,
    *(ROOT / "templates").rglob("*.*"),
    *(ROOT / "portal").rglob("*.py"),
    *(ROOT / "portal").rglob("*.html"),
)


def test_english_writes_email_without_a_hyphen() -> None:
    """Browsers break a line at the hyphen: "e-" stood at the end of one, "mail" at the start of the next."""
    assert [path for path in SHOWN if "email" in path.read_text(encoding="utf-8")]
    assert not [path.name for path in SHOWN if "e-mail" in path.read_text(encoding="utf-8").lower()]
    assert not [text for text in texts() if "e-mail" in f"{text.singular} {text.plural}".lower()]


TRANSLATED = re.compile(r"\{%-? *trans\b.*?endtrans *-?%\}", re.DOTALL)
TAG = re.compile(r"<!?[^>]*>")
# The number of a step, the name of a time zone, a dash, a dot, and what blocks put into tags.
IN_EVERY_LANGUAGE = re.compile(r"\d\.|UTC|[–·]|class=\"[\w-]+\"|/[\w/]*")
# They speak English alone, as the sandbox does.
ENGLISH_ALONE = ("styleguide",)
BETWEEN_TEXTS = re.compile(r"[\s,;:.·–—]*[,;:·–—][\s,;:.·–—]*")


def untranslated(template: str) -> list[str]:
    """Return the words and punctuation that a template shows in every language, because they are in no text of it."""
    tokens = [
        (kind, value) for _, kind, value in Environment(autoescape=True).lex(TRANSLATED.sub("{{ text }}", template))
    ]
    shown = "".join(value if kind == "data" else " " for kind, value in tokens)
    between = [value[1:-1] for kind, value in tokens if kind == "string" and BETWEEN_TEXTS.fullmatch(value[1:-1])]
    return [word for word in TAG.sub(" ", shown).split() if not IN_EVERY_LANGUAGE.fullmatch(word)] + between


def templates() -> list[Path]:
    """Return the templates that are in every language."""
    paths = (ROOT / "templates").rglob("*.*")
    return [path for path in paths if not {*path.relative_to(ROOT).parts} & {*ENGLISH_ALONE}]


def test_templates_show_nothing_but_texts_that_are_translated() -> None:
    """A comma, a colon or a quote is another one in another language, and a list has another word for "and"."""
    assert len(templates()) > 50
    assert not {path.name: words for path in templates() if (words := untranslated(path.read_text(encoding="utf-8")))}


def test_pages_and_mails_join_no_names_and_write_no_dates_themselves() -> None:
    """Babel's format_list and format_date know how each language does it."""
    own = re.compile(r"""["'], ?["']\.join|strftime""")
    assert own.search('", ".join(names)')
    rooms = (*(ROOT / "portal/pages").rglob("*.py"), *(ROOT / "portal/mail").rglob("*.py"))
    assert not [path.name for path in rooms if own.search(path.read_text(encoding="utf-8"))]


@each(
    "template",
    [
        "<p>Hello</p>",
        "{{ name }}: {{ value }}",
        "{% if a %}{{ a }}, {% endif %}{{ b }}",
        "<b>“{{ name }}”</b>",
        """{{ names|join(", ") }}""",
        "{% trans %}One{% endtrans %}; {% trans %}two{% endtrans %}",
    ],
)
def test_what_a_template_shows_beside_its_texts_is_found(template: str) -> None:
    assert untranslated(template)
    assert not untranslated(f"<p class='lead'>{{# {template} #}}{{{{ _('Hello, all') }}}} – UTC</p>")
