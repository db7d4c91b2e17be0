"""The video service's own site, where Alice is signed in: it hands her over to the portal with a signed token."""

from datetime import timedelta

from flask import Blueprint, render_template
from joserfc import jwt
from joserfc.jwk import OctKey

from portal.sandbox import seed
from portal.sandbox.seed import Consumer
from portal.sandbox.state import sandbox

bp = Blueprint("video_service", __name__)

TOKEN_LIFE = timedelta(seconds=60)
# The page loads itself again before the token in it is too old.
RELOAD_SECONDS = 45


@bp.get("/video-service")
def video_service() -> str:
    return render_template(
        "video_service.html",
        viewer=seed.ALICE,
        portal_origin=sandbox().portal_origin,
        token=_token(seed.ALICE),
        reload_seconds=RELOAD_SECONDS,
    )


def _token(consumer: Consumer) -> str | None:
    """Return a token for the portal; none if the portal does not share a key with this site."""
    key = sandbox().handoff_key
    if not key:
        return None
    now = int(sandbox().clock().timestamp())
    claims = {
        "iss": sandbox().handoff_issuer,
        "aud": sandbox().portal_origin,
        "iat": now,
        "exp": now + int(TOKEN_LIFE.total_seconds()),
        "jti": f"{sandbox().randomness.getrandbits(128):032x}",
        "sub": consumer.id,
        "name": consumer.name,
        "email": consumer.email,
    }
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(key.encode()))
