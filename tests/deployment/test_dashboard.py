"""The dashboard in docs/deploy: it shows every metric, and Prometheus answers each of its queries with numbers."""

import json
import math
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.deployment.files import DEPLOY
from tests.deployment.promql import grouped_by, selectors
from tests.harness import servers
from tests.harness.environment import live_environ
from tests.harness.metrics import SCRAPED, labels_of, metric_of, wrong_values
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.harness.programs import need
from tests.harness.servers import Port, free_port
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.timing import is_soon

# Of Grafana: counts and requests a second, seconds, and shares from 0 to 1.
UNITS = {"short", "s", "cps", "reqps", "percentunit"}
WIDTH = 24
SECONDS = 20.0


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    return found


def panels() -> list[dict[str, Any]]:
    """Return the panels that show something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> dict[str, str]:
    """Return every query, by its panel and its letter."""
    return {f"{panel['title']} {target['refId']}": target["expr"] for panel in panels() for target in panel["targets"]}


def test_every_metric_is_shown_by_labels_that_it_has() -> None:
    shown = set()
    for name, query in queries().items():
        found = [*selectors(query)]
        shown |= {metric_of(metric) for metric, _ in found}
        for metric, values in found:
            assert set(values) <= labels_of(metric), (name, metric)
            assert values["instance"] == ["$instance"], (name, "is of the chosen machines")
            assert wrong_values(values) == {}, name
        assert grouped_by(query) <= set().union(*(labels_of(metric) for metric, _ in found)), name
        has_counter = any(metric.endswith(("_total", "_count", "_bucket")) for metric, _ in found)
        assert has_counter is ("rate(" in query or "increase(" in query), (name, "a counter is shown by its growth")
        assert ("histogram_quantile(" in query) is any(metric.endswith("_bucket") for metric, _ in found), name
    assert shown == set(SCRAPED)


def test_panels_have_titles_units_and_places_of_their_own() -> None:
    everything = dashboard()["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    taken: set[tuple[int, int]] = set()
    for panel in everything:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < WIDTH, panel["title"]
        assert not taken & cells, panel["title"]
        taken |= cells
        assert not panel["title"][0].islower(), panel["title"]
        assert "_" not in panel["title"], "words, not names of metrics"
    titles = [panel["title"] for panel in everything]
    assert len(set(titles)) == len(titles)
    for panel in panels():
        title, unit = panel["title"], panel["fieldConfig"]["defaults"]["unit"]
        assert unit in UNITS, title
        assert panel["description"].endswith("."), title
        for target in panel["targets"]:
            assert target["legendFormat"], title
            assert (unit == "s") is (target["expr"].startswith("histogram") or "_age_seconds" in target["expr"]), title
            assert (unit in ("cps", "reqps")) is (target["expr"].startswith("sum by") and "rate(" in target["expr"]), (
                title
            )


def test_the_dashboard_works_with_any_prometheus() -> None:
    variables = {variable["name"]: variable for variable in dashboard()["templating"]["list"]}
    assert variables["datasource"]["query"] == "prometheus"
    [(metric, _)] = selectors(variables["instance"]["definition"])
    assert metric in SCRAPED
    sources = [
        variables["instance"]["datasource"],
        *(target["datasource"] for p in panels() for target in p["targets"]),
    ]
    assert {source["uid"] for source in sources} == {"${datasource}"}


class Prometheus:
    """Debian's Prometheus, with the files in docs/deploy.

    Args:
        url: where it answers.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = requests.Session()
        self._http.trust_env = False

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of its answer; none while it does not answer."""
        try:
            answer = self._http.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=5)
        except requests.ConnectionError:
            return None
        return answer.json().get("data")

    def numbers(self, query: str) -> list[float]:
        """Return what it answers to a query, without what is not a number."""
        data = self.ask("query", query=query) or {"result": []}
        values = [float(sample["value"][1]) for sample in data["result"]]
        return [value for value in values if not math.isnan(value)]

    def faulty_rules(self) -> list[str] | None:
        """Return the rules that fail; none if some were not evaluated yet."""
        data = self.ask("rules") or {"groups": []}
        found = [rule for group in data["groups"] for rule in group["rules"]]
        if not found or any(rule["health"] == "unknown" for rule in found):
            return None
        return [f"{rule['name']}: {rule.get('lastError')}" for rule in found if rule["health"] != "ok"]

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}

    def close(self) -> None:
        self._http.close()


@contextmanager
def prometheus(target: str, folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus while the block runs; it asks the target three times a second."""
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    config["global"] = {"evaluation_interval": "500ms"}
    config["rule_files"] = [str(DEPLOY / Path(name).name) for name in config["rule_files"]]
    [job] = config["scrape_configs"]
    job |= {"scrape_interval": "300ms", "scrape_timeout": "300ms", "static_configs": [{"targets": [target]}]}
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    bind = f"127.0.0.1:{free_port()}"
    command = [need("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={bind}"], stdout=log, stderr=log)
    running = Prometheus(f"http://{bind}")
    try:
        yield running
    finally:
        running.close()
        process.terminate()
        process.wait(10)


def test_prometheus_answers_each_query_evaluates_each_rule_and_notices_the_first_refusal_of_the_key(
    environ: dict[str, str],
    port: Port,
    tmp_path: Path,
    sandbox: SimulatedZype,
    browse_over_http: Callable[[str], PageClient],
) -> None:
    metrics = f"127.0.0.1:{free_port()}"
    (tmp_path / "prometheus").mkdir()
    serve = servers.processes(live_environ(environ) | {"PORTAL_METRICS_BIND": metrics}, port, tmp_path)
    with prometheus(metrics, tmp_path / "prometheus") as asked, serve as portal:
        assert is_soon(lambda: asked.numbers("portal_database_up == 1"), SECONDS, every=0.1)
        alice = Alice(browse_over_http(portal.url))
        tv = sandbox.tv()
        alice.opens("/sign-in").signs_in()
        alice.opens("/activate").types_pin(tv.pin)
        assert tv.is_linked()

        def answers(query: str) -> list[float]:
            numbers = asked.numbers(query.replace("$__rate_interval", "1m").replace("$instance", ".*"))
            if not numbers:
                # A rate is about series that have grown since they were there.
                alice.opens("/activate")
            return numbers

        for name, query in queries().items():
            assert is_soon(lambda query=query: answers(query), SECONDS, every=0.1), name
        assert asked.numbers('sum(increase(portal_links_total{outcome="linked"}[1m])) > 0')
        assert is_soon(lambda: asked.faulty_rules() is not None, SECONDS, every=0.1)
        assert asked.faulty_rules() == []
        assert asked.firing() == set(), "nothing is wrong"
        alice.opens("/activate").types_pin("http401", status=503)
        assert is_soon(asked.firing, SECONDS, every=0.1)
        assert asked.firing() == {"PortalRefusedByZype"}
