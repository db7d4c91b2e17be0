"""A browser at the pages that npm's oidc-provider has for development."""

from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from bs4 import BeautifulSoup

SECONDS = 10


class Browser:
    """A browser at the provider's own pages, which follows redirects there."""

    def __init__(self) -> None:
        self.http = requests.Session()
        self.http.trust_env = False

    def open(self, url: str) -> requests.Response:
        """Return the page that an address leads to, or the redirect to the portal."""
        return self._followed(self.http.get(url, allow_redirects=False, timeout=SECONDS))

    def sign_in(self, url: str, name: str) -> str:
        """Give a name where the provider asks for one, and consent; return the path of the callback."""
        response = self.open(url)
        while not response.is_redirect:
            form = self._form(response)
            response = self._followed(self._send(response, form, {"login": name, "password": "any"}))
        return _path(response)

    def cancel(self, url: str) -> str:
        """Press Cancel where the provider asks for a name; return the path of the callback."""
        page = self.open(url)
        link = next(
            link for link in BeautifulSoup(page.text, "html.parser").select("a") if "abort" in str(link["href"])
        )
        return _path(self.open(urljoin(page.url, str(link["href"]))))

    def sign_out(self, url: str) -> str:
        """Confirm that the provider shall sign this browser out; return where it leads."""
        page = self.open(url)
        response = self._followed(self._send(page, self._form(page), {"logout": "yes"}))
        return response.headers["Location"]

    def _form(self, response: requests.Response) -> Any:
        form = BeautifulSoup(response.text, "html.parser").select_one("form")
        assert form, response.text
        return form

    def _send(self, page: requests.Response, form: Any, typed: dict[str, str]) -> requests.Response:
        fields = {str(field["name"]): str(field.get("value", "")) for field in form.select("input[name]")}
        url = urljoin(page.url, str(form["action"]))
        return self.http.post(url, {**fields, **typed}, allow_redirects=False, timeout=SECONDS)

    def _followed(self, response: requests.Response) -> requests.Response:
        origin = urlsplit(response.url)[:2]
        while response.is_redirect and urlsplit(urljoin(response.url, response.headers["Location"]))[:2] == origin:
            url = urljoin(response.url, response.headers["Location"])
            response = self.http.get(url, allow_redirects=False, timeout=SECONDS)
        return response


def _path(response: requests.Response) -> str:
    parts = urlsplit(response.headers["Location"])
    return f"{parts.path}?{parts.query}"
