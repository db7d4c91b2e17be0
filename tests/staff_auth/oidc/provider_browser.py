"""A browser at the identity provider's pages, between the portal's authorization request and its callback."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests

from tests.harness.markup import parsed
from tests.harness.page import PageClient

SECONDS = 5
AUTHORIZATION_REQUEST = "/support/sign-in/provider"
CALLBACK = "/support/sign-in/callback"


def authorization_url(browser: PageClient, *, again: bool = False, next_path: str | None = None) -> str:
    """Press the button on the staff's sign-in page; return where the browser is sent."""
    query = {"again": "1"} if again else {}
    query |= {"next": next_path} if next_path is not None else {}
    return browser.get(link_to_provider(browser, f"?{urlencode(query)}"), 302).location or ""


def link_to_provider(browser: PageClient, query: str = "") -> str:
    """Return the address of the button on the staff's sign-in page."""
    page = browser.get(f"/support/sign-in{query}")
    return str(page.select_one(f'a[href^="{AUTHORIZATION_REQUEST}"]')["href"])


def with_query(url: str, **values: str | None) -> str:
    """Return a URL with other values in its query; None removes a parameter."""
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **values}
    return parts._replace(query=urlencode({key: value for key, value in query.items() if value is not None})).geturl()


def query_of(url: str) -> dict[str, str]:
    """Return the query of a URL."""
    return dict(parse_qsl(urlsplit(url).query))


class ProviderBrowser:
    """A browser at the provider, with the cookies of the provider.

    Args:
        http: its session.
    """

    def __init__(self, http: requests.Session) -> None:
        self._http = http

    def authorize(self, url: str) -> str:
        """Open an authorization request that needs no form; return the path of the callback."""
        return self._callback(self._http.get(url, allow_redirects=False, timeout=SECONDS))

    def sign_in(self, url: str, name: str, password: str) -> str:
        """Fill in name and password where the provider asks for them; return the path of the callback."""
        response = self._http.get(url, timeout=SECONDS)
        for field, value in (("login", name), ("password", password)):
            if parsed(response.text).select(f"[name={field}]"):
                response = self._http.post(response.url, {field: value}, allow_redirects=False, timeout=SECONDS)
                response = self._follow(response)
        return self._callback(response)

    def opens(self, url: str) -> int:
        """Open a page, and return its status."""
        return self._http.get(url, timeout=SECONDS).status_code

    def deny(self, url: str) -> str:
        """Refuse consent; return the path of the callback."""
        return self._callback(self._http.post(url, {"answer": "deny"}, allow_redirects=False, timeout=SECONDS))

    def _follow(self, response: requests.Response) -> requests.Response:
        while response.is_redirect and urlsplit(_location(response)).path != CALLBACK:
            response = self._http.get(_location(response), allow_redirects=False, timeout=SECONDS)
        return response

    def _callback(self, response: requests.Response) -> str:
        response = self._follow(response)
        text = parsed(response.text).get_text()
        assert response.is_redirect, f"The provider shows a page: {text}"
        parts = urlsplit(_location(response))
        return f"{parts.path}?{parts.query}"


@contextmanager
def new_provider_browser() -> Iterator[ProviderBrowser]:
    """Yield a browser that has no cookies of the provider."""
    with requests.Session() as http:
        http.trust_env = False
        yield ProviderBrowser(http)


def _location(response: requests.Response) -> str:
    return urljoin(response.url, response.headers["Location"])
