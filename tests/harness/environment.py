"""The PORTAL_* variables of portals in tests."""

from collections.abc import Mapping

from portal.settings.settings import SANDBOX_API_KEY, Settings
from tests.harness.servers import Port

SECRET_KEY = "5ec4e7" * 11


def portal_environ(port: Port, zype_url: str, database_url: str) -> dict[str, str]:
    """Return the variables of a portal that has a sandbox and a database.

    Args:
        port: where it is, or would be, served.
        zype_url: the sandbox's origin.
        database_url: in the form of PORTAL_DATABASE_URL.
    """
    return {
        "PORTAL_SECRET_KEY": SECRET_KEY,
        "PORTAL_PUBLIC_URL": port.url,
        # Some tests give the portal a public address, which is never reached.
        "PORTAL_SANDBOX_PUBLIC": "yes",
        "PORTAL_BIND": port.bind,
        "PORTAL_ZYPE_API_URL": zype_url,
        "PORTAL_DATABASE_URL": database_url,
        "PORTAL_SIGN_IN": "password,code",
    }


def live_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the same portal in live mode; in sandbox mode it would start its own sandbox."""
    defaults = Settings()
    return {
        "PORTAL_MODE": "live",
        "PORTAL_WORKERS": "2",
        "PORTAL_ZYPE_LOGIN_URL": environ["PORTAL_ZYPE_API_URL"],
        "PORTAL_ZYPE_API_KEY": SANDBOX_API_KEY,
        "PORTAL_ZYPE_CLIENT_ID": defaults.zype_client_id,
        "PORTAL_ZYPE_CLIENT_SECRET": defaults.zype_client_secret.get_secret_value(),
        **environ,
    }
