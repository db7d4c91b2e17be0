"""The file .env: what its lines mean, and that each fault of it has a sentence that shows no value."""

from pathlib import Path

import pytest

from portal.domain.errors import SettingsError
from portal.settings.dotenv_file import dotenv_line, read_dotenv
from tests.settings.samples import LEAK, UNREADABLE

LINES = {
    # A password may have what other programs take for a variable.
    "single": (r"'ab${cd}ef$g'", "ab${cd}ef$g"),
    "double": (r'"ab${cd}ef$g"', "ab${cd}ef$g"),
    "without": ("ab${cd}ef$g", "ab${cd}ef$g"),
    "default": ("${cd:-ef}", "${cd:-ef}"),
    "other": ("${single}", "${single}"),
    "backslashes": (r"'a\\b\'c\n'", r"a\b'c\n"),
    "line_break": (r'"a\nb"', "a\nb"),
    "comment": ("a#b # and why", "a#b"),
    "only_a_comment": (" # and why", ""),
    "no_comment": ("'a #b'", "a #b"),
    "spaces": ("  a b  ", "a b"),
    "empty": ("", ""),
    "umlaut": ("für", "für"),
    "two_lines": ("'a\nb'", "a\nb"),
}


def dotenv(folder: Path, content: bytes) -> Path:
    """Return a .env file with this content."""
    path = folder / ".env"
    path.write_bytes(content)
    return path


def faults_of(path: Path) -> list[str]:
    """Return what is wrong with a file, each without its path; there must be something, and no word of the file."""
    with pytest.raises(SettingsError) as caught:
        read_dotenv(path)
    assert not LEAK.search(str(caught.value))
    assert not caught.value.__cause__ or not LEAK.search(repr(caught.value.__cause__))
    return [fault.removeprefix(f"{path}: ") for fault in caught.value.faults]


def test_each_value_means_what_is_documented_and_none_refers_to_another(tmp_path: Path) -> None:
    text = "# A comment\n\n" + "".join(f"{name}={written}\n" for name, (written, _) in LINES.items())
    expected = {name: value for name, (_, value) in LINES.items()}
    for content in (text, f"\ufeff{text}", text.replace("\n", "\r\n")):
        found = read_dotenv(dotenv(tmp_path, content.encode()))
        assert {name: value.replace("\r\n", "\n") for name, value in found.items()} == expected


def test_the_last_line_of_a_name_counts(tmp_path: Path) -> None:
    assert read_dotenv(dotenv(tmp_path, b"A=1\nexport B = 2\nA=3\n")) == {"A": "3", "B": "2"}


def test_a_missing_or_empty_file_has_no_variables(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / ".env") == {}
    assert read_dotenv(dotenv(tmp_path, b"\xef\xbb\xbf")) == {}


def test_a_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    for content, fault in UNREADABLE:
        assert faults_of(dotenv(tmp_path, content)) == [fault]


def test_a_folder_and_a_link_that_leads_nowhere_are_faults(tmp_path: Path) -> None:
    assert faults_of(tmp_path) == ["is a folder, and has to be a file"]
    link = tmp_path / ".env"
    link.symlink_to(tmp_path / "missing")
    assert faults_of(link) == ["is a link to a file that does not exist"]


def test_each_line_that_is_not_understood_is_named(tmp_path: Path) -> None:
    text = "A=1\n\nxyzzy\nB='xyzzy' xyzzy\n=xyzzy\nC=5\nD='xyzzy\nE=xyzzy\n"
    faults = faults_of(dotenv(tmp_path, text.encode()))
    assert faults == [f"line {line} is not NAME=value; look for a missing = or quote" for line in (3, 4, 5, 7)]


def test_a_line_that_is_written_is_read_as_what_was_written(tmp_path: Path) -> None:
    values = (
        "",
        " a ",
        "'",
        "\\",
        "\\'",
        "''\\\\",
        '"',
        "a\nb",
        "a\rb",
        "$a${b}",
        "#",
        " #",
        "\u2028",
        "\x85",
        "=",
        "für",
    )
    variables = {f"N{number}": value for number, value in enumerate(values)}
    content = "".join(dotenv_line(name, value) for name, value in variables.items())
    assert read_dotenv(dotenv(tmp_path, content.encode())) == variables
