"""JSON that is signed as itsdangerous signs it, with keys that are derived once: it derives them for each signature."""

import hmac
from collections.abc import Iterable
from json import JSONEncoder
from typing import Any

from itsdangerous import BadData, BadSignature, Signer, TimestampSigner, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

_encode = JSONEncoder(separators=(",", ":")).encode
# To compress less takes longer than to send it.
_WORTH_COMPRESSING = 500


class _KeptSigner(TimestampSigner):
    """Signs with the time, and accepts any.

    Itsdangerous refuses what was signed in the future. That is every cookie after the clock was set back, and on
    several machines one that another has signed a moment ago, if its clock is ahead.
    """

    def __init__(self, keys: list[bytes], **kwargs: Any) -> None:
        super().__init__(keys, **kwargs)
        self._keys = [self.derive_key(key) for key in keys]

    def get_signature(self, value: Any) -> bytes:
        return base64_encode(hmac.digest(self._keys[-1], value, "sha1"))

    def verify_signature(self, value: Any, sig: Any) -> bool:
        try:
            given = base64_decode(sig)
        except BadData:
            return False
        return any(hmac.compare_digest(given, hmac.digest(key, value, "sha1")) for key in self._keys)

    def unsign(self, signed_value: Any, *_: Any, **__: Any) -> Any:
        value, has_time, _time = Signer.unsign(self, signed_value).rpartition(self.sep)
        if not has_time:
            raise BadSignature("no time")
        return value


class SignedJSON(URLSafeSerializer):
    """Signs what JSON can have, with the last of the keys; accepts what one of the keys has signed at any time.

    Args:
        keys: the operator's secrets, oldest first.
        salt: what is signed. Nothing that is signed with another salt is accepted.
        key_derivation: as itsdangerous names it.
    """

    def __init__(self, keys: Iterable[str], salt: str, key_derivation: str = "django-concat") -> None:
        super().__init__(keys, salt, signer=_KeptSigner, signer_kwargs={"key_derivation": key_derivation})
        self._signer = super().make_signer()

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        return self._signer

    def loads(self, s: str | bytes, salt: str | bytes | None = None, **_: Any) -> Any:
        return self.load_payload(self._signer.unsign(s))

    def dump_payload(self, obj: Any) -> bytes:
        text = _encode(obj)
        return super().dump_payload(obj) if len(text) > _WORTH_COMPRESSING else base64_encode(text)
