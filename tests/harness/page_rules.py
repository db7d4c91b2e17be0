"""What every page of the portal keeps to. The page client holds every answer of every test to these rules."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from urllib.parse import parse_qsl, urlsplit

from bs4 import BeautifulSoup, Doctype, Tag

RIGHT_TO_LEFT = ("ar", "fa", "he", "ur")
VISIBLE_FIELDS = "input:not([type=hidden], [type=submit], [type=button], [type=reset], [type=image]), select, textarea"
REFERENCES = ("for", "aria-describedby", "aria-labelledby", "aria-controls", "aria-details", "aria-errormessage")
POLICY = {
    "default-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}

Rule = Callable[[BeautifulSoup, int], Iterator[str]]


def words(tag: Tag | None) -> str:
    """Return the text of an element as it is read: white space in one piece, and none around it."""
    return " ".join(tag.get_text().split()) if tag else ""


def attribute(tag: Tag | None, name: str) -> str:
    """Return the value of an attribute as text; empty where it is missing."""
    value = tag.get(name, "") if tag else ""
    return value if isinstance(value, str) else " ".join(value or ())


def it_is_html_in_a_language(soup: BeautifulSoup, status: int) -> Iterator[str]:
    """A doctype, a language, and the direction that belongs to it."""
    if not any(isinstance(part, Doctype) and part.lower() == "html" for part in soup.contents):
        yield "no <!doctype html>"
    html = soup.select_one("html")
    language = attribute(html, "lang")
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]+)?", language):
        yield "no language on <html>"
    right = "rtl" if language.partition("-")[0] in RIGHT_TO_LEFT else "ltr"
    if attribute(html, "dir") != right:
        yield f"<html dir> is not {right}"


def it_has_one_heading(soup: BeautifulSoup, status: int) -> Iterator[str]:
    """Exactly one h1, with words in it."""
    headings = soup.select("h1")
    if len(headings) != 1 or not words(headings[0]):
        yield f"{len(headings)} h1, where one with words is wanted"


def its_title_starts_with_the_heading(soup: BeautifulSoup, status: int) -> Iterator[str]:
    """The title starts with the h1, after "Error: " if and only if the form failed."""
    title, heading = words(soup.select_one("title")), words(soup.select_one("h1"))
    prefix = title.partition(heading)[0] if heading else ""
    if not heading or heading not in title:
        yield f"the title {title!r} does not hold the h1 {heading!r}"
    elif prefix and (status < 400 or not _is_error_prefix(prefix, soup)):
        yield f"the title {title!r} starts with something else than the h1"
    elif status == 422 and not prefix:
        yield "the form failed, and the title does not start with 'Error: '"


def _is_error_prefix(prefix: str, soup: BeautifulSoup) -> bool:
    if attribute(soup.select_one("html"), "lang") == "en":
        return prefix == "Error: "
    return bool(re.fullmatch(r"\S+\s?[:\uff1a]\s?", prefix))


def a_failed_form_says_so(soup: BeautifulSoup, status: int) -> Iterator[str]:
    """With 422 comes a summary that has focus, announces itself and links to the field, where there is one."""
    if status != 422:
        return
    summary = soup.select_one("[role=alert]")
    if summary is None:
        yield "no error summary with role=alert"
        return
    if attribute(summary, "tabindex") != "-1" or not summary.has_attr("autofocus"):
        yield "the error summary does not take the focus"
    fields = {attribute(field, "id") for field in soup.select(VISIBLE_FIELDS)}
    targets = {attribute(link, "href")[1:] for link in summary.select('a[href^="#"]')}
    if fields and not fields & targets:
        yield "the error summary links to no field"


def fields_have_labels(soup: BeautifulSoup, status: int) -> Iterator[str]:
    """Every field that can be seen has a label with words; a placeholder is none."""
    labels = {attribute(label, "for") for label in soup.select("label[for]") if words(label)}
    for field in soup.select(VISIBLE_FIELDS):
        around = field.find_parent("label")
        if attribute(field, "id") not in labels and not (around and words(around)):
            yield f"the field {attribute(field, 'name')!r} has no label"
        if field.has_attr("placeholder"):
            yield f"the field {attribute(field, 'name')!r} has a placeholder"


def ids_are_unique(soup: BeautifulSoup, status: int) -> Iterator[str]:
    """No id stands twice."""
    ids = [attribute(tag, "id") for tag in soup.select("[id]")]
    yield from (f"the id {name!r} stands twice" for name in sorted(set(ids)) if ids.count(name) > 1)


def references_resolve(soup: BeautifulSoup, status: int) -> Iterator[str]:
    """What points to an id points to one that is there."""
    ids = {attribute(tag, "id") for tag in soup.select("[id]")}
    for name in REFERENCES:
        for tag in soup.select(f"[{name}]"):
            missing = set(attribute(tag, name).split()) - ids
            yield from (f"{name} points to {target!r}, which is not there" for target in sorted(missing))
    for link in soup.select('a[href^="#"]'):
        if attribute(link, "href")[1:] not in ids:
            yield f"a link points to {attribute(link, 'href')!r}, which is not there"


def nothing_is_inline(soup: BeautifulSoup, status: int) -> Iterator[str]:
    """No script, style or handler stands in the page: the content security policy would stop it."""
    if soup.select("style, [style]"):
        yield "inline style"
    for script in soup.select("script"):
        if not script.has_attr("src") or words(script):
            yield "inline script"
    for tag in soup.find_all(True):
        handlers = [name for name in tag.attrs if name.startswith("on")]
        yield from (f"inline handler {name}" for name in handlers)
        if any(attribute(tag, name).lower().startswith("javascript:") for name in ("href", "action", "formaction")):
            yield "a script in an address"


def forms_are_safe(soup: BeautifulSoup, status: int) -> Iterator[str]:
    """Each form names its method and a path of ours; one that changes anything carries a CSRF token."""
    for form in soup.select("form"):
        action, method = attribute(form, "action"), attribute(form, "method").lower()
        if not action.startswith("/") or action.startswith("//"):
            yield f"a form goes to {action!r}, which is no path of ours"
        if method not in ("get", "post"):
            yield f"the form to {action!r} names no method"
        token = form.select_one("input[type=hidden][name=csrf_token]")
        if method == "post" and not attribute(token, "value"):
            yield f"the form to {action!r} has no CSRF token"
        if method == "get" and token is not None:
            yield f"the form to {action!r} would put its CSRF token into the address"
        if not form.select("button, input[type=submit]"):
            yield f"the form to {action!r} has no button"


def buttons_and_links_can_be_used(soup: BeautifulSoup, status: int) -> Iterator[str]:
    """Buttons and links have words and are never switched off; images have a text in their place."""
    for tag in soup.select("button, a"):
        pictures = " ".join(attribute(image, "alt") for image in tag.select("img"))
        if not (words(tag) or pictures.strip() or attribute(tag, "aria-label")):
            yield f"a <{tag.name}> without words"
        if tag.has_attr("disabled"):
            yield f"the button {words(tag)!r} is disabled"
    for image in soup.select("img:not([alt])"):
        yield f"the image {attribute(image, 'src')!r} has no alt"


def nothing_comes_from_elsewhere(soup: BeautifulSoup, status: int) -> Iterator[str]:
    """Styles, scripts, images and frames come from this host."""
    for tag in soup.select("[src], link[href]"):
        address = attribute(tag, "src") or attribute(tag, "href")
        if not address.startswith("/") or address.startswith("//"):
            yield f"<{tag.name}> loads {address!r}"


def no_address_holds_a_pin(soup: BeautifulSoup, status: int) -> Iterator[str]:
    """No link, form or image has a query with a PIN: a query reaches servers and logs."""
    for tag in soup.select("[href], [action], [src], [formaction]"):
        for name in ("href", "action", "src", "formaction"):
            if holds_a_pin(attribute(tag, name)):
                yield f"an address with a PIN in its query in {name} of <{tag.name}>"


def holds_a_pin(address: str) -> bool:
    """Tell whether the query of an address has a field named pin, at whatever depth of quoting."""
    query = urlsplit(address).query
    return any(name == "pin" or (value != address and holds_a_pin(value)) for name, value in parse_qsl(query, True))


def headers_protect(headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield what is wrong with the headers of a page or a redirect."""
    found = {name.lower(): value for name, value in headers}
    parts = (part.strip().partition(" ") for part in found.get("content-security-policy", "").split(";"))
    policy = {name: value for name, _, value in parts}
    for name, value in POLICY.items():
        if policy.get(name) != value:
            yield f"the content security policy lacks {name} {value}"
    if "unsafe" in str(policy) or "*" in str(policy):
        yield "the content security policy lets anything in"
    if found.get("x-content-type-options") != "nosniff":
        yield "X-Content-Type-Options is not nosniff"
    if "no-store" not in found.get("cache-control", ""):
        yield "Cache-Control is not no-store"
    if not found.get("referrer-policy"):
        yield "no Referrer-Policy"
    if holds_a_pin(found.get("location", "")):
        yield "a redirect with a PIN in its query"


def secrets_stay_hidden(text: str, secrets: Collection[str]) -> Iterator[str]:
    """Yield a fault for each secret that stands in the text; which one is not said."""
    yield from ("a secret of the settings is shown" for secret in secrets if secret in text)


RULES: tuple[Rule, ...] = (
    it_is_html_in_a_language,
    it_has_one_heading,
    its_title_starts_with_the_heading,
    a_failed_form_says_so,
    fields_have_labels,
    ids_are_unique,
    references_resolve,
    nothing_is_inline,
    forms_are_safe,
    buttons_and_links_can_be_used,
    nothing_comes_from_elsewhere,
    no_address_holds_a_pin,
)


def faults(soup: BeautifulSoup, status: int) -> list[str]:
    """Return everything that is wrong with a page."""
    return [fault for rule in RULES for fault in rule(soup, status)]
