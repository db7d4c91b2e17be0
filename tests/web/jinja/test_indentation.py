"""Pages and stylesheets reach browsers without the indentation of their sources."""

import re

from flask import Flask

from portal.pages.web.jinja.indentation import without_comments
from tests.harness.page import PageClient


def test_a_page_has_no_indentation_and_the_spaces_between_words_stay(client: PageClient) -> None:
    page = client.get("/sign-in")

    assert not re.search(r"\n[ \t]{4}", page.source)
    assert "Step 1 of 2 Sign in to link your TV Use the account that you watch with." in page.text()


def test_an_error_in_a_template_names_its_line(app: Flask) -> None:
    template = app.jinja_env.from_string("<ul>\n  <li>\n    {{ 1 / 0 }}\n  </li>\n</ul>")

    assert template.get_corresponding_lineno(template.debug_info[-1][1]) == 3


def test_a_stylesheet_has_no_comments() -> None:
    style = "/* One. */\na {\n  color: red; /* Two,\n  on lines. */\n}\n\n/* Three. */\nb {\n  top: 0;\n}\n"

    assert without_comments(style) == "a {\n color: red; }\n\nb {\n top: 0;\n}\n"
