"""Variables that Kubernetes and Docker put into a container for each service: of a service portal, they look like ours.

Kubernetes does so unless a pod has ``enableServiceLinks: false``, Docker for links.
"""

import re
from collections.abc import Mapping

_PREFIX = r"PORTAL(?:_[A-Z0-9_]+)?"
_ADDRESS = r"[0-9A-Fa-f.:]+"
_TRANSPORT = "(?:TCP|UDP|SCTP)"
# Name and value: PORTAL_PORT=8000 is somebody's mistake, and PORTAL_PORT=tcp://10.96.14.7:80 is not.
_INJECTED = re.compile(
    rf"{_PREFIX}_(?:"
    rf"SERVICE_HOST={_ADDRESS}|"
    r"SERVICE_PORT(?:_[A-Z0-9_]+)?=\d{1,5}|"
    rf"PORT(?:_\d+_{_TRANSPORT})?(?:_START|_END)?=(?:tcp|udp|sctp)://\S+|"
    rf"PORT_\d+_{_TRANSPORT}_(?:PROTO=(?:tcp|udp|sctp)|PORT(?:_START|_END)?=\d{{1,5}}|ADDR={_ADDRESS})|"
    r"NAME=/\S+/\S+"
    r")"
)
# What a linked container has in its own environment, for any name and value.
_OF_LINKED = re.compile(rf"(?P<link>{_PREFIX})_ENV_\w+")


def injected(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the names of the variables that a platform has set, and nobody meant as a setting."""
    names = {name for name, value in environ.items() if _INJECTED.fullmatch(f"{name}={value.strip()}")}
    of_linked = {name: match["link"] for name in environ if (match := _OF_LINKED.fullmatch(name))}
    return frozenset(names | {name for name, link in of_linked.items() if f"{link}_NAME" in names})


def without_injected(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without them."""
    names = injected(environ)
    return {name: value for name, value in environ.items() if name not in names}
