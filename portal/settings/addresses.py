"""Hosts, ports and URLs: how they are split, and which of them stay on this machine."""

from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

# What stands for the address of a client that has none which can be read. All of them count as one.
NO_ADDRESS = "unknown"
# IPv4 addresses as NAT64 writes them: RFC 6052, section 2.1.
_NAT64 = ip_network("64:ff9b::/96")
# Not all that ipaddress calls private: clouds have their metadata at a link-local address.
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
# No address is longer, with port, brackets, quotes and zone.
MAX_LENGTH = 80


def is_loopback(host: str) -> bool:
    """Return whether a host name or address stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_in_own_network(host: str) -> bool:
    """Return whether a host is this machine, or an address of a private network (RFC 1918, RFC 4193)."""
    if is_loopback(host):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _PRIVATE)


def is_loopback_url(url: str) -> bool:
    """Return whether requests to a URL stay on this machine; to what is no URL none are made."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the Internet's, or none at all."""
    parsed = _parse_address(address)
    return parsed is None or parsed.is_global


def split_bind(bind: str) -> tuple[str, str]:
    """Return host and port of a HOST:PORT, an IPv6 address without its brackets."""
    host, _, port = bind.rpartition(":")
    return host.strip("[]"), port


def url_host(host: str) -> str:
    """Return a host as it is written in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def sandbox_smtp_url(zype_url: str) -> str | None:
    """Return where the sandbox takes mail if nothing else is set: on loopback, 24 ports above its own.

    TVs on the same network may reach the sandbox itself; mail comes from this machine alone.
    A port that does not exist is replaced by one 24 below. None if the URL of the sandbox is not valid.
    """
    try:
        parts = urlsplit(zype_url)
        host, port = parts.hostname or "", (parts.port or 80) + 24
    except ValueError:
        return None
    return f"smtp://{url_host(host) if is_loopback(host) else '127.0.0.1'}:{port if port < 65536 else port - 48}"


def plain_smtp_address(smtp_url: str) -> tuple[str, int] | None:
    """Return host and port of a mail server on loopback that needs no TLS and no sign-in; none for any other."""
    parts = urlsplit(smtp_url)
    is_plain = parts.scheme == "smtp" and "@" not in parts.netloc and is_loopback(parts.hostname or "")
    return (parts.hostname or "", parts.port or 25) if is_plain else None


def client_address(text: str) -> str:
    """Return a client's address in its shortest form, or NO_ADDRESS.

    Args:
        text: as a server or a proxy writes it: perhaps with a port, in quotes (RFC 7239, section 6) or brackets, or
            with the zone of an IPv6 address.
    """
    # Nothing longer is kept in memory, because a client may have written it.
    parsed = _parse_address(text) if len(text) <= MAX_LENGTH else None
    return NO_ADDRESS if parsed is None else str(parsed)


@lru_cache(maxsize=4096)
def network_prefix(address: str) -> str:
    """Return what counts as one client: an IPv4 address, the /64 network of an IPv6 one, or NO_ADDRESS."""
    parsed = _parse_address(address)
    return _network(parsed, 64) if isinstance(parsed, IPv6Address) else client_address(address)


@lru_cache(maxsize=4096)
def site_prefix(address: str) -> str | None:
    """Return the /48 network of an IPv6 address, which one customer of a provider may have as a whole; else none."""
    parsed = _parse_address(address)
    return _network(parsed, 48) if isinstance(parsed, IPv6Address) else None


@lru_cache(maxsize=4096)
def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in a text; an IPv4 address that is written as an IPv6 one is the former."""
    text = text.strip().strip('"')
    host, colon, port = text.rpartition(":")
    candidates = [text, host] if colon and port.isascii() and port.isdigit() else [text]
    for candidate in candidates:
        with suppress(ValueError):
            return _unwrapped(ip_address(_without_brackets(candidate).partition("%")[0]))
    return None


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for, if it does. Otherwise all of them would be one client."""
    if isinstance(address, IPv6Address) and address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _without_brackets(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _network(address: IPv6Address, bits: int) -> str:
    return str(ip_network((address, bits), strict=False))
