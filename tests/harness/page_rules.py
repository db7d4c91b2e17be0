"""What every page of the portal keeps to. The page client holds every answer of every test to these rules."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from urllib.parse import parse_qsl, urlsplit

from tests.harness.markup import Document, Element, attribute, is_fragment, words

DOCTYPE = re.compile(r"\s*<!doctype html>", re.IGNORECASE)
RIGHT_TO_LEFT = ("ar", "fa", "he", "ur")
REFERENCES = ("for", "aria-describedby", "aria-labelledby", "aria-controls", "aria-details", "aria-errormessage")
ADDRESSES = ("href", "action", "src", "formaction")
POLICY = {
    "default-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}

Rule = Callable[[Document], Iterator[str]]


def it_is_html_in_a_language(page: Document) -> Iterator[str]:
    """A doctype, a language, and the direction that belongs to it."""
    if not DOCTYPE.match(page.source):
        yield "no <!doctype html>"
    html = page.first("html")
    language = attribute(html, "lang")
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]+)?", language):
        yield "no language on <html>"
    right = "rtl" if language.partition("-")[0] in RIGHT_TO_LEFT else "ltr"
    if attribute(html, "dir") != right:
        yield f"<html dir> is not {right}"


def it_has_one_heading(page: Document) -> Iterator[str]:
    """Exactly one h1, with words in it."""
    headings = page.named("h1")
    if len(headings) != 1 or not words(headings[0]):
        yield f"{len(headings)} h1, where one with words is wanted"


def its_title_starts_with_the_heading(page: Document) -> Iterator[str]:
    """The title starts with the h1, after "Error: " if and only if the form failed."""
    title, heading = words(page.first("title")), words(page.first("h1"))
    prefix = title.partition(heading)[0] if heading else ""
    if not heading or heading not in title:
        yield f"the title {title!r} does not hold the h1 {heading!r}"
    elif prefix and (page.status < 400 or not _is_error_prefix(prefix, attribute(page.first("html"), "lang"))):
        yield f"the title {title!r} starts with something else than the h1"
    elif page.status == 422 and not prefix:
        yield "the form failed, and the title does not start with 'Error: '"


def _is_error_prefix(prefix: str, language: str) -> bool:
    if language == "en":
        return prefix == "Error: "
    return bool(re.fullmatch(r"\S+\s?[:\uff1a]\s?", prefix))


def a_failed_form_says_so(page: Document) -> Iterator[str]:
    """With 422 comes a summary that has focus, announces itself and links to the field, where the main part has one."""
    if page.status != 422:
        return
    summary = next((tag for tag in page.having("role") if attribute(tag, "role") == "alert"), None)
    if summary is None:
        yield "no error summary with role=alert"
        return
    if attribute(summary, "tabindex") != "-1" or not summary.has_attr("autofocus"):
        yield "the error summary does not take the focus"
    fields = {attribute(field, "id") for field in page.visible_fields() if field.nearest("main")}
    targets = {attribute(link, "href")[1:] for link in summary.select("a") if is_fragment(link)}
    if fields and not fields & targets:
        yield "the error summary links to no field"


def fields_have_labels(page: Document) -> Iterator[str]:
    """Every field that can be seen has a label with words; a placeholder is none."""
    labels = {attribute(label, "for") for label in page.named("label") if label.has_attr("for") and words(label)}
    for field in page.visible_fields():
        around = field.nearest("label")
        if attribute(field, "id") not in labels and not (around and words(around)):
            yield f"the field {attribute(field, 'name')!r} has no label"
        if field.has_attr("placeholder"):
            yield f"the field {attribute(field, 'name')!r} has a placeholder"


def ids_are_unique(page: Document) -> Iterator[str]:
    """No id stands twice."""
    ids = page.ids()
    yield from (f"the id {name!r} stands twice" for name in sorted(set(ids)) if ids.count(name) > 1)


def references_resolve(page: Document) -> Iterator[str]:
    """What points to an id points to one that is there."""
    ids = set(page.ids())
    for name in REFERENCES:
        for tag in page.having(name):
            missing = set(attribute(tag, name).split()) - ids
            yield from (f"{name} points to {target!r}, which is not there" for target in sorted(missing))
    for link in page.named("a"):
        if is_fragment(link) and attribute(link, "href")[1:] not in ids:
            yield f"a link points to {attribute(link, 'href')!r}, which is not there"


def nothing_is_inline(page: Document) -> Iterator[str]:
    """No script, style or handler stands in the page: the content security policy would stop it."""
    if page.named("style") or page.having("style"):
        yield "inline style"
    for script in page.named("script"):
        if not script.has_attr("src") or words(script):
            yield "inline script"
    for name in page.attribute_names():
        if name.startswith("on"):
            yield f"inline handler {name}"
    for name in ADDRESSES:
        if any(attribute(tag, name).lower().startswith("javascript:") for tag in page.having(name)):
            yield f"a script in an address in {name}"


def forms_are_safe(page: Document) -> Iterator[str]:
    """Each form names its method and a path of ours; one that changes anything carries a CSRF token."""
    for form in page.named("form"):
        action, method = attribute(form, "action"), attribute(form, "method").lower()
        if not action.startswith("/") or action.startswith("//"):
            yield f"a form goes to {action!r}, which is no path of ours"
        if method not in ("get", "post"):
            yield f"the form to {action!r} names no method"
        token = next(iter(form.select("input[type=hidden][name=csrf_token]")), None)
        if method == "post" and not attribute(token, "value"):
            yield f"the form to {action!r} has no CSRF token"
        if method == "get" and token is not None:
            yield f"the form to {action!r} would put its CSRF token into the address"
        if not form.select("button, input[type=submit]"):
            yield f"the form to {action!r} has no button"


def buttons_send_a_form(page: Document) -> Iterator[str]:
    """A button that sends its form elsewhere names a path of ours, and a form of this page."""
    forms = {attribute(form, "id") for form in page.named("form") if attribute(form, "method").lower() == "post"}
    for button in page.having("formaction"):
        action = attribute(button, "formaction")
        if not action.startswith("/") or action.startswith("//"):
            yield f"a button sends its form to {action!r}, which is no path of ours"
        if button.nearest("form") is None and attribute(button, "form") not in forms:
            yield f"the button to {action!r} sends no POST form of this page"


def enter_sends_the_form(page: Document) -> Iterator[str]:
    """The first button of a form is what Enter in a field presses: it sends nothing that was typed elsewhere."""
    first: dict[str, Element] = {}
    for button in page.named("button") if page.having("formaction") else ():
        around = button.nearest("form")
        first.setdefault(attribute(button, "form") or attribute(around, "id") or attribute(around, "action"), button)
    for form, button in first.items():
        if button.has_attr("formaction"):
            yield f"Enter in a field of the form {form!r} presses {words(button)!r}"


def buttons_and_links_can_be_used(page: Document) -> Iterator[str]:
    """Buttons and links have words and are never switched off; images have a text in their place."""
    for tag in page.named("button", "a"):
        pictures = " ".join(attribute(image, "alt") for image in tag.select("img"))
        if not (words(tag) or pictures.strip() or attribute(tag, "aria-label")):
            yield f"a <{tag.name}> without words"
        if tag.has_attr("disabled"):
            yield f"the button {words(tag)!r} is disabled"
    for image in page.named("img"):
        if not image.has_attr("alt"):
            yield f"the image {attribute(image, 'src')!r} has no alt"


def nothing_comes_from_elsewhere(page: Document) -> Iterator[str]:
    """Styles, scripts, images and frames come from this host."""
    for tag in [*page.having("src"), *page.named("link")]:
        address = attribute(tag, "src") or attribute(tag, "href")
        if not address.startswith("/") or address.startswith("//"):
            yield f"<{tag.name}> loads {address!r}"


def no_address_holds_a_pin(page: Document) -> Iterator[str]:
    """No link, form or image has a query with a PIN: a query reaches servers and logs."""
    for name in ADDRESSES:
        for tag in page.having(name):
            if holds_a_pin(attribute(tag, name)):
                yield f"an address with a PIN in its query in {name} of <{tag.name}>"


def holds_a_pin(address: str) -> bool:
    """Tell whether the query of an address has a field named pin, in any case and at whatever depth of quoting."""
    query = urlsplit(address).query
    return any(
        name.lower() == "pin" or (value != address and holds_a_pin(value)) for name, value in parse_qsl(query, True)
    )


def what_is_no_copy_is_not_translated(page: Document) -> Iterator[str]:
    """Browsers leave PINs, names and codes as they are: a translated PIN links no TV."""
    for tag in page.elements:
        is_verbatim = tag.name in ("bdi", "code", "kbd", "samp") or attribute(tag, "name") == "pin"
        classes = {"site-brand", "pin-display", "spelling", "secret"} & set(attribute(tag, "class").split())
        if (is_verbatim or classes) and not stays_as_it_is(tag):
            yield f"a browser may translate <{tag.name}> {words(tag) or attribute(tag, 'name')!r}"


def stays_as_it_is(tag: Element) -> bool:
    """Tell whether browsers translate no text that stands in an element."""
    marked = next((each for each in (tag, *tag.parents()) if each.has_attr("translate")), None)
    return attribute(marked, "translate") == "no"


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


def cookies_are_ours_alone(headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the cookies of an https portal that another host of the domain, or plain http, could set."""
    for line in (value for name, value in headers if name.lower() == "set-cookie"):
        parts = set(line.lower().split("; "))
        is_bound = {"secure", "path=/"} <= parts and not any(part.startswith("domain=") for part in parts)
        if not line.startswith("__Host-") or not is_bound:
            yield f"the cookie {line.partition('=')[0]} has no prefix __Host-, or not what that asks for"


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
    buttons_send_a_form,
    enter_sends_the_form,
    buttons_and_links_can_be_used,
    nothing_comes_from_elsewhere,
    no_address_holds_a_pin,
    what_is_no_copy_is_not_translated,
)


def faults(page: Document) -> list[str]:
    """Return everything that is wrong with a page."""
    return [fault for rule in RULES for fault in rule(page)]
