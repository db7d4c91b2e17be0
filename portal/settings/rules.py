"""The rules between settings that are each valid alone. No sentence here holds a value."""

from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from portal.settings.addresses import is_in_own_network, is_loopback, is_loopback_url, split_bind
from portal.settings.environment import variable
from portal.settings.settings import SANDBOX_APP_KEY, SANDBOX_HANDOFF_KEY, Settings

REQUIRED_LIVE = ("secret_key", "public_url", "zype_api_key", "zype_client_id", "zype_client_secret")
# What makes a required setting one that may be left out.
INSTEAD = {"zype_api_key": "zype_app_key"}
# The address to which each of the credentials is sent.
CREDENTIALS = {
    "zype_api_key": "zype_api_url",
    "zype_client_id": "zype_login_url",
    "zype_client_secret": "zype_login_url",
}
OIDC_CREDENTIALS = ("staff_oidc_issuer", "staff_oidc_client_id", "staff_oidc_client_secret")


def reachable_from_elsewhere(settings: Settings) -> list[str]:
    """Return the settings of addresses at which others than this machine can reach the portal or its sandbox."""
    hosts = {"public_url": _host(settings.public_url)}
    if settings.mode == "sandbox":
        hosts["zype_api_url"] = _host(settings.zype_api_url)
    if settings.staff_url:
        hosts["staff_url"] = _host(settings.staff_url)
    for name in ("bind", "metrics_bind"):
        if bind := getattr(settings, name):
            hosts[name] = split_bind(bind)[0]
    return [name for name, host in hosts.items() if not is_loopback(host)]


def faults_between(settings: Settings, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the faults between settings: which to correct, and how. The environment sets those of these names."""
    yield from _live_rules(settings, names) if settings.mode == "live" else _sandbox_rules(settings, names)
    if settings.zype_concurrency >= settings.threads:
        yield "zype_concurrency", "must be smaller than PORTAL_THREADS, or pages wait when Zype hangs"
    if settings.metrics_bind and _port(settings.metrics_bind) == _port(settings.bind):
        # Whatever the host: one of them may stand for all addresses, or be another name of the same.
        yield "metrics_bind", "must have another port than PORTAL_BIND: metrics are not for the public"
    if settings.pin_case == "upper" and "pin_pattern" not in names:
        yield "pin_pattern", "is required with PORTAL_PIN_CASE=upper: the default matches no capital letter"
    yield from _brand_rules(settings)
    yield from _handoff_rules(settings)
    yield from _staff_url_rules(settings)
    if any(getattr(settings, name) for name in OIDC_CREDENTIALS):
        for name in OIDC_CREDENTIALS:
            if not getattr(settings, name):
                yield name, "is required when any other PORTAL_STAFF_OIDC_ credential is set"
    if settings.staff_oidc_agent_role == settings.staff_oidc_supervisor_role:
        yield "staff_oidc_supervisor_role", "must differ from PORTAL_STAFF_OIDC_AGENT_ROLE"


def _staff_url_rules(settings: Settings) -> Iterator[tuple[str, str]]:
    staff_url, public_url = settings.staff_url, settings.public_url
    if not staff_url:
        return
    if not settings.has_console:
        yield (
            "staff_url",
            "has no effect without PORTAL_ZYPE_API_KEY, which the console needs; set that or leave this out",
        )
    if _host(staff_url) == _host(public_url):
        yield (
            "staff_url",
            "must have another host name than PORTAL_PUBLIC_URL: cookies are for a host, whatever its port",
        )
    elif staff_url.partition(":")[0] != public_url.partition(":")[0]:
        yield "staff_url", "must start with http:// or https:// as PORTAL_PUBLIC_URL does"


def _brand_rules(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.brand_logo_dark and not settings.brand_logo:
        yield "brand_logo_dark", "is for dark pages alone; set PORTAL_BRAND_LOGO too"


def _port(bind: str) -> int:
    return int(split_bind(bind)[1])


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _handoff_rules(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.handoff_key and settings.handoff_jwks_url:
        yield "handoff_jwks_url", "must not be set together with PORTAL_HANDOFF_KEY: which of them signs?"
    if "handoff" not in settings.sign_in:
        return
    for name in ("handoff_issuer", "handoff_url"):
        if not getattr(settings, name):
            yield name, "is required with handoff in PORTAL_SIGN_IN"
    if not settings.handoff_key and not settings.handoff_jwks_url:
        yield "handoff_key", "is required with handoff in PORTAL_SIGN_IN, or else PORTAL_HANDOFF_JWKS_URL"


def _live_rules(settings: Settings, names: Collection[str]) -> Iterator[tuple[str, str]]:
    for name in REQUIRED_LIVE:
        if name not in names and INSTEAD.get(name) not in names:
            yield name, "is required in live mode; set it, or leave PORTAL_MODE at sandbox"
    yield from _credential_rules(settings, names)
    for name in ("zype_api_url", "zype_login_url"):
        url = getattr(settings, name)
        if url.startswith("http:") and not is_loopback_url(url):
            yield name, "must start with https:// (plain http is accepted on loopback only)"
    if settings.handoff_key and settings.handoff_key.get_secret_value() == SANDBOX_HANDOFF_KEY:
        yield "handoff_key", "opens the sandbox only; set one of your own"
    if settings.smtp_url and "mail_from" not in names:
        yield "mail_from", "is required with PORTAL_SMTP_URL: from which address do viewers get mail?"


def _credential_rules(settings: Settings, names: Collection[str]) -> Iterator[tuple[str, str]]:
    app_key = settings.zype_app_key and settings.zype_app_key.get_secret_value()
    if app_key == SANDBOX_APP_KEY and not is_loopback_url(settings.zype_api_url):
        yield "zype_app_key", "opens the sandbox only; set the one of your app at Zype"
    for name, address in CREDENTIALS.items():
        is_default = getattr(settings, name) == type(settings).model_fields[name].default
        if name in names and is_default and not is_loopback_url(getattr(settings, address)):
            yield name, "opens the sandbox only; set the one that Zype gave you"


def _sandbox_rules(settings: Settings, names: Collection[str]) -> Iterator[tuple[str, str]]:
    for name in ("zype_api_url", "zype_login_url"):
        if not is_in_own_network(_host(getattr(settings, name))):
            yield name, "must stay on this machine or a private network in sandbox mode; set PORTAL_MODE=live for Zype"
    elsewhere = reachable_from_elsewhere(settings)
    if elsewhere and settings.sandbox_public == "no":
        # A lost PORTAL_MODE=live is enough to get here.
        listed = " and ".join(map(variable, elsewhere))
        yield (
            "sandbox_public",
            f"must be yes if others may reach sandbox mode, as {listed} would let them: its passwords are known "
            "to everybody. For your viewers set PORTAL_MODE=live",
        )
    yield from _sandbox_port_rules(settings, names)
    if "public_url" not in names and not is_loopback(split_bind(settings.bind)[0]):
        yield "public_url", "is required when PORTAL_BIND is not on loopback: how do viewers reach it?"


def _sandbox_port_rules(settings: Settings, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield where the sandbox would listen at a port of the portal. The sandbox starts first, and serve would fail."""
    ports = {"zype_api_url": urlsplit(settings.zype_api_url).port}
    # A port that was derived from the sandbox's is nobody's fault.
    if settings.sandbox_mail_address and ("smtp_url" in names or "zype_api_url" not in names):
        ports["smtp_url"] = settings.sandbox_mail_address[1]
    for bind in ("bind", "metrics_bind"):
        taken = _port(getattr(settings, bind)) if getattr(settings, bind) else None
        for name, port in ports.items():
            if taken and port == taken:
                yield name, f"must have another port than {variable(bind)}: in sandbox mode the sandbox listens there"
