"""The alerts in docs/deploy, judged by Prometheus' own promtool: each fires for what it is about alone."""

import re
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.deployment.alerts import ALERTS, Series
from tests.deployment.files import DEPLOY
from tests.deployment.promql import grouped_by, selectors
from tests.docs.pages import read
from tests.harness.metrics import SCRAPED, labels_of, metric_of, wrong_values
from tests.harness.programs import need

RULES = DEPLOY / "prometheus-rules.yaml"
# No alert is about these alone: their age says when there are too many.
WITHOUT_ALERT = {"portal_outbox_waiting", "portal_ledger_pending"}


@cache
def rules() -> dict[str, dict[str, Any]]:
    """Return every alert, by its name."""
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [need("promtool"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@dataclass
class Run:
    """A run of Prometheus over some series, and what is expected of some alerts at its end."""

    series: dict[str, str] = field(default_factory=dict)
    expected: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def takes(self, series: Series) -> bool:
        """Tell whether these series are of metrics that the run does not have."""
        return metrics_of(series).isdisjoint(metrics_of(self.series))

    def expects(self, name: str, minutes: int, samples: list[dict[str, Any]]) -> None:
        """Add what an alert has to be after so many minutes."""
        query = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
        self.expected.append((name, {"expr": query, "eval_time": f"{minutes}m", "exp_samples": samples}))


def metrics_of(series: Series) -> set[str]:
    return {name.partition("{")[0] for name in series}


def runs() -> list[Run]:
    """Return all cases, in as few runs as possible, since each takes a third of a second."""
    found: list[Run] = []
    for name, case in ((name, case) for name, cases in ALERTS.items() for case in cases):
        labels = {"alertname": name, "alertstate": "firing", "severity": rules()[name]["labels"]["severity"]}
        written = ",".join(f'{label}="{value}"' for label, value in {**labels, **case.labels}.items())
        for series, samples in (
            (case.fires, [{"labels": f"ALERTS{{{written}}}", "value": 1}]),
            (case.quiet, []),
        ):
            run = next((run for run in found if run.takes(series)), None)
            if run is None:
                found.append(run := Run())
            run.series |= series
            run.expects(name, case.minutes, samples)
    return found


def run_tests(rule_file: Path, folder: Path, chosen: list[Run]) -> str:
    """Return what promtool says of rules in some runs."""
    file = folder / "tests.yaml"
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in run.series.items()],
            "promql_expr_test": [test for _, test in run.expected],
        }
        for run in chosen
    ]
    file.write_text(yaml.safe_dump({"rule_files": [str(rule_file)], "evaluation_interval": "1m", "tests": tests}))
    done = promtool("test", "rules", file)
    return done.stdout + done.stderr


def test_prometheus_accepts_the_files(tmp_path: Path) -> None:
    done = promtool("check", "rules", RULES)
    assert done.returncode == 0, done.stderr
    config = tmp_path / "prometheus.yml"
    config.write_text((DEPLOY / "prometheus.yml").read_text().replace("/etc/prometheus", str(DEPLOY)))
    done = promtool("check", "config", config)
    assert done.returncode == 0, done.stderr
    [job] = yaml.safe_load(config.read_text())["scrape_configs"]
    assert {job["job_name"]} == set(re.findall(r'job="([^"]+)"', RULES.read_text()))


def test_each_alert_fires_for_what_it_is_about_and_for_that_alone(tmp_path: Path) -> None:
    assert set(ALERTS) == set(rules())
    assert run_tests(RULES, tmp_path, runs()).count("SUCCESS") == 1


def test_an_alert_that_always_fires_or_never_does_is_found(tmp_path: Path) -> None:
    document = yaml.safe_load(RULES.read_text())
    always = set(list(rules())[::2])
    for rule in document["groups"][0]["rules"]:
        rule.update({"expr": "vector(1)" if rule["alert"] in always else "vector(0) > 1", "for": "0s"})
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(document))
    chosen = runs()[:2]
    said = run_tests(file, tmp_path, chosen)
    tests = [(name in always, bool(test["exp_samples"])) for run in chosen for name, test in run.expected]
    assert said.count("exp: nil") == tests.count((True, False)) > 0
    assert said.count("got: nil") == tests.count((False, True)) > 0


def test_alerts_are_about_metrics_of_the_portal_and_their_labels() -> None:
    seen = set()
    for name, rule in rules().items():
        for metric, values in selectors(rule["expr"]):
            seen.add(metric_of(metric))
            assert set(values) <= labels_of(metric), (name, metric)
            assert wrong_values(values) == {}, name
        known = set().union(*(labels_of(metric) for metric, _ in selectors(rule["expr"])))
        assert grouped_by(rule["expr"]) <= known, name
        summary = rule["annotations"]["summary"]
        assert set(re.findall(r"\$labels\.(\w+)", summary)) <= known, name
        assert summary.rstrip("\"'").endswith("."), name
        assert rule["labels"]["severity"] in ("critical", "warning"), name
    assert seen - {"up"} == set(SCRAPED) - WITHOUT_ALERT


def test_series_in_the_cases_have_the_labels_that_the_portal_gives_them() -> None:
    for name, cases in ALERTS.items():
        for text in (text for case in cases for series in (case.fires, case.quiet) for text in series):
            [(metric, values)] = selectors(text)
            assert set(values) <= labels_of(metric), (name, text)
            assert wrong_values(values) == {}, (name, text)


def test_each_alert_has_a_paragraph_that_says_what_to_do() -> None:
    section = read("docs/operating.md").partition("\n## Alerts\n")[2].partition("\n## ")[0]
    paragraphs = dict(re.findall(r"^\*\*`(\w+)`\*\* (.+?)(?=\n\n|\Z)", section, re.MULTILINE | re.DOTALL))
    assert list(paragraphs) == list(rules()), "the same order, too"
    assert [name for name, text in paragraphs.items() if len(text) < 80] == []
