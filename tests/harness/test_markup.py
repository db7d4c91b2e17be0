"""Elements are read as a browser has them."""

import pytest
from bs4 import BeautifulSoup

from tests.harness.markup import parsed, words
from tests.harness.valid_page import FAILED

PAGE = parsed(
    '<main><form id="outer"><form id="inner"><input disabled name="a"></form></form>'
    "<p> One <b>two</b>\n <i> three </i></p><textarea>\nas\nis</textarea></main>"
)


def test_a_form_in_a_form_is_none() -> None:
    assert [form["id"] for form in PAGE.select("form")] == ["outer"]
    assert PAGE.select_one("input").nearest("form")["id"] == "outer"


def test_an_attribute_is_there_or_not_whatever_its_value() -> None:
    field = PAGE.select_one("input")
    assert (field["disabled"], field.get("id")) == ("", None)
    assert field.has_attr("disabled")
    assert not field.has_attr("id")


def test_an_element_is_not_among_what_is_in_it() -> None:
    assert [tag.name for tag in PAGE.select_one("p").select("*")] == ["b", "i"]
    assert [tag.name for tag in PAGE.select_one("b").parents()] == ["p", "main", "body", "html"]


def test_an_element_that_looks_the_same_is_another() -> None:
    assert len(parsed("<b><b></b></b>").select("b b")) == 1
    assert len(parsed("<p><b></b><b></b></p>").select_one("p").select("b")) == 2


def test_text_is_whole_or_in_pieces() -> None:
    words = PAGE.select_one("p")
    assert (words.text, words.get_text("|", strip=True)) == (" One two\n  three ", "One|two|three")
    assert PAGE.select_one("textarea").text == "as\nis"


def test_a_missing_element_shows_what_there_is() -> None:
    with pytest.raises(AssertionError, match=r"0 elements match 'u' in <p> One <b>two</b>"):
        PAGE.select_one("p").select_one("u")


def test_another_parser_reads_the_same() -> None:
    other = BeautifulSoup(FAILED, "html.parser", multi_valued_attributes=None)
    page = parsed(FAILED)
    assert [(tag.name, tag.attrs) for tag in page.select("*")] == [(tag.name, tag.attrs) for tag in other.select("*")]
    for selector in ("main", "label", "[id]", "body *"):
        theirs = [" ".join(tag.get_text().split()) for tag in other.select(selector)]
        assert [words(tag) for tag in page.select(selector)] == theirs, selector
