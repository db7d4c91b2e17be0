"""The demo: portal, sandbox and a simulated TV, with no credentials, and data that is gone afterwards."""

from collections.abc import Mapping
from pathlib import Path

from portal.config import Settings
from portal.sandbox import seed

# Everything else that an environment or a .env file says is for the real thing, and must not reach a demo.
KEPT = ("PORTAL_BIND", "PORTAL_ZYPE_API_URL", "PORTAL_SIGN_IN", "PORTAL_LANGUAGE", "PORTAL_PUBLIC_URL")


def environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment of a demo.

    Args:
        environ: of the process; what addresses it sets is kept.
        folder: for the data.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith("PORTAL_") or name in KEPT}
    return {
        "PORTAL_SIGN_IN": "password,code",
        **kept,
        "PORTAL_MODE": "sandbox",
        "PORTAL_DATABASE_URL": f"sqlite:///{folder / 'demo.db'}",
    }


def steps(settings: Settings) -> str:
    """Return what to do to link a TV, for a newcomer."""
    viewer = seed.ALICE
    return f"""
  Zype Activate is running, with a simulated Zype and a simulated TV.

    Portal   {settings.public_url}
    TV       {settings.zype_api_url}/tv

  Link the TV:

    1. Open the TV:      {settings.zype_api_url}/tv
    2. Open the portal:  {settings.public_url}/activate
    3. Sign in:          {viewer.email}   password: {viewer.password}
    4. Type the PIN that the TV shows, and press "Link my TV".
    5. Look at the TV: within a few seconds it says hello to {viewer.name}.

  More to try, such as PINs that fail:  {settings.zype_api_url}/
  Ctrl-C stops the demo and removes its data.
"""
