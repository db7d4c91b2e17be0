"""The documentation lists exactly the commands, events, metrics and dependencies that exist; its links work.

Each check is also shown a fault, which it must find.
"""

import ast
import re
import tomllib
from pathlib import Path

import click
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from portal.commands.cli import main
from tests.docs.pages import PAGES, ROOT, read, rows
from tests.harness.cases import each
from tests.harness.metrics import SCRAPED

LEVELS = ("debug", "info", "warning", "error", "critical", "exception")

# Commands


def commands(group: click.Group, prefix: str = "zype-activate") -> dict[str, set[str]]:
    """Return the options of every command of a group, by the command's whole name."""
    found: dict[str, set[str]] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            found |= commands(command, f"{prefix} {name}")
        else:
            found[f"{prefix} {name}"] = {option for p in command.params for option in p.opts if option.startswith("-")}
    return found


def documented_commands(text: str) -> dict[str, set[str]]:
    """Return the options of every command with its own heading."""
    sections = re.split(r"^### `([^`]+)`$", text, flags=re.MULTILINE)[1:]
    return {
        name: {cells[0] for cells in rows(section, r"`(--?[a-z-]+)`")}
        for name, section in zip(sections[::2], sections[1::2], strict=True)
    }


def test_every_command_and_option_is_documented_and_no_other() -> None:
    assert documented_commands(read("docs/commands.md")) == commands(main)


def test_an_extra_command_or_option_is_found() -> None:
    documented = documented_commands("### `zype-activate demo`\n\n| `--twice` | Twice. |\n### `zype-activate dance`\n")
    assert documented == {"zype-activate demo": {"--twice"}, "zype-activate dance": set()}
    assert "--once" in commands(main)["zype-activate demo"]


@each("page", PAGES)
def test_no_page_names_a_command_that_does_not_exist(page: Path) -> None:
    named = set(re.findall(r"`(zype-activate [a-z]+(?: [a-z]+)?)", page.read_text(encoding="utf-8")))
    assert named <= set(commands(main))


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):(?!=)", read("Makefile"), re.MULTILINE))


def test_the_readme_names_make_demo_and_make_test() -> None:
    indented = {line.strip() for line in read("README.md").splitlines() if line.startswith("    ")}
    assert {"make demo", "make test"} <= indented
    assert "PORTAL_REQUIRE=1 make test" in read("README.md")


def test_every_target_of_make_is_documented_and_no_other() -> None:
    documented = {cells[0] for cells in rows(read("docs/commands.md"), r"`make ([a-z-]+)`")}
    assert documented == make_targets() > {"demo", "test"}


# Events and metrics


def logged_events() -> set[str]:
    """Return the events that the portal's own source logs."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "portal").rglob("*.py"))
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    return {
        str(call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS
        if isinstance(call.func.value, ast.Name) and call.func.value.id == "log"
        if isinstance(call.args[0], ast.Constant)
    }


def test_every_event_of_the_log_is_documented_and_no_other() -> None:
    table = read("docs/operating.md").partition("| Event | What to do |")[2].partition("\n\n")[0]
    documented = re.findall(r"`(\w+)`", "\n".join(line.split(" | ")[0] for line in table.splitlines()))
    assert sorted(documented) == sorted(logged_events())


def loggers() -> set[tuple[str, str]]:
    """Return the folder of each module that has a logger, and the logger's name."""
    found = set()
    for path in (ROOT / "portal").rglob("*.py"):
        folders = [part for part in path.relative_to(ROOT / "portal").parts[:-1] if part != "pages"]
        names = re.findall(r'structlog\.get_logger\("([^"]+)"\)', path.read_text(encoding="utf-8"))
        found |= {(folders[0], name) for name in names}
    return found


def test_a_logger_is_named_after_the_folder_of_its_module() -> None:
    assert loggers() - {("web", "portal.access")} == {(folder, f"portal.{folder}") for folder, _ in loggers()}


def test_every_metric_is_documented_with_its_labels_and_no_other() -> None:
    documented = {
        name: re.findall(r"`(\w+)`", cells[0]) for name, *cells in rows(read("docs/operating.md"), r"`(portal_\w+)`")
    }
    # Whatever module makes it.
    made = {metric for metric in REGISTRY._collector_to_names if isinstance(metric, MetricWrapperBase)}
    assert set(SCRAPED.values()) == made
    assert documented == {name: list(metric._labelnames) for name, metric in SCRAPED.items()}


# Dependencies


def dependencies() -> set[str]:
    """Return the names of all packages in pyproject.toml except the project itself."""
    project = tomllib.loads(read("pyproject.toml"))
    extras = project["project"]["optional-dependencies"].values()
    requirements = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(w for e in extras for w in e),
    ]
    return {re.split(r"[\[<>=~! ;]", requirement)[0] for requirement in requirements} - {project["project"]["name"]}


def test_every_dependency_has_a_reason_and_no_other_package_has_one() -> None:
    lines = read("docs/contributing.md").partition("\n## Dependencies\n")[2]
    reasons = {cells[0]: cells[1] for cells in rows(lines)}
    assert set(reasons) == dependencies()
    assert all(reasons.values())


def test_names_of_dependencies_are_read_without_versions_and_extras() -> None:
    assert {"flask", "psycopg", "types-WTForms", "hatchling"} <= dependencies()


# Links and words


def slug(heading: str) -> str:
    """Return the anchor of a heading, as Git hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def headings(file: Path) -> list[str]:
    """Return the anchors of a Markdown file; other files have none."""
    if file.suffix != ".md" or not file.is_file():
        return []
    return [slug(heading) for heading in re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)]


def broken_links(page: Path, text: str) -> list[str]:
    """Return the links to files in the checkout, or to headings in them, that do not exist."""
    found = []
    for target in re.findall(r"(?:\]\(|<img src=\")([^)\s\"]+)", text):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if "://" not in target and (not file.is_file() or (anchor and anchor not in headings(file))):
            found.append(target)
    return found


def test_broken_links_are_found() -> None:
    text = (
        "[a](LICENSE) [b](https://example.com/x) [c](docs/nowhere.md) [d](docs/settings.md#zype) [e](README.md#nowhere)"
    )
    assert broken_links(ROOT / "README.md", text) == ["docs/nowhere.md", "README.md#nowhere"]
    assert broken_links(ROOT / "README.md", '<img src="docs/img/nothing.png" alt="">') == ["docs/img/nothing.png"]


def test_every_picture_is_shown_with_a_text_in_its_place() -> None:
    shown = re.findall(
        r"!\[[^\]]{20,}\]\(img/([\w-]+\.(?:png|svg))\)|<img src=\"docs/img/([\w-]+\.png)\"[^>]* alt=\"[^\"]{20,}\"",
        "".join(page.read_text(encoding="utf-8") for page in PAGES),
    )
    names = sorted("".join(found) for found in shown)
    assert names == sorted(picture.name for picture in (ROOT / "docs/img").iterdir())


@each("page", PAGES)
def test_no_page_has_a_broken_link(page: Path) -> None:
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


def test_the_readme_links_to_every_page_of_the_docs() -> None:
    linked = set(re.findall(r"\]\((docs/[a-z-]+\.md)", read("README.md")))
    assert linked == {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}


def test_the_docs_link_to_every_file_for_deployment() -> None:
    files = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs/deploy").rglob("*") if path.is_file()}
    pages = "".join(read(f"docs/{page.name}") for page in (ROOT / "docs").glob("*.md"))
    assert files
    assert files - set(re.findall(r"\]\((deploy/[^)#]+)", pages)) == set()


TICKET = re.compile(r"(?:#|\b(?:issue|ticket|task|card)s? #?)\d+\b", re.IGNORECASE)


def test_ticket_numbers_are_found() -> None:
    assert [bool(TICKET.search(text)) for text in ("see #12", "Issue 3", "#1f5eff", "a ticket of the operator's")] == [
        True,
        True,
        False,
        False,
    ]


@each("page", PAGES)
def test_no_page_contains_a_ticket_number(page: Path) -> None:
    assert not TICKET.search(page.read_text(encoding="utf-8"))


def test_the_changelog_has_a_version_with_entries() -> None:
    assert re.search(r"^## (Unreleased|\[?\d+\.\d+\.\d+)", read("CHANGELOG.md"), re.MULTILINE)
    assert re.search(r"^- \S", read("CHANGELOG.md"), re.MULTILINE)
