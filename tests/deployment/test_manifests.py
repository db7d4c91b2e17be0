"""compose.yaml and the manifests for Kubernetes fit together, and say what the settings and the code say.

`make lint` judges them by their schemas. Here is what no schema knows.
"""

from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal import __version__
from portal.commands.serve import MARGIN_SECONDS
from portal.settings.loading import load
from portal.settings.settings import Settings
from tests.deployment.files import DEPLOY

SAMPLES = {
    "database_url": "postgresql+psycopg://activate:a-password@postgres/activate",
    "owner_url": "postgresql+psycopg://activate_owner:a-password@postgres/activate",
    "redis_url": "redis://:a-password@valkey:6379/0",
}
KEY = "0f1e2d3c" * 8
UID = 10001


def compose() -> dict[str, Any]:
    """Return the services of compose.yaml."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def manifests() -> Iterator[dict[str, Any]]:
    """Yield every object for Kubernetes."""
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text())


def manifest(kind: str) -> dict[str, Any]:
    """Return the one object of a kind."""
    [found] = [each for each in manifests() if each["kind"] == kind]
    return found


def pods() -> list[dict[str, Any]]:
    """Return the specification of every pod."""
    return [manifest(kind)["spec"]["template"]["spec"] for kind in ("Deployment", "Job")]


def settings_of(environ: Mapping[str, str], folder: Path) -> Settings:
    """Return the settings of a container, with sample values in the files of its secrets."""
    given = dict(environ)
    for name, path in environ.items():
        if name.endswith("_FILE"):
            secret = folder / Path(path).name
            secret.write_text(SAMPLES.get(secret.name, KEY if "key" in secret.name else "a-secret"))
            given[name] = str(secret)
    return load({"PORTAL_BIND": "0.0.0.0:8000", **given})


def needed_seconds(settings: Settings) -> float:
    """Return how long a portal may take to stop."""
    return settings.drain_seconds + ceil(settings.zype_deadline) + MARGIN_SECONDS


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_the_settings_of_every_container_are_accepted(tmp_path: Path) -> None:
    services = compose()["services"]
    data = manifest("ConfigMap")["data"]
    portals = [services[name]["environment"] for name in services if name.startswith("portal-")]
    assert len(portals) == 3
    for environ in (*portals, services["migrate"]["environment"], data):
        settings = settings_of(environ, tmp_path)
        assert settings.mode == "live"
        assert settings.proxy_hops == 1
        assert settings.metrics_bind != settings.bind
    [override] = manifest("Job")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert settings_of(data | {override["name"]: override["value"]}, tmp_path).database_url


def test_a_container_is_given_as_long_to_stop_as_the_portal_takes(tmp_path: Path) -> None:
    service = compose()["services"]["portal-1"]
    assert seconds(service["stop_grace_period"]) > needed_seconds(settings_of(service["environment"], tmp_path))
    grace = manifest("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > needed_seconds(settings_of(manifest("ConfigMap")["data"], tmp_path))


def test_compose_names_only_files_that_are_there_or_that_make_secrets_makes() -> None:
    whole = compose()
    made = (DEPLOY / "make-secrets").read_text()
    for name, secret in whole["secrets"].items():
        assert secret["file"] == f"secrets/{name}"
        assert name in made
    for service in whole["services"].values():
        assert set(service.get("secrets", [])) <= whole["secrets"].keys()
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in whole["volumes"] or source.startswith("./tls/") or (DEPLOY / source).is_file(), volume


def test_every_container_of_compose_is_confined() -> None:
    for name, service in compose()["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        # PostgreSQL's image starts as root, and gives that up itself.
        assert name == "postgres" or (service["read_only"] and service["cap_drop"] == ["ALL"]), name
        assert service.get("healthcheck", {}).get("test") or service["restart"] == "no", name


def test_the_pods_are_restricted_as_the_pod_security_standards_say() -> None:
    for pod in pods():
        [container] = pod["containers"]
        given = pod["securityContext"]
        assert given["runAsNonRoot"]
        assert given["runAsUser"] == given["runAsGroup"] == given["fsGroup"] == UID
        assert given["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"emptyDir", "secret", "name"} >= {key for volume in pod["volumes"] for key in volume}
        assert pod["enableServiceLinks"] is pod["automountServiceAccountToken"] is False
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
        assert container["resources"]["limits"].keys() == {"memory"}


def test_whoever_selects_the_portals_finds_them_and_their_ports() -> None:
    template = manifest("Deployment")["spec"]["template"]
    labels = template["metadata"]["labels"].items()
    [container] = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": 8000, "metrics": 9100}
    selectors = [manifest(kind)["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")]
    selectors += [manifest("Service")["spec"]["selector"]]
    job = manifest("Job")["spec"]["template"]["metadata"]["labels"].items()
    for selector in selectors:
        assert selector.items() <= labels
        assert not selector.items() <= job
    policy = manifest("NetworkPolicy")["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= labels & job
    allowed = [port["port"] for rule in policy["ingress"] for port in rule["ports"]]
    assert allowed == ["http", "metrics"]
    # Metrics are in no Service.
    assert [port["targetPort"] for port in manifest("Service")["spec"]["ports"]] == ["http"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    assert {probe["port"] for probe in probes.values()} == {"http"}


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_the_manifests_name_this_version(kind: str) -> None:
    [container] = manifest(kind)["spec"]["template"]["spec"]["containers"]
    assert container["image"].endswith(f"/zype-activate:{__version__}")
