"""How tests are found and shared out among processes; what they have in common is in ``tests/fixtures.py``."""

import contextlib
import gc
import importlib
import json
import os
import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling
from xdist.workermanage import WorkerController

from tests.harness.run_folder import make_run_folder, remove_run_folder, run_folder

TESTS = Path(__file__).parent
# Where tests take seconds.
STORIES = ("faults", "stories")
GROUPS = "groups.json"
MEMORY = Path("/dev/shm")  # noqa: S108 - Pytest makes a folder of its own there.
MEMORY_BYTES = 2**30


class Scheduling(LoadGroupScheduling):
    """Shares tests out by group, and forgets a group that is done: xdist counts all that it remembers at every test.

    Workers tell the groups by a file. xdist adds them to the ids of the tests, which since pytest 9.2 changes nothing.
    """

    @cached_property
    def _groups(self) -> dict[str, str]:
        groups: dict[str, str] = json.loads((run_folder() / GROUPS).read_text("utf-8"))
        return groups

    def _split_scope(self, nodeid: str) -> str:
        return self._groups.get(nodeid, nodeid)

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """Mark a test as completed, and give its worker more to do."""
        assigned = self.assigned_work[node]
        scope = self._split_scope(self.registered_collections[node][item_index])
        tests = assigned[scope]
        super().mark_test_complete(node, item_index, duration)
        if all(tests.values()):
            del assigned[scope]


def pytest_configure() -> None:
    """Keep the folders of the tests in memory where there is room: each commit of a database waits for the disk."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    if has_room:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    make_run_folder(MEMORY if has_room else None)
    # What is imported and collected stays, so no search for garbage among it is worth its time.
    gc.disable()


def pytest_unconfigure() -> None:
    """Remove what all processes of the run shared."""
    remove_run_folder()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Import the portal in processes that run tests, and not in one that only shares them out."""
    plugins = session.config.pluginmanager
    if not plugins.hasplugin("dsession"):
        plugins.register(importlib.import_module("tests.fixtures"), "tests.fixtures")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Start the process that forks, which imports the portal meanwhile; let each worker first import another part.

    Pytest rewrites the assertions of each file and keeps the result. In a new checkout every worker would do that for
    every file, at the same moment as the others.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != ["tests"]:
        return
    importlib.import_module("tests.harness.fork_server").fork_server()
    files = sorted(TESTS.rglob("test_*.py"))
    for file in files[int(worker["workerid"].removeprefix("gw")) :: worker["workercount"]]:
        # Pytest imports it again and reports what is wrong.
        with contextlib.suppress(Exception):
            importlib.import_module(".".join(file.relative_to(TESTS.parent).with_suffix("").parts))


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Keep tests that share what is slow to start in one worker: Chromium, hypothesis, or what a module starts once.

    Stories come first: one that came last would keep a worker busy for seconds while the others have nothing to do.
    """
    for item in items:
        if isinstance(item, pytest.Function):
            fixtures = item._fixtureinfo.name2fixturedefs
            if "browser" in fixtures:
                item.add_marker(pytest.mark.xdist_group("chromium"))
            elif getattr(item.obj, "is_hypothesis_test", False):
                # In each process that has such a test hypothesis first reads all modules of the portal, in two seconds.
                item.add_marker(pytest.mark.xdist_group("hypothesis"))
            elif any(definitions[-1].scope == "module" for definitions in fixtures.values()):
                item.add_marker(pytest.mark.xdist_group(item.path.stem))
    if hasattr(config, "workerinput"):
        write_groups(items)
    with pytest.MonkeyPatch.context() as patch:
        # Each worker has collected such tests, and one runs them: ``pytest_runtest_setup`` reads the modules there.
        patch.setattr("hypothesis.internal.conjecture.providers._get_local_constants", lambda: None)
        yield
    items.sort(key=lambda item: item.path.parent.name not in STORIES)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Read the constants for hypothesis before its clock runs."""
    if item.get_closest_marker("hypothesis"):
        importlib.import_module("hypothesis.internal.conjecture.providers")._get_local_constants()


def write_groups(items: list[pytest.Item]) -> None:
    """Write the group of each test that has one; all workers of a run write the same."""
    marks = ((item.nodeid, item.get_closest_marker("xdist_group")) for item in items)
    groups = {nodeid: mark.args[0] for nodeid, mark in marks if mark}
    file = run_folder() / f"{GROUPS}.{os.getpid()}"
    file.write_text(json.dumps(groups), encoding="utf-8")
    file.rename(run_folder() / GROUPS)


def pytest_collection_finish() -> None:
    """Look for garbage from now on, and only in what comes after this."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Use our scheduler for ``--dist=loadgroup``."""
    return Scheduling(config, log) if config.getoption("dist") == "loadgroup" else None
