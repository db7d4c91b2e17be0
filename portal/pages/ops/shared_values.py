"""Values of metrics that the processes of a server add up in memory.

prometheus_client's own values for several processes are in files of a folder. Each page then fails when the folder is
gone, and a disk that is full kills the process (SIGBUS). Here each process has a file that is in memory alone and has
no name (memfd_create, of Linux). A value that can't be written there is not shown; nothing else depends on it.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from threading import Lock
from typing import Any

import structlog
from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

log = structlog.get_logger("portal.ops")


class SharedValues:
    """All values of this process: its own, until they are put into a file of ``ValueFiles``."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._values: list[SharedValue] = []
        self._file: Any = None

    def value(
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: Sequence[str],
        labelvalues: Sequence[str],
        help_text: str,
        multiprocess_mode: str = "",
        **_: Any,
    ) -> "SharedValue":
        """Return a new value; prometheus_client calls this instead of a class of its own."""
        labels = dict(zip(labelnames, labelvalues, strict=True))
        value = SharedValue(self, json.dumps([typ, multiprocess_mode, metric_name, name, labels, help_text]))
        with self.lock:
            self._values.append(value)
            self._add_up(value)
        return value

    def put_into(self, file: int) -> None:
        """Write all values into a file from now on, added to what an earlier process has left in it.

        Gauges say how things are in a process, so they begin anew.
        """
        with self.lock:
            self._file = MmapedDict(os.dup(file))  # type: ignore[no-untyped-call]
            for key, *_ in [*self._file.read_all_values()]:
                if _is_gauge(key):
                    self._file.write_value(key, 0.0, 0.0)
            for value in self._values:
                self._add_up(value)

    def write(self, key: str, value: float, timestamp: float) -> None:
        """Write a value into the file, if there is one. The caller has the lock."""
        if self._file is None:
            return
        try:
            self._file.write_value(key, value, timestamp)
        except (OSError, ValueError, IndexError) as error:
            self._give_up(error)

    def _add_up(self, value: "SharedValue") -> None:
        if self._file is None:
            return
        try:
            value.number += self._file.read_value(value.key)[0]
            self._file.write_value(value.key, value.number, 0.0)
        except (OSError, ValueError, IndexError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Show no further values of this process: there is no more memory for them."""
        self._file.close()
        self._file = None
        log.error("metrics_lost", why=str(error))


class SharedValue:
    """One number of a metric; the names without docstrings are prometheus_client's."""

    def __init__(self, values: SharedValues, key: str) -> None:
        self.number = 0.0
        self.key = key
        self._values = values

    def inc(self, amount: float) -> None:
        with self._values.lock:
            self.number += amount
            self._values.write(self.key, self.number, 0.0)

    def set(self, value: float, timestamp: float | None = None) -> None:
        with self._values.lock:
            self.number = value
            self._values.write(self.key, value, timestamp or 0.0)

    def get(self) -> float:
        return self.number

    def get_exemplar(self) -> None:
        return None


class ValueFiles:
    """The files of all processes of a server, for the process that starts them; prometheus_client collects it.

    The file of a process that has ended is for the next one, so that no count is ever lost.
    """

    def __init__(self) -> None:
        self._files: list[int] = []
        self._free: list[int] = []

    def take(self) -> int:
        """Return the file of a process that is about to start."""
        if self._free:
            return self._free.pop()
        file = os.memfd_create("zype-activate-metrics")
        MmapedDict(os.dup(file)).close()  # type: ignore[no-untyped-call]
        self._files.append(file)
        return file

    def give_back(self, file: int) -> None:
        """Keep the file of a process that has ended."""
        self._free.append(file)

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of all processes, added up as prometheus_client does it for its own files."""
        metrics: dict[str, Any] = {}
        for process, file in enumerate([*self._files]):
            has_ended = file in self._free
            for key, number, timestamp in _read_values(file):
                typ, mode, metric_name, name, labels, help_text = json.loads(key)
                if has_ended and mode.startswith("live"):
                    continue
                metric = metrics.setdefault(metric_name, Metric(metric_name, help_text, typ))
                pairs = tuple(sorted(labels.items()))
                if typ == "gauge":
                    metric._multiprocess_mode = mode
                    pairs += (("pid", str(process)),)
                metric.add_sample(name, pairs, number, timestamp)
        added_up: Iterable[Metric] = MultiProcessCollector._accumulate_metrics(metrics, accumulate=True)  # type: ignore[no-untyped-call]
        return added_up


def _read_values(file: int) -> Iterator[tuple[str, float, float]]:
    # Without the lock, which a process that is forked meanwhile would inherit.
    with closing(MmapedDict(os.dup(file), read_mode=True)) as values:  # type: ignore[no-untyped-call]
        yield from values.read_all_values()  # type: ignore[no-untyped-call]


def _is_gauge(key: str) -> bool:
    return bool(json.loads(key)[0] == "gauge")


# Of this process.
OWN = SharedValues()
