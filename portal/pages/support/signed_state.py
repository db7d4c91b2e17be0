"""What a page of the console passes to the next one through the browser, signed so that nobody can change it."""

from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from portal.services import services
from portal.settings.keys import Purpose, derive


def sign(kind: str, *texts: str | None) -> str:
    """Return texts in one signed text of a kind. It is not encrypted: whoever has it can read them."""
    return str(_serializer(kind).dumps(texts))


def verify(kind: str, signed: str | None) -> list[Any]:
    """Return the texts of a signed text; none if the signature is not ours, or of another kind."""
    try:
        texts: list[Any] = _serializer(kind).loads(signed or "")
    except BadData:
        return []
    return texts


def _serializer(kind: str) -> URLSafeSerializer:
    settings = services().settings
    secrets = [secret for secret in (settings.secret_key_previous, settings.secret_key) if secret]
    # The last key signs; each of them verifies.
    keys = [derive(secret.get_secret_value().encode(), Purpose.CONSOLE_STATE) for secret in secrets]
    return URLSafeSerializer(keys, salt=kind)
