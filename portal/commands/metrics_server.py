"""``/metrics`` on an address of its own, in the process that starts the workers, whose metrics it adds up."""

from typing import Any

from prometheus_client import CollectorRegistry, start_http_server

from portal.pages.ops.shared_values import OWN, ValueFiles
from portal.settings.addresses import split_bind


class MetricsServer:
    """What gunicorn has to do for it is in ``hooks``.

    Args:
        bind: where it listens, as HOST:PORT.
    """

    def __init__(self, bind: str) -> None:
        self.files = ValueFiles()
        self._bind = bind
        self._listener: Any = None
        self.hooks = {
            "when_ready": self._start,
            "pre_fork": self._give_file,
            "post_fork": self._begin_worker,
            "child_exit": self._keep_file,
        }

    def _start(self, _arbiter: object) -> None:
        registry = CollectorRegistry()
        registry.register(self.files)
        host, port = split_bind(self._bind)
        server, _thread = start_http_server(int(port), addr=host, registry=registry)
        self._listener = server.socket

    def _give_file(self, _arbiter: object, worker: Any) -> None:
        worker.values_file = self.files.take()

    def _begin_worker(self, _arbiter: object, worker: Any) -> None:
        # Otherwise the port would be taken, and nobody would answer there, until the last worker ends.
        self._listener.close()
        OWN.put_into(worker.values_file)

    def _keep_file(self, _arbiter: object, worker: Any) -> None:
        self.files.give_back(worker.values_file)
