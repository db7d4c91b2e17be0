"""What Kubernetes and Docker put into an environment is no setting, and no fault."""

from portal.settings.loading import load
from portal.settings.platforms import injected, without_injected
from tests.settings.conftest import FaultsOf

# Of services called portal, portal-redis and portal-dns, and of a link.
KUBERNETES = {
    "PORTAL_SERVICE_HOST": "10.96.14.7",
    "PORTAL_SERVICE_PORT": "80",
    "PORTAL_SERVICE_PORT_HTTP": "80",
    "PORTAL_PORT": "tcp://10.96.14.7:80",
    "PORTAL_PORT_80_TCP": "tcp://10.96.14.7:80",
    "PORTAL_PORT_80_TCP_PROTO": "tcp",
    "PORTAL_PORT_80_TCP_PORT": "80",
    "PORTAL_PORT_80_TCP_ADDR": "10.96.14.7",
    "PORTAL_REDIS_SERVICE_HOST": "fd00::7",
    "PORTAL_REDIS_SERVICE_PORT_REDIS_TLS": "6379",
    "PORTAL_REDIS_PORT_6379_TCP_ADDR": "fd00::7",
    "PORTAL_DNS_PORT": "udp://[fd00::7]:53",
    "PORTAL_DNS_PORT_53_UDP": "udp://[fd00::7]:53",
    "PORTAL_DNS_PORT_53_UDP_PROTO": "udp",
}
DOCKER = {
    "PORTAL_DB_NAME": "/web/portal_db",
    "PORTAL_DB_PORT": "tcp://172.17.0.5:5432",
    "PORTAL_DB_PORT_5432_TCP_START": "tcp://172.17.0.5:5432",
    "PORTAL_DB_PORT_5432_TCP_PORT_END": "5433",
    "PORTAL_DB_ENV_POSTGRES_USER": "anything",
}
MISTAKES = {
    "PORTAL_PORT": "8000",
    "PORTAL_SERVICE_HOST": "tv.example.com",
    "PORTAL_SERVICE_PORT": "http",
    "PORTAL_REDIS_PORT_6379_TCP_PROTO": "6379",
    "PORTAL_REDIS_PORT_6379_TCP": "redis://127.0.0.1:6379",
    "PORTAL_BRAND": "/a/b",
    "PORTAL_NAME": "Example TV",
    "PORTAL_REDIS_ENV_PASSWORD": "hush",
}


def test_names_of_that_shape_with_such_a_value_are_ignored() -> None:
    environ = KUBERNETES | DOCKER
    assert injected(environ) == environ.keys()
    assert without_injected(environ | {"PORTAL_MODE": "live"}) == {"PORTAL_MODE": "live"}
    assert load(environ).model_fields_set == load({}).model_fields_set


def test_any_other_value_is_a_fault(faults_of: FaultsOf) -> None:
    assert injected(MISTAKES) == frozenset()
    assert faults_of(MISTAKES).keys() == MISTAKES.keys()
