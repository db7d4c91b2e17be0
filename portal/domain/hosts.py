"""Hosts as two addresses on the web are compared by them."""

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def without_default_port(host: str, scheme: str) -> str:
    """Return a host as browsers write it in Host and Origin: in lower case, without the scheme's own port."""
    return host.lower().removesuffix(_DEFAULT_PORTS.get(scheme, ""))
