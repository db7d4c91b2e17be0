"""A real Redis server, to be killed, to hang and to be started again."""

import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.harness.programs import need
from tests.harness.servers import free_port
from tests.harness.starting import wait_until_it_answers


class Redis:
    """A real Redis server on a port of its own, to be killed and started again."""

    PROGRAM = "redis-server"

    def __init__(self) -> None:
        # By its own name: in Debian it is a link to a program that does what its name says.
        need(self.PROGRAM)
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        """Start it, and return when it answers."""
        command = [self.PROGRAM, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        log = self._folder / "log"
        with log.open("wb") as output:
            self.process = subprocess.Popen([*command, "--dir", self._folder], stdout=output)
        # The client itself would wait a second or so before it tries again.
        with redis.Redis("127.0.0.1", self.port, retry=Retry(NoBackoff(), retries=0)) as client:
            wait_until_it_answers(self.process, partial(_answers, client), log.read_text)

    def kill(self) -> None:
        """End it as a machine that loses its power does."""
        self.process.kill()
        self.process.wait(5)

    def hang(self) -> None:
        """Stop it in its tracks: it keeps its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again what it was asked meanwhile."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove what it wrote."""
        self.kill()
        shutil.rmtree(self._folder)


def _answers(client: redis.Redis) -> bool:
    with suppress(redis.ConnectionError):
        return bool(client.ping())
    return False
