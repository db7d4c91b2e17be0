"""The rules of the house that no linter knows; everything else is in pyproject.toml, for ruff and import-linter."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.harness.cases import each

ROOT = Path(__file__).parent.parent
FILE_LINES, FUNCTION_LINES, VIEW_LINES, SCRIPT_LINES = 250, 50, 25, 60
CATCH_ALL = re.compile(r"(^|_)(utils?|helpers?|common|misc)$")
ROUTES = frozenset({"route", "get", "post", "put", "patch", "delete"})


def faults(path: Path, text: str) -> Iterator[str]:
    """Yield what is wrong with the name or the length of a Python file and its functions."""
    if any(CATCH_ALL.search(part) for part in path.with_suffix("").parts):
        yield "its name does not say what is in it"
    if len(text.splitlines()) > FILE_LINES:
        yield f"it has more than {FILE_LINES} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            most = VIEW_LINES if is_view(node) else FUNCTION_LINES
            if (node.end_lineno or node.lineno) - node.lineno + 1 > most:
                yield f"{node.name} has more than {most} lines"


def is_view(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a decorator binds a function to a route."""
    calls = [node.func for node in function.decorator_list if isinstance(node, ast.Call)]
    return any(isinstance(call, ast.Attribute) and call.attr in ROUTES for call in calls)


BROKEN = [
    ("portal/utils.py", ""),
    ("portal/common/pins.py", ""),
    ("portal/pages/web/form_helpers.py", ""),
    ("portal/linking/linking.py", "\n" * (FILE_LINES + 1)),
    ("portal/linking/linking.py", "class A:\n    async def f(self):\n" + "        x = 1\n" * FUNCTION_LINES),
    ("portal/pages/devices/views.py", "@bp.get('/')\n@guard\ndef f():\n" + "    x = 1\n" * VIEW_LINES),
]
SOUND = ("portal/linking/linking.py", "def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1))


@each("path, text", BROKEN)
def test_a_broken_rule_is_found(path: str, text: str) -> None:
    assert list(faults(Path(path), text))


def test_a_sound_file_has_no_fault() -> None:
    assert not list(faults(Path(SOUND[0]), SOUND[1]))


def test_every_file_of_the_package_keeps_the_rules() -> None:
    paths = sorted((ROOT / "portal").rglob("*.py"))
    found = [f"{path}: {fault}" for path in paths for fault in faults(path.relative_to(ROOT), path.read_text("utf-8"))]
    assert paths
    assert not found


def test_no_file_of_the_tests_is_a_catch_all() -> None:
    assert not [path for path in (ROOT / "tests").rglob("*.py") if CATCH_ALL.search(path.stem)]


def test_scripts_are_short() -> None:
    folders = (ROOT / "static/js", ROOT / "portal/sandbox/static")
    # activate-tv.js is one file, because makers of TV apps take it over as it is.
    scripts = sorted(path for folder in folders for path in folder.glob("*.js") if path.name != "activate-tv.js")
    assert {path.parent for path in scripts} == {*folders}
    assert [path for path in scripts if len(path.read_text("utf-8").splitlines()) > SCRIPT_LINES] == []


def test_the_package_has_a_room_for_everything() -> None:
    entries = {path.name for path in (ROOT / "portal").iterdir() if path.name != "__pycache__"}
    assert len(entries) <= 18
    assert {name for name in entries if name.endswith(".py")} == {
        "__init__.py",
        "__main__.py",
        "app.py",
        "services.py",
        "wsgi.py",
    }


def test_nothing_else_stands_at_the_top() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    tops = {path.partition("/")[0] for path in listed.stdout.splitlines()}
    assert not tops - {
        *("pyproject.toml", "README.md", "Makefile", "LICENSE", "CHANGELOG.md", "hatch_build.py"),
        *("portal", "templates", "static", "tests", "requirements", "docs", ".ci", ".gitignore"),
    }


def test_what_the_package_links_to_goes_into_the_image_and_the_sdist_too() -> None:
    links = [path.resolve() for path in (ROOT / "portal").rglob("*") if path.is_symlink()]
    assert links
    image = re.findall(r"^COPY (?!-)(.*) \S+$", (ROOT / "docs/deploy/Containerfile").read_text("utf-8"), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    sdist = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    for names in (" ".join(image).split(), [name.strip("/") for name in sdist]):
        folders = {(ROOT / name).resolve() for name in names}
        assert [link for link in links if folders.isdisjoint((link, *link.parents))] == []
