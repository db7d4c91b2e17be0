"""What the portal itself says of an error stays readable in the log, though its words can look like a secret's name."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import requests
import structlog

from portal.domain.errors import SettingsError
from portal.pages.staff_auth.oidc import errors, id_token, metadata, provider, sign_in
from portal.pages.staff_auth.oidc.errors import ProviderMisconfigured
from portal.settings import environment, rules, types
from portal.settings.environment import variable
from portal.settings.loading import load
from portal.settings.settings import NAMES
from portal.zype.errors import TOKEN_INFO_PATH, TOKEN_PATH, ContractBroken, map_answer, map_failure
from tests.docs.pages import read
from tests.web.conftest import Lines

STATUSES = (302, 401, 404, 422, 429, 500)
PATHS = (TOKEN_PATH, TOKEN_INFO_PATH, "/oauth/revoke", "/pin/link", "/pin/status")
CLAIMS = ("exp", "iat", "nbf", "aud", "iss", "sub", "nonce", "azp", "at_hash", "auth_time")
ERRORS = "Provider(Unavailable|Misconfigured|Refused)$"
LIBRARY_ERRORS = ("BadSignatureError", "InvalidKeyIdError", "ConnectTimeout", "SSLError")

PLACES = (
    "ID token: {}",
    "ID token: {} is not right",
    "token: {}",
    "token: {} of Bob",
    "invalid token: {} was refused",
    "POST /oauth/token: {} is busy",
    "POST /oauth/token?token: {}",
    "PORTAL_SECRET_KEY: {}",
    "PORTAL_SECRET_KEY: {} is too short",
    "PORTAL_ZYPE_API_KEY={} is not right",
    "authorization: it says Bearer {}",
    "authorization: {} is not right",
    "authorization: it says what {}",
    "password: correct horse {}",
)
SECRETS = ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2ln", "zizm529", "0a1b2c3d4e5f60718293a4b5c6d7e8f9")


def calls(name: str, *modules: ModuleType) -> Iterator[str]:
    """Yield the texts that these modules give to the functions whose names start like this."""
    for module in modules:
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
            if not isinstance(node, ast.Call) or not re.match(name, ast.unparse(node.func).rpartition(".")[2]):
                continue
            if node.args and isinstance(node.args[0], ast.Constant | ast.JoinedStr):
                text = ast.unparse(node.args[0]).removeprefix("f")
                yield str(ast.literal_eval(re.sub(r"\{.*?\}", "exp", text)))


def texts_of_the_provider() -> Iterator[str]:
    """Yield every text of an error of the identity provider, at every call."""
    modules = (errors, id_token, provider, sign_in)
    steps = {*calls("_call$|at$", *modules)}
    assert {"token", "ID token", "userinfo", "authorization"} <= steps
    texts = {*calls(ERRORS, *modules)} | {f"{claim} is not right" for claim in CLAIMS} | {*LIBRARY_ERRORS}
    assert "it sends no ID token" in texts
    for step in steps - {"authorization"}:
        yield from (str(ProviderMisconfigured(text).at(step)) for text in texts)
    yield from (str(ProviderMisconfigured(text).at("metadata")) for text in calls(ERRORS, metadata))
    yield from (str(ProviderMisconfigured(f"it says {error}").at("authorization")) for error in sign_in.CLIENT_ERRORS)


def texts_of_zype() -> Iterator[str]:
    """Yield the text of every error of a call to Zype."""
    for method, path in ((method, path) for method in ("GET", "POST") for path in PATHS):
        yield from (str(map_answer(method, path, status)) for status in STATUSES)
        yield str(map_answer(method, path, 400, oauth_error="invalid_client"))
        yield from (str(ContractBroken(method, path, 200, field=field)) for field in ("body", "access_token"))
        for failure in (requests.Timeout(), requests.ConnectionError(), requests.exceptions.SSLError()):
            yield from (str(map_failure(method, path, failure, sent=sent)) for sent in (True, False))


def texts_of_settings() -> Iterator[str]:
    """Yield what is said of settings that are wrong, missing, unknown or there twice."""
    wrong = {variable(name): "\0" for name in NAMES}
    names = [variable(name) for name in ("zype_api_key", "zype_client_secret", "staff_oidc_client_secret")]
    for environ in (wrong, {"PORTAL_MODE": "live"}, dict.fromkeys([f"{name}_FILE" for name in names], "/nowhere")):
        with pytest.raises(SettingsError) as raised:
            load(environ)
        yield from raised.value.faults
    for module in (environment, rules, types):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
            if isinstance(node, ast.Constant) and re.fullmatch("(is|must|give|the) .*", str(node.value)):
                yield f"{names[1]}: {node.value}"


def texts_of_the_docs() -> Iterator[str]:
    """Yield what docs/oidc.md tells operators to look for in the log."""
    table = read("docs/oidc.md").partition("## What goes wrong")[2]
    found = [text for text in re.findall(r"`([^`]+: [^`]+)`", table) if "…" not in text]
    assert "token: status 401, invalid_client" in found
    yield from found


SOURCES = (texts_of_the_provider, texts_of_zype, texts_of_settings, texts_of_the_docs)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_what_the_portal_says_of_an_error_is_logged_word_for_word(
    source: Callable[[], Iterator[str]], lines: Lines
) -> None:
    texts = [*source()]
    log = structlog.get_logger("portal.tests")
    for text in texts:
        log.error("failed", error=text, found=f"FAIL  staff's identity provider: {text}")
        try:
            raise ValueError(text)
        except ValueError:
            log.exception("failed")
    written = iter(lines())
    for text in texts:
        line = next(written)
        assert line["error"] == text
        assert line["found"].endswith(f": {text}")
        assert next(written)["exception"].endswith(f"ValueError: {text}")


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_in_the_place_of_those_words_is_not_logged(secret: str, lines: Lines) -> None:
    log = structlog.get_logger("portal.tests")
    for text in (place.format(secret) for place in PLACES):
        log.error(text, error=text)
        try:
            raise ValueError(text)
        except ValueError:
            log.exception("failed")
        assert secret not in str(lines()), text
