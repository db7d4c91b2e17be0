"""What must be true between settings, where each alone is sound. No sentence here holds a value."""

from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from portal.settings.settings import Settings
from portal.settings.types import bind_host, is_loopback

REQUIRED_LIVE = ("secret_key", "public_url", "zype_api_key", "zype_client_id", "zype_client_secret")
# Where each of the credentials is sent to.
CREDENTIALS = {
    "zype_api_key": "zype_api_url",
    "zype_client_id": "zype_login_url",
    "zype_client_secret": "zype_login_url",
}
STAFF_OIDC = ("staff_oidc_issuer", "staff_oidc_client_id", "staff_oidc_client_secret")


def faults_between(settings: Settings, given: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the faults that lie between settings: the name of the one to mend, and how."""
    yield from _live_rules(settings, given) if settings.mode == "live" else _sandbox_rules(settings, given)
    if settings.zype_concurrency >= settings.threads:
        yield "zype_concurrency", "must be smaller than PORTAL_THREADS, or pages wait when Zype hangs"
    if settings.metrics_bind == settings.bind:
        yield "metrics_bind", "must differ from PORTAL_BIND: metrics are not for the public"
    if settings.pin_case == "upper" and "pin_pattern" not in given:
        yield "pin_pattern", "is required with PORTAL_PIN_CASE=upper: the default matches no capital letter"
    if any(getattr(settings, name) for name in STAFF_OIDC):
        for name in STAFF_OIDC:
            if not getattr(settings, name):
                yield name, "is required when any other PORTAL_STAFF_OIDC_ credential is set"
    if settings.staff_oidc_agent_role == settings.staff_oidc_supervisor_role:
        yield "staff_oidc_supervisor_role", "must differ from PORTAL_STAFF_OIDC_AGENT_ROLE"


def _live_rules(settings: Settings, given: Collection[str]) -> Iterator[tuple[str, str]]:
    for name in REQUIRED_LIVE:
        if name not in given:
            yield name, "is required in live mode; set it, or leave PORTAL_MODE at sandbox"
    for name, address in CREDENTIALS.items():
        is_default = getattr(settings, name) == type(settings).model_fields[name].default
        if name in given and is_default and not _stays_here(getattr(settings, address)):
            yield name, "opens the sandbox only; set the one that Zype gave you"
    if settings.smtp_url and "mail_from" not in given:
        yield "mail_from", "is required with PORTAL_SMTP_URL: from which address do viewers get mail?"


def _sandbox_rules(settings: Settings, given: Collection[str]) -> Iterator[tuple[str, str]]:
    for name in ("zype_api_url", "zype_login_url"):
        if not _stays_here(getattr(settings, name)):
            yield name, "must stay on this machine in sandbox mode; set PORTAL_MODE=live for Zype"
    if "public_url" not in given and not is_loopback(bind_host(settings.bind)):
        yield "public_url", "is required when PORTAL_BIND is not on loopback: how do viewers reach it?"


def _stays_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")
