"""The keys of the provider: every algorithm that is accepted signs in, and nothing else there is in the way."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.errors import InvalidClaimError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from portal.pages.auth.signatures import ALGORITHMS, public_key
from portal.pages.staff_auth.oidc.errors import ProviderMisconfigured, ProviderRefused
from portal.pages.staff_auth.oidc.id_token import claims_of
from portal.pages.staff_auth.oidc.provider import Provider
from portal.settings.loading import load
from tests.auth.test_signatures import KEYS, UNUSABLE
from tests.harness.internals import logged
from tests.harness.page import Page
from tests.staff_auth.oidc.conftest import SignIn
from tests.staff_auth.oidc.scripted_provider import CLIENT_ID, ScriptedProvider

NOT_SET_UP = ("Signing in with a work account is not set up right", 503, "misconfigured")
NOT_USED = "This sign-in can't be used"
ACCESS_TOKEN = "access-of-bob"
SUPPORTED = "id_token_signing_alg_values_supported"


def at_hash(algorithm: str) -> str:
    """Return the hash of the access token as the standard asks for it: OpenID Connect Core, section 3.1.3.6."""
    name = {"Ed25519": "sha512", "EdDSA": "sha512"}.get(algorithm, f"sha{algorithm[2:]}")
    digest = hashlib.new(name, ACCESS_TOKEN.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


def test_every_algorithm_is_accepted_with_the_hash_that_it_asks_for(
    provider: ScriptedProvider, subtests: pytest.Subtests
) -> None:
    assert {"Ed25519", "EdDSA", "RS256", "PS512", "ES384"} <= {*ALGORITHMS}
    keys = [key for key in (public_key(key.as_dict(private=False)) for key in KEYS.values()) if key]
    metadata = {"issuer": provider.issuer, SUPPORTED: ALGORITHMS}

    def claims(name: str, access_token: str) -> dict[str, Any]:
        provider.script(KEYS[name], claims={"at_hash": at_hash(name)})
        token = provider.id_token({"alg": name, "kid": KEYS[name].kid}, "a nonce")
        response = {"access_token": access_token, "id_token": token}
        return claims_of(response, keys, metadata, client_id=CLIENT_ID, nonce="a nonce")

    for name in KEYS:
        with subtests.test(name):
            assert claims(name, ACCESS_TOKEN)["sub"] == "bob"
            with pytest.raises(InvalidClaimError, match="at_hash"):
                claims(name, "another")


@pytest.mark.parametrize(("supported", "name"), [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")])
def test_both_names_of_ed25519_are_one_algorithm(
    sign_in: SignIn, provider: ScriptedProvider, supported: str, name: str
) -> None:
    provider.metadata = {SUPPORTED: ["RS256", supported]}
    key = KEYS["EdDSA"]
    provider.script(
        key, metadata=provider.metadata, header={"alg": name}, keys=[{**key.as_dict(private=False), "alg": supported}]
    )

    sign_in(303)


def test_keys_that_are_not_understood_are_skipped(
    sign_in: SignIn, provider: ScriptedProvider, key: RSAKey, another_key: RSAKey
) -> None:
    # On an unknown curve, of an unknown kind, for encryption, with a private part by mistake.
    provider.keys = [*UNUSABLE, {**another_key.as_dict(private=False), "use": "enc"}, key.as_dict(private=True)]

    with logged() as events:
        sign_in(303)

    assert [event["event"] for event in events if event["log_level"] != "info"] == []


def test_a_key_of_another_kind_with_the_same_id_is_no_obstacle(
    sign_in: SignIn, provider: ScriptedProvider, key: RSAKey
) -> None:
    same = [{**ECKey.generate_key("P-256").as_dict(private=False), "kid": key.kid}, key.as_dict(private=False)]
    for provider.keys in (same, same[::-1]):
        sign_in(303)
    provider.header = {"kid": None}
    sign_in(303)


def test_a_key_of_the_right_kind_has_to_be_there(
    refused: Callable[..., Page], provider: ScriptedProvider, environ: dict[str, str], subtests: pytest.Subtests
) -> None:
    ec, okp = ECKey.generate_key("P-256", auto_kid=True), OKPKey.generate_key("Ed25519", auto_kid=True)
    documents: list[list[Key | dict[str, Any]]] = [[ec], [okp], UNUSABLE, []]
    for provider.keys in documents:
        with subtests.test(keys=provider.keys):
            with logged() as events:
                refused(*NOT_SET_UP)
            errors = [event["error"] for event in events if event["event"] == "staff_provider_misconfigured"]
            assert errors == ["keys: none of them can verify a signature that the provider supports"]
            # This is what `zype-activate check` does too.
            with (
                Provider(load(environ)).client() as client,
                pytest.raises(ProviderMisconfigured, match="none of them"),
            ):
                client.check_client()


def test_an_algorithm_that_is_not_accepted_is_named(subtests: pytest.Subtests) -> None:
    metadata = {"issuer": "https://id.example.com", SUPPORTED: ["RS256"]}
    for name, said in (("HS256", "HS256"), ("none", "none"), ("ES256K", "ES256K"), ("PS256", "PS256"), ("zizm529", "")):
        with subtests.test(name):
            header = base64.urlsafe_b64encode(json.dumps({"alg": name}).encode()).decode().rstrip("=")
            with pytest.raises(ProviderRefused) as raised:
                claims_of({"id_token": f"{header}.e30.c2ln"}, [], metadata, client_id=CLIENT_ID, nonce="a nonce")
            said = said or "another algorithm"
            assert str(raised.value.at("ID token")) == f"ID token: it is signed with {said}, which is not accepted"
