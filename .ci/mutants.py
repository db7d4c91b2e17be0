"""Runs mutation tests (``make mutants``): changes the source in one place at a time, and counts what the tests find.

Each room is tested by its own folder of tests only. Trying every mutant takes hours, so a sample is chosen by a hash of
their names: the same sample each time, also after a file has moved.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from mutmut.__main__ import cli as mutmut
from mutmut.configuration import config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import get_mutant_name

# mutmut writes to this folder only.
WORK = Path("mutants")
VERDICTS = WORK / "verdicts.json"
REPORT = WORK / "report.txt"
SURVIVING = ("survived", "no tests")


@dataclass(frozen=True)
class Subject:
    """A room and the tests that have to find its mutants.

    Args:
        source: files and folders.
        tests: files and folders.
        sample_size: how many mutants are tried.
    """

    source: tuple[str, ...]
    tests: tuple[str, ...]
    sample_size: int = 200

    def files(self) -> list[Path]:
        """Return the source files."""
        places = map(Path, self.source)
        return sorted(file for place in places for file in (place.rglob("*.py") if place.is_dir() else [place]))

    def mutants(self) -> list[tuple[Path, str]]:
        """Return the sample: the file of each mutant, and its name in mutmut."""
        made = [
            (file, get_mutant_name(file, name))
            for file in self.files()
            for name in mutate_file_contents(str(file), file.read_text()).mutant_names
        ]
        # Without the name of its module, so that moving a file does not change the sample.
        return sorted(made, key=lambda mutant: sha256(mutant[1].rpartition(".")[2].encode()).digest())[
            : self.sample_size
        ]


SUBJECTS = {
    "linking": Subject(("portal/linking",), ("tests/linking",)),
    "ledger": Subject(("portal/ledger",), ("tests/ledger",)),
    "zype": Subject(("portal/zype",), ("tests/zype",)),
    "domain": Subject(("portal/domain",), ("tests/domain",)),
    "identity": Subject(("portal/pages/identity",), ("tests/identity",)),
}


@dataclass(frozen=True)
class Verdict:
    """The result of one mutant.

    Args:
        subject: the room.
        name: its name in mutmut.
        status: as mutmut calls it, such as ``killed``.
        change: its diff, if no test found it.
    """

    subject: str
    name: str
    status: str
    change: str


def main() -> None:
    """Try the mutants of each room, print the scores, and write the survivors to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subjects", nargs="*", default=list(SUBJECTS), help=f"of {', '.join(SUBJECTS)}")
    parser.add_argument("--max-children", type=int, default=os.cpu_count() or 1, help="how many run at a time")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.in_this_process:
        try_out(given.subjects[0], given.max_children)
        return
    verdicts: list[Verdict] = []
    for subject in given.subjects:
        shutil.rmtree(WORK, ignore_errors=True)
        # mutmut keeps settings and statistics in its process, and the order of a set decides which test comes first.
        command = [sys.executable, __file__, subject, f"--max-children={given.max_children}", "--in-this-process"]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "0"})  # noqa: S603 - the command is this file.
        verdicts += [Verdict(**verdict) for verdict in json.loads(VERDICTS.read_text())]
    table = scores(verdicts)
    changes = [f"{v.name}: {v.status}\n{v.change}\n" for v in verdicts if v.status in SURVIVING]
    REPORT.write_text("\n".join([table, *changes]))
    sys.stdout.write(f"\n{table}\nThe survivors are in {REPORT}.\n")


def try_out(name: str, children: int) -> None:
    """Try the mutants of one room, and write the results to a file."""
    subject = SUBJECTS[name]
    # pytest stores the ids of parameters, and would escape them again when it collects a second time in one process.
    pytest.Mark._param_ids_generated = property(lambda mark: None, lambda mark, ids: None)  # type: ignore[assignment]
    config().only_mutate = [str(file) for file in subject.files()]
    config().pytest_add_cli_args_test_selection = list(subject.tests)
    mutants = subject.mutants()
    names = [mutant for _, mutant in mutants]
    mutmut.main(["run", f"--max-children={children}", *names], standalone_mode=False)
    verdicts = []
    for file, mutant in mutants:
        codes = json.loads((WORK / f"{file}.meta").read_text())["exit_code_by_key"]
        status = status_by_exit_code[codes[mutant]]
        diff = get_diff_for_mutant(mutant, path=file) if status in SURVIVING else ""
        verdicts.append(asdict(Verdict(name, mutant, status, diff)))
    VERDICTS.write_text(json.dumps(verdicts))


def scores(verdicts: list[Verdict]) -> str:
    """Return the table of scores.

    A mutant that makes the tests hang or crash counts as killed, and one that no test runs as survived.
    """
    lines = [f"{'':10}{'tried':>8}{'killed':>9}{'time-out':>9}{'survived':>10}{'not run':>10}{'score':>9}"]
    for subject in (*dict.fromkeys(verdict.subject for verdict in verdicts), "all"):
        counts = Counter(verdict.status for verdict in verdicts if subject in (verdict.subject, "all"))
        tried = counts.total()
        killed = tried - counts["survived"] - counts["no tests"]
        lines.append(
            f"{subject:10}{tried:8}{killed:9}{counts['timeout']:9}{counts['survived']:10}{counts['no tests']:10}"
            f"{killed / tried:9.1%}"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
