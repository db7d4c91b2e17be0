"""A page is shown as it came, whether it is loaded or takes the place of the one before."""

from flask import Flask
from playwright.sync_api import Browser

from tests.harness.page import Page
from tests.harness.servers import Port, serving
from tests.harness.shown_pages import ShownPages
from tests.harness.transports import Answer

SOURCE = """<!DOCTYPE html><html lang="{0}"><head><title>{0}</title>{1}</head>
<body class="{0}"><details><p>{0}</p></details></body></html>"""
SCRIPT = "<script>document.documentElement.dataset.run = 'yes'</script>"


def page(word: str, status: int = 200, head: str = "<meta name=a>") -> Page:
    return Page("/", Answer(status, [("Content-Type", "text/html")], SOURCE.format(word, head)))


def test_pages_with_the_same_files_replace_each_other_and_others_are_loaded(browser: Browser, port: Port) -> None:
    app = Flask(__name__)
    with browser.new_page() as tab, serving(app, port) as origin:
        shown = ShownPages(app, origin, tab)
        loaded: list[str] = []
        tab.on("load", lambda _: loaded.append(tab.title()))
        for word, status, head in (
            ("en", 200, "<meta name=a>"),
            ("de", 503, "<meta name=a>"),
            ("fr", 422, SCRIPT),
        ):
            shown.show(page(word, status, head))
            html = tab.locator("html")
            assert (tab.title(), html.get_attribute("lang")) == (word, word)
            assert tab.locator("body").get_attribute("class") == word
            assert tab.locator("p:visible").all_inner_texts() == [word]
        assert html.get_attribute("data-run") == "yes"
        assert loaded == ["en", "fr"]
