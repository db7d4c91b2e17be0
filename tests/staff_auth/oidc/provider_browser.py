"""What a browser does at the identity provider's pages, between leaving the portal and coming back."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests
from bs4 import BeautifulSoup

from tests.harness.page import PageClient

SECONDS = 5
SET_OUT = "/support/sign-in/provider"
CALLBACK = "/support/sign-in/callback"


def set_out(browser: PageClient, *, again: bool = False, next_path: str | None = None) -> str:
    """Press the button on the staff's sign-in page; return where the browser is sent."""
    query = {"again": "1"} if again else {}
    query |= {"next": next_path} if next_path is not None else {}
    path = f"{SET_OUT}?{urlencode(query)}" if query else SET_OUT
    return browser.get(path, 302).location or ""


def changed(address: str, **values: str | None) -> str:
    """Return an address with other values in its query; None takes a parameter out."""
    parts = urlsplit(address)
    query = {**dict(parse_qsl(parts.query)), **values}
    given = {name: value for name, value in query.items() if value is not None}
    return parts._replace(query=urlencode(given)).geturl()


def query_of(address: str) -> dict[str, str]:
    """Return the query of an address."""
    return dict(parse_qsl(urlsplit(address).query))


class Visitor:
    """A browser at the provider, with the cookies that it keeps there.

    Args:
        http: theirs.
    """

    def __init__(self, http: requests.Session) -> None:
        self._http = http

    def goes(self, address: str) -> str:
        """Open an address whose redirects lead back to the portal; return the path that they lead to."""
        return self._back(self._http.get(address, allow_redirects=False, timeout=SECONDS))

    def signs_in(self, address: str, name: str, password: str) -> str:
        """Give name and password where the provider asks for them; return the path that leads back."""
        answer = self._http.get(address, timeout=SECONDS)
        for fields in ({"login": name}, {"password": password}):
            wanted = next(iter(fields))
            if not BeautifulSoup(answer.text, "html.parser").select(f"[name={wanted}]"):
                continue
            answer = self._http.post(answer.url, fields, allow_redirects=False, timeout=SECONDS)
            while answer.is_redirect and not _leads_back(answer):
                answer = self._http.get(_next(answer), allow_redirects=False, timeout=SECONDS)
        return self._back(answer)

    def refuses(self, address: str) -> str:
        """Say no where the provider asks whether the portal may know them; return the path that leads back."""
        return self._back(self._http.post(address, {"answer": "deny"}, allow_redirects=False, timeout=SECONDS))

    def _back(self, answer: requests.Response) -> str:
        while answer.is_redirect and not _leads_back(answer):
            answer = self._http.get(_next(answer), allow_redirects=False, timeout=SECONDS)
        assert answer.is_redirect, f"The provider shows a page: {BeautifulSoup(answer.text, 'html.parser').get_text()}"
        parts = urlsplit(_next(answer))
        return f"{parts.path}?{parts.query}"


@contextmanager
def visiting() -> Iterator[Visitor]:
    """Yield a browser that has not been at the provider yet."""
    with requests.Session() as http:
        http.trust_env = False
        yield Visitor(http)


def _next(answer: requests.Response) -> str:
    return urljoin(answer.url, answer.headers["Location"])


def _leads_back(answer: requests.Response) -> bool:
    return urlsplit(_next(answer)).path == CALLBACK
