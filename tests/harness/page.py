"""A browser without JavaScript for page tests: keeps cookies, fills in forms, and checks every page against the rules.

CSRF protection stays on: the client sends what the form holds, as a browser does.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import NoReturn
from urllib.parse import urljoin, urlsplit

from portal.settings.settings import Settings
from tests.harness.markup import Document, Element, attribute, words
from tests.harness.page_rules import cookies_are_ours_alone, faults, headers_protect, secrets_stay_hidden
from tests.harness.transports import Answer, InProcess, Transport

CSRF_TOKEN = re.compile(r'(name="csrf_token"[^>]* value=")[^"]+')
SANDBOX_BAND = '<aside class="sandbox-band"'
# The faults of pages that differ in their CSRF tokens alone: checking a page takes longer than answering it.
_faults_found: dict[tuple[int, str], list[str]] = {}


class Page:
    """One answer of the portal, read by CSS selectors.

    Args:
        path: where it came from, with its query.
        answer: as it came.
    """

    def __init__(self, path: str, answer: Answer) -> None:
        self.path = path
        self.status = answer.status
        self.source = answer.text
        self._headers = answer.headers

    @property
    def all_headers(self) -> list[tuple[str, str]]:
        """The headers as pairs, in order."""
        return self._headers

    @cached_property
    def _document(self) -> Document:
        return Document(self.source, self.status)

    def __repr__(self) -> str:
        return f"<Page {self.path} {self.status} {self.title!r}>"

    def described(self) -> str:
        """Return what a failing test says of it: where it came from, and its words."""
        return f"{self!r}\n{self.text('body') if self.select('body') else self.source[:2000]}"

    @property
    def is_html(self) -> bool:
        """Whether it is a page, and neither a redirect nor data."""
        return self.location is None and self.header("Content-Type", "").startswith("text/html")

    def header(self, name: str, missing: str | None = None) -> str:
        """Return a header by its name; without a default it must be there."""
        values = self.headers(name)
        if not values and missing is None:
            raise AssertionError(f"{self!r} has no header {name}")
        return values[0] if values else missing or ""

    def headers(self, name: str) -> list[str]:
        """Return every header of a name, in order; none is an empty list."""
        return [value for key, value in self._headers if key.lower() == name.lower()]

    @property
    def location(self) -> str | None:
        """Where a redirect leads: a path on this host, or a whole address elsewhere."""
        return self.header("Location", "") or None

    @property
    def leads_here(self) -> bool:
        """Whether it is a redirect to a path of this host."""
        return (self.location or "").startswith("/")

    def select(self, selector: str) -> list[Element]:
        """Return every element that a selector matches."""
        return self._document.root.select(selector)

    def select_one(self, selector: str) -> Element:
        """Return the one element that a selector matches; none or several fail the test."""
        found = self.select(selector)
        assert len(found) == 1, f"{len(found)} elements match {selector!r} in {self!r}"
        return found[0]

    def text(self, selector: str = "main") -> str:
        """Return the words of the one element that a selector matches, white space in one piece."""
        return words(self.select_one(selector))

    def value(self, selector: str) -> str:
        """Return what stands in a field."""
        return attribute(self.select_one(selector), "value")

    @property
    def title(self) -> str:
        """The words in the title bar."""
        return words(self._document.first("title"))

    @property
    def heading(self) -> str:
        """The words of the h1."""
        return self.text("h1")

    @property
    def summary(self) -> str:
        """The words of the error summary."""
        return self.text("[role=alert]")

    def find(self, *_args: object, **_named: object) -> NoReturn:
        """Refuse: what find returns may be None, and a misspelt tag passes unseen."""
        raise AssertionError("Use select_one, which fails unless exactly one element matches, or text")

    find_all = find

    def faults(self, secrets: tuple[str, ...] = ()) -> list[str]:
        """Return everything that breaks a rule for all pages."""
        if urlsplit(self.path).path.startswith("/static/"):
            return []
        found = list(secrets_stay_hidden(self.source + str(self._headers), secrets))
        if self.is_html or self.location is not None:
            found += headers_protect(self._headers)
        return found + self._faults() if self.is_html else found

    def _faults(self) -> list[str]:
        key = self.status, CSRF_TOKEN.sub(r"\1token", self.source)
        if key not in _faults_found:
            _faults_found[key] = faults(self._document)
        return _faults_found[key]


class PageClient:
    """A viewer's browser.

    Args:
        transport: how it reaches the portal.
        settings: of the portal; no page may show a secret of theirs.
        language: what the browser asks for.
    """

    def __init__(self, transport: Transport, settings: Settings, language: str = "en") -> None:
        self.transport = transport
        self.settings = settings
        self._language = language

    def get(self, path: str, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Page:
        """Open a path and follow nothing; the answer must have the status."""
        return self.send("GET", path, status, headers=headers)

    def send(
        self,
        method: str,
        path: str,
        status: int,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Send what no form of ours would send, such as a POST without its CSRF token."""
        given = {"Accept-Language": self._language, **(headers or {})}
        page = Page(path, self.transport.send(method, path, data or {}, given))
        assert page.status == status, f"Status {page.status} came, {status} was stated: {method} {page.described()}"
        found = page.faults(self.settings.secret_values)
        if page.is_html and isinstance(self.transport, InProcess):
            is_right = (SANDBOX_BAND in page.source) == (self.settings.mode == "sandbox")
            found += [] if is_right else ["the band of sandbox mode is missing, or is there in live mode"]
        found += cookies_are_ours_alone(page.all_headers) if self.settings.is_https else ()
        assert not found, "\n".join([f"{method} {page!r} breaks the rules for pages:", *found])
        return page

    def submit(self, page: Page, form: str, status: int, *, button: str | None = None, **fields: str | None) -> Page:
        """Fill in a form and press a button of it.

        Args:
            page: that shows the form.
            form: its action, or a CSS selector of it or its button; or where buttons elsewhere on the page send it.
            status: that must come back.
            button: the words of the button; needed where there are several.
            fields: what is typed, by the name of the field; None clears a tick.
        """
        found, pressed = _pressed(page, form, button)
        data = _filled_in(found, fields) | _sent_by(pressed)
        path = urljoin(page.path, attribute(pressed, "formaction") or attribute(found, "action"))
        return self.send(attribute(found, "method").upper(), path, status, data=data)

    def follow(self, page: Page, status: int = 200) -> Page:
        """Go where a redirect of this host leads."""
        assert page.leads_here, f"{page!r} leads to {page.location}, which is no path of ours"
        return self.get((page.location or "").partition("#")[0], status)


def _filled_in(form: Element, typed: Mapping[str, str | None]) -> dict[str, str]:
    """Return the fields as a browser sends them, with what was typed in place of what stood there."""
    fields = [(attribute(tag, "name"), _standing(tag)) for tag in form.select("[name]:not(button)")]
    unknown = typed.keys() - {name for name, _ in fields}
    assert not unknown, f"The form to {attribute(form, 'action')!r} has no field {', '.join(sorted(unknown))}"
    standing = {name: value for name, value in fields if value is not None and name not in typed}
    return standing | {name: value for name, value in typed.items() if value is not None}


def _standing(field: Element) -> str | None:
    """Return what a field holds before anyone types; None for a tick that is not set and for a button."""
    kind = attribute(field, "type")
    if kind in ("submit", "button", "image", "reset"):
        return None
    if kind in ("checkbox", "radio"):
        return attribute(field, "value") or "on" if field.has_attr("checked") else None
    if field.name == "textarea":
        return field.get_text()
    if field.name == "select":
        chosen = field.select("option[selected]") or field.select("option")
        return attribute(chosen[0], "value") if chosen else None
    return attribute(field, "value")


def _pressed(page: Page, form: str, button: str | None) -> tuple[Element, Element]:
    """Return the form and the button of it that is pressed."""
    found = page.select(f'form[action="{form}"]' if form.startswith("/") else form)
    elsewhere = page.select(f'button[formaction="{form}"], button[formaction^="{form}?"]') if not found else []
    if elsewhere:
        found = [_choose(elsewhere, button)]
    assert len(found) == 1, f"{len(found)} elements match {form!r} in {page!r}"
    if found[0].name == "form":
        return found[0], _choose(found[0].select("button, input[type=submit]"), button)
    around = found[0].nearest("form")
    return around or page.select_one(f"form#{attribute(found[0], 'form')}"), found[0]


def _choose(candidates: list[Element], words_on_it: str | None) -> Element:
    buttons = [tag for tag in candidates if attribute(tag, "type") != "button"]
    labels = [words(tag) or attribute(tag, "value") for tag in buttons]
    assert words_on_it is not None or len(buttons) == 1, f"Say which button to press: {labels}"
    assert words_on_it is None or words_on_it in labels, f"There is no button {words_on_it!r} among {labels}"
    return buttons[labels.index(words_on_it)] if words_on_it is not None else buttons[0]


def _sent_by(button: Element) -> dict[str, str]:
    name = attribute(button, "name")
    return {name: attribute(button, "value")} if name else {}
