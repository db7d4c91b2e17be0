"""A portal whose staff sign in with a scripted provider, and browsers at both."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from joserfc.jwk import RSAKey

from portal.settings.environment import variable
from tests.harness.internals import outcomes, session_rows
from tests.harness.page import Page, PageClient
from tests.harness.rsa_keys import rsa_key
from tests.staff_auth.oidc.provider_browser import ProviderBrowser, authorization_url, new_provider_browser
from tests.staff_auth.oidc.scripted_provider import (
    CLIENT_ID,
    LEAD,
    ROLE,
    SECRET,
    ScriptedProvider,
    scripted_provider,
)

SignIn = Callable[..., Page]


@pytest.fixture(scope="session")
def key() -> RSAKey:
    """The key of the provider."""
    return rsa_key()


@pytest.fixture(scope="session")
def another_key() -> RSAKey:
    """A key that the provider does not publish."""
    return rsa_key(2)


@pytest.fixture
def provider(key: RSAKey) -> Iterator[ScriptedProvider]:
    """The provider, which follows the standards until a test overrides something."""
    with scripted_provider(key) as provider:
        yield provider


@pytest.fixture
def environ(environ: dict[str, str], provider: ScriptedProvider) -> dict[str, str]:
    """The settings of a portal that knows the provider."""
    settings = {
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "agent_role": ROLE,
        "supervisor_role": LEAD,
    }
    return environ | {variable(f"staff_oidc_{name}"): value for name, value in settings.items()}


@pytest.fixture
def provider_browser() -> Iterator[ProviderBrowser]:
    """A browser at the provider."""
    with new_provider_browser() as browser:
        yield browser


@pytest.fixture
def sign_in(app: Flask, browse: Callable[..., PageClient], provider_browser: ProviderBrowser) -> SignIn:
    """Return a function that signs in from a new browser: ``sign_in(303)`` is a success."""

    def sign_in(status: int, *, browser: PageClient | None = None, again: bool = False) -> Page:
        browser = browser or browse(app)
        return browser.get(provider_browser.authorize(authorization_url(browser, again=again)), status)

    return sign_in


@pytest.fixture
def refused(app: Flask, sign_in: SignIn) -> Callable[..., Page]:
    """Return a function that tries to sign in, and checks the page and that nobody was signed in."""

    def refused(heading: str, status: int = 400, outcome: str | None = None, **arguments: bool) -> Page:
        # With a 403 the provider has authenticated somebody, who may not come in.
        outcome = outcome or ("refused" if status == 403 else "wrong")
        count = len(outcomes(app, "sign_in"))
        page = sign_in(status, **arguments)
        assert page.heading == heading
        assert session_rows(app) == []
        assert outcomes(app, "sign_in")[count:] == [outcome]
        assert bool(page.header("Retry-After", "")) == (status == 503)
        return page

    return refused
