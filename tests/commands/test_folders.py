"""What a command needs while it runs is in one folder, and what a killed one has left is deleted by the next."""

import os
import stat
from pathlib import Path

import pytest

from portal.commands import folders
from portal.commands.folders import FolderUnusable, runtime_folder, temporary_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_the_server_uses_the_folder_that_systemd_gives_it(tmp_path: Path) -> None:
    given, another = tmp_path / "run", tmp_path / "another"
    given.mkdir()
    assert runtime_folder({"RUNTIME_DIRECTORY": str(given)}) == given
    assert runtime_folder({"RUNTIME_DIRECTORY": f"{given}:{another}"}) == given
    assert [*given.iterdir()] == []


def test_without_one_it_is_memory_or_else_the_folder_for_temporary_files(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runtime_folder({}) == Path("/dev/shm")  # noqa: S108 - it exists on every Linux
    monkeypatch.setattr(folders, "MEMORY", "/nowhere")
    assert runtime_folder({"RUNTIME_DIRECTORY": ""}) == temporary


def test_a_folder_that_can_not_be_used_is_named_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for given, reason in ((tmp_path / "nowhere", "no such file or directory"), (file, "not a directory")):
        with pytest.raises(FolderUnusable) as fault:
            runtime_folder({"RUNTIME_DIRECTORY": str(given)})
        assert str(fault.value) == f"the folder of RUNTIME_DIRECTORY can't be written to: {reason}"


def test_a_temporary_folder_is_private_and_gone_after_its_block(temporary: Path) -> None:
    with temporary_folder("demo") as folder:
        assert folder.parent == temporary
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "file").touch()
    assert [*temporary.iterdir()] == []


def test_what_a_killed_command_has_left_is_deleted_by_the_next_one_and_nothing_else(
    temporary: Path, tmp_path: Path
) -> None:
    names = ("zype-activate-demo-left", "zype-activate-demo-new", "zype-activate-other-left", "other")
    left, new, purpose, other = (temporary / name for name in names)
    for folder in (left, new, purpose, other):
        (folder / "deep").mkdir(parents=True)
    target = tmp_path / "target"
    target.mkdir()
    link = temporary / "zype-activate-demo-link"
    link.symlink_to(target)
    with temporary_folder("demo") as running:
        for folder in (left, purpose, other, target, running):
            os.utime(folder, (0, 0))
        with temporary_folder("demo") as second:
            assert {*temporary.iterdir()} == {new, purpose, other, link, running, second}
        assert target.is_dir()
