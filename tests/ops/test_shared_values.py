"""Metrics are added up over processes in memory, outlive a process, and can fail nothing."""

import fcntl
import os
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values

from portal.pages.ops.shared_values import SharedValues, ValueFiles
from tests.harness.internals import logged


class Process:
    """What one process of a server counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shared = SharedValues()
        with monkeypatch.context() as patch:
            patch.setattr(values, "ValueClass", self.shared.value)
            self.registry = CollectorRegistry()
            self.links = Counter("links", "Links.", ["outcome"], registry=self.registry)
            self.plain = Counter("plain", "Without labels.", registry=self.registry)
            self.seconds = Histogram("seconds", "Seconds.", buckets=(1.0, 2.0), registry=self.registry)
            self.open = Gauge("open", "Breakers.", multiprocess_mode="livesum", registry=self.registry)
            self.linked = self.links.labels("linked")


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Process]]:
    """Return a maker of processes, which hold their files until the end of the test."""
    made = []

    def make() -> Process:
        made.append(Process(monkeypatch))
        return made[-1]

    yield make
    for process in made:
        if process.shared._file:
            process.shared._file.close()


@pytest.fixture
def files() -> Iterator[ValueFiles]:
    """The files of a server."""
    made = ValueFiles()
    yield made
    for file in made._files:
        os.close(file)


def shown(files: ValueFiles) -> dict[str, float]:
    """Return what Prometheus is shown of all processes."""
    registry = CollectorRegistry()
    registry.register(files)
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_processes_are_added_up_and_what_one_has_counted_outlives_it(
    process: Callable[[], Process], files: ValueFiles
) -> None:
    taken = [files.take() for _ in range(2)]
    assert shown(files) == {}, "before a process has begun"
    workers = [process() for _ in taken]
    for worker, file in zip(workers, taken, strict=True):
        worker.shared.put_into(file)
        worker.linked.inc()
        worker.seconds.observe(1.5)
        worker.open.set(1)
    expected = {
        'links_total{outcome="linked"}': 2.0,
        "plain_total": 0.0,
        'seconds_bucket{le="1.0"}': 0.0,
        'seconds_bucket{le="2.0"}': 2.0,
        'seconds_bucket{le="+Inf"}': 2.0,
        "seconds_sum": 3.0,
        "seconds_count": 2.0,
        "open": 2.0,
    }
    assert shown(files) == expected

    files.give_back(taken[0])
    assert shown(files) == expected | {"open": 1.0}
    assert files.take() == taken[0]
    process().shared.put_into(taken[0])
    assert shown(files) == expected | {"open": 1.0}, "a breaker of a new process is closed"
    assert workers[1].registry.get_sample_value("links_total", {"outcome": "linked"}) == 1.0


def test_what_was_counted_before_is_kept(process: Callable[[], Process], files: ValueFiles) -> None:
    worker = process()
    worker.plain.inc()
    worker.shared.put_into(files.take())
    assert shown(files)["plain_total"] == 1.0


def test_a_process_for_whose_metrics_there_is_no_memory_goes_on(
    process: Callable[[], Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = os.memfd_create("small", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.truncate(file, 4096)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    worker = process()
    worker.shared.put_into(file)
    monkeypatch.setattr(values, "ValueClass", worker.shared.value)
    with logged() as events:
        for number in range(1000):
            worker.links.labels(str(number)).inc()
            worker.seconds.observe(number)
    assert [event["event"] for event in events] == ["metrics_lost"], "it is told once"
    assert worker.registry.get_sample_value("links_total", {"outcome": "999"}) == 1.0
    os.close(file)
