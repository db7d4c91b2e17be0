"""``zype-activate check``: tries every setting and connection, and prints for each whether it works."""

import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import click

from portal.commands import check_connections, check_database
from portal.commands.context import environment, fail, listen_fault, load_settings
from portal.commands.findings import CheckFailed, Finding, find
from portal.commands.folders import runtime_folder
from portal.commands.pattern_timing import slow_length
from portal.database.database import Database
from portal.domain.pins import MAX_LENGTH
from portal.pages.support.forms import MAX_TICKET
from portal.pages.web.accent import Accent
from portal.pages.web.overrides import faults
from portal.settings.settings import Settings
from portal.zype.client import ZypeClient


def print_findings() -> None:
    """Print a line for each finding, and end with status 1 if one is a fault."""
    failed = 0
    for finding in findings(load_settings(environment())):
        click.echo(finding)
        failed += not finding.is_ok
    if failed:
        fail(f"{failed} to mend")


def findings(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for everything that the portal needs, in the order in which it needs it."""
    yield find("settings", partial(_settings, settings))
    yield find("address", partial(_address, settings))
    yield find("runtime folder", _runtime_folder)
    yield find("PORTAL_BRAND_ACCENT", partial(_accent, settings.brand_accent))
    if settings.overrides_dir:
        yield find("PORTAL_OVERRIDES_DIR", partial(_overrides, settings.overrides_dir))
    yield find("PORTAL_PIN_PATTERN", partial(_pattern, settings.pin_pattern, MAX_LENGTH))
    yield find("PORTAL_TICKET_PATTERN", partial(_pattern, settings.ticket_pattern, MAX_TICKET))
    with ExitStack() as stack:
        database = Database(settings.database_url.get_secret_value(), connections=1)
        stack.callback(database.dispose)
        yield (schema := find("database", partial(check_database.schema, database)))
        if schema.is_ok:
            yield find("database", partial(check_database.writable, database))
            yield find("ledger", partial(check_database.append_only, database))
            yield find("console", partial(check_database.console, database, settings))
    if settings.redis_url:
        yield find("redis", partial(check_connections.redis, settings, settings.redis_url.get_secret_value()))
    yield from _zype(settings)
    yield from _sign_ins_elsewhere(settings)
    yield find("mail", partial(check_connections.mail, settings))
    for name, bind in (("PORTAL_BIND", settings.bind), ("PORTAL_METRICS_BIND", settings.metrics_bind)):
        if bind:
            yield find(name, partial(_port, bind))


def _zype(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each credential at Zype."""
    with closing(ZypeClient(settings)) as zype:
        if settings.zype_api_key:
            yield find("Zype's API", partial(check_connections.admin_key, zype))
        if settings.zype_app_key:
            yield find("Zype's API", partial(check_connections.app_key, zype))
        if "password" in settings.sign_in:
            yield find("Zype's login", partial(check_connections.password, zype))


def _sign_ins_elsewhere(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each way to sign in on the pages of another host."""
    if "code" in settings.sign_in:
        yield find("Zype's sign-in page", partial(check_connections.sign_in_page, settings))
    if "handoff" in settings.sign_in:
        yield find("hand-off sign-in", partial(check_connections.handoff, settings))
    if settings.staff_oidc_issuer:
        yield find("staff's identity provider", partial(check_connections.staff_provider, settings))


def _settings(settings: Settings) -> str:
    dotenv = Path(".env")
    if dotenv.is_file() and dotenv.stat().st_mode & stat.S_IROTH:
        raise CheckFailed("every account of this machine can read the secrets in .env: run chmod 640 .env")
    return f"all can be read; the mode is {settings.mode}"


def _runtime_folder() -> str:
    folder = runtime_folder(environment())
    return f"the heartbeats of the workers can be written to {folder}"


def _address(settings: Settings) -> str:
    if settings.is_https and settings.proxy_hops == 0:
        raise CheckFailed(
            "https ends at a proxy, but PORTAL_PROXY_HOPS is 0: every viewer would count as one address. "
            "Set it to the number of proxies in front of the portal"
        )
    return "PORTAL_PUBLIC_URL and PORTAL_PROXY_HOPS fit together"


def _accent(colour: str) -> str:
    accent = Accent.of(colour)
    if not accent.is_adjusted:
        return "it can be seen on light and on dark pages"
    used = f"{accent.light.colour} is used on light pages, {accent.dark.colour} on dark ones"
    return f"it could hardly be seen everywhere, so {used}"


def _overrides(folder: Path) -> str:
    if found := faults(folder):
        raise CheckFailed("; ".join(found))
    return "its templates and stylesheets have what those that they replace have"


def _pattern(pattern: re.Pattern[str], longest: int) -> str:
    length = slow_length(pattern, longest)
    if length:
        raise CheckFailed(
            f"it takes too long on some texts of {length} characters, longer on each further one: strangers "
            "could stop the portal with it. Write it without a repetition inside a repetition"
        )
    return f"it is fast on all tried texts of up to {longest} characters"


def _port(bind: str) -> str:
    if fault := listen_fault(bind):
        raise CheckFailed(f"can't listen on it: {fault}")
    return "can be listened on"
