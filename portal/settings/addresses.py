"""Hosts, ports and URLs: how they are split, and which of them stay on this machine."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Return whether a host name or address stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Return whether requests to a URL stay on this machine."""
    return is_loopback(urlsplit(url).hostname or "")


def split_bind(bind: str) -> tuple[str, str]:
    """Return host and port of a HOST:PORT, an IPv6 address without its brackets."""
    host, _, port = bind.rpartition(":")
    return host.strip("[]"), port


def url_host(host: str) -> str:
    """Return a host as it is written in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def sandbox_smtp_url(zype_url: str) -> str | None:
    """Return where the sandbox takes mail if nothing else is set: on its own host, 24 ports above its own.

    A port that does not exist is replaced by one 24 below. None if the URL of the sandbox is not valid.
    """
    try:
        parts = urlsplit(zype_url)
        port = (parts.port or 80) + 24
    except ValueError:
        return None
    return f"smtp://{url_host(parts.hostname or '')}:{port if port < 65536 else port - 48}"


def plain_smtp_address(smtp_url: str) -> tuple[str, int] | None:
    """Return host and port of a mail server on loopback that needs no TLS and no sign-in; none for any other."""
    parts = urlsplit(smtp_url)
    is_plain = parts.scheme == "smtp" and "@" not in parts.netloc and is_loopback(parts.hostname or "")
    return (parts.hostname or "", parts.port or 25) if is_plain else None


@lru_cache(maxsize=4096)
def network_prefix(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 one.

    What is not an address counts as itself, so that it is limited too.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)
