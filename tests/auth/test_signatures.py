"""The keys of a JWKS: which can verify a signature, and that no other one in the document is in their way."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import ECKey, Key, OctKey, OKPKey

from portal.pages.auth.signatures import ALGORITHMS, SignatureRegistry, find_key, public_key
from tests.harness.rsa_keys import rsa_key

RSA = rsa_key()
KEYS: dict[str, Key] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSA),
    "ES256": ECKey.generate_key("P-256", auto_kid=True),
    "ES384": ECKey.generate_key("P-384", auto_kid=True),
    "ES512": ECKey.generate_key("P-521", auto_kid=True),
    **dict.fromkeys(("Ed25519", "EdDSA"), OKPKey.generate_key("Ed25519", auto_kid=True)),
}
RSA_MEMBERS = {"kty": "RSA", "n": str(RSA.as_dict()["n"]), "e": "AQAB", "kid": "a"}
UNUSABLE: list[Any] = [
    {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"},
    {"kty": "EC", "crv": "brainpoolP256r1", "x": "AA", "y": "AA"},
    {"kty": "EC", "crv": 5, "x": "AA", "y": "AA"},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
    {"kty": "EC", "crv": "P-256"},
    {"kty": "OKP", "crv": "ML-DSA-44", "x": "AA"},
    {"kty": "OKP", "crv": "X25519", "x": str(OKPKey.generate_key("X25519").as_dict(private=False)["x"])},
    {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
    {"kty": "oct", "k": "AAAA"},
    {"kty": "RSA"},
    {"kty": "RSA", "n": 5, "e": []},
    {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    {**RSA_MEMBERS, "use": "enc"},
    {**RSA_MEMBERS, "use": ["sig"]},
    {**RSA_MEMBERS, "key_ops": ["encrypt"]},
    {"kty": ["RSA"]},
    {"n": "AQAB"},
    {},
    [],
    "key",
    None,
    5,
]
USABLE: list[dict[str, Any]] = [
    RSA_MEMBERS,
    {**RSA_MEMBERS, "use": "sig", "alg": "RS256", "key_ops": ["verify"]},
    {**RSA_MEMBERS, "x5c": "not a list", "x5t": 5, "nbf": 1, "https://example.com/made-up": {"a": []}},
    {**RSA_MEMBERS, "kid": 5},
    {**RSA_MEMBERS, "use": None, "alg": None, "key_ops": None},
    {**RSA.as_dict(private=True), "oth": []},
]


def test_a_member_that_can_t_verify_a_signature_is_left_out() -> None:
    # No test each: its name would have the key in it, which is another one in every process.
    for document in UNUSABLE:
        assert public_key(document) is None, document


def test_what_else_a_key_says_does_not_matter() -> None:
    for document in USABLE:
        key = public_key(document)
        assert key is not None, document
        assert not key.is_private
        assert find_key([key], {"alg": "RS256"}) is key


def test_every_algorithm_finds_its_key_among_all() -> None:
    """In a document where they all have the same id, and others that are not understood."""
    names = ("RS256", "ES256", "ES384", "ES512", "Ed25519")
    documents = [*UNUSABLE, *({**KEYS[name].as_dict(private=False), "kid": "same"} for name in names)]
    keys = [key for key in map(public_key, documents) if key]
    assert KEYS.keys() == {*ALGORITHMS}
    for name, key in KEYS.items():
        token = jwt.encode(
            {"alg": name, "kid": "same"}, {"sub": "bob"}, key, registry=SignatureRegistry(algorithms=[name])
        )
        for header in ({"alg": name, "kid": "same"}, {"alg": name}):
            found = find_key(keys, header)
            registry = SignatureRegistry(algorithms=ALGORITHMS)
            assert jwt.decode(token, found, registry=registry).claims == {"sub": "bob"}


def test_a_key_for_another_algorithm_or_with_another_id_is_not_found() -> None:
    keys = [key for key in (public_key({**RSA_MEMBERS, "alg": "RS256"}),) if key]
    assert len(keys) == 1
    for header in (
        {"alg": "PS256", "kid": "a"},
        {"alg": "RS256", "kid": "b"},
        {"alg": "ES256"},
        {"alg": "HS256"},
        {"alg": []},
        {},
    ):
        with pytest.raises(InvalidKeyIdError):
            find_key(keys, header)


def test_without_an_id_there_must_be_one_key_alone() -> None:
    another = rsa_key(2)
    keys = [key for key in map(public_key, (RSA_MEMBERS, another.as_dict(private=False))) if key]

    assert find_key(keys, {"alg": "RS256", "kid": "a"}).kid == "a"
    with pytest.raises(InvalidKeyIdError):
        find_key(keys, {"alg": "RS256"})


def test_both_names_of_ed25519_are_one_algorithm() -> None:
    document = KEYS["EdDSA"].as_dict(private=False)
    for designed in ("EdDSA", "Ed25519", None):
        key = public_key({**document, "alg": designed})
        assert key is not None
        assert find_key([key], {"alg": "EdDSA"}) is find_key([key], {"alg": "Ed25519"}) is key


def test_no_shared_secret_is_among_the_keys() -> None:
    secret = OctKey.generate_key(256, auto_kid=True)
    assert public_key(secret.as_dict(private=True)) is None
    with pytest.raises(InvalidKeyIdError):
        find_key([secret], {"alg": "HS256", "kid": secret.kid})
