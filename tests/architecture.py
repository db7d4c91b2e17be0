"""The rules of the house, judged from the source alone; tests/test_architecture.py holds the tree to them."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# From the top of the house downwards: an area may import its own level and those below, never one above.
LEVELS = (
    (
        *("__main__", "app", "beside", "check", "cli", "cli_agents", "cli_audit", "command_line", "demo", "server"),
        "wsgi",
    ),
    ("activate", "auth", "devices", "ops", "support", "web"),
    ("services",),
    ("directory", "linking", "mailer", "notify", "second_look", "unlinking"),
    (
        *(
            "agent_tables",
            "agents",
            "attempt_history",
            "attempt_limits",
            "attempts",
            "audit",
            "budgets",
            "config",
            "db",
            "environment",
            "export",
            "history",
            "keys",
        ),
        *(
            "ledger_rows",
            "ledger_tables",
            "migrations",
            "outbox",
            "passwords",
            "second_factor",
            "sessions",
            "setting_rules",
            "setting_types",
            "smtp",
        ),
        *("verification", "viewer_records", "zype"),
    ),
    ("errors", "metrics", "models", "paths", "phonetics", "pins", "waiters"),
)
LEVEL_OF = {area: level for level, areas in enumerate(LEVELS) for area in areas}
SERVICES = LEVEL_OF["services"]
BLUEPRINTS = LEVELS[1]
SHARED_BY_BLUEPRINTS = ("portal.web", "portal.auth.guards", "portal.auth.identity", "portal.auth.staff_identity")
READERS_OF_THE_ENVIRONMENT = ("app", "cli", "command_line", "server", "wsgi")
COMMANDS = ("cli", "cli_agents", "cli_audit", "command_line")
STARTERS_OF_THE_SANDBOX = ("cli", "demo", "server")
CATCH_ALLS = re.compile(r"(^|_)(utils?|helpers?|common|misc)$")
ROUTES = frozenset({"route", "get", "post", "put", "patch", "delete"})
FILE_LINES, FUNCTION_LINES, VIEW_LINES, SCRIPT_LINES = 250, 50, 25, 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One module of the package.

    Args:
        module: its dotted name, such as ``portal.zype.client``; a package's without ``__init__``.
        text: the source.
        is_package: whether it is the ``__init__`` of a package.
    """

    module: str
    text: str
    is_package: bool = False

    @property
    def area(self) -> str:
        """The module or folder right under the package; empty for the package itself."""
        return area_of(self.module)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @property
    def nodes(self) -> Iterator[ast.AST]:
        """Every node of the tree."""
        return ast.walk(self.tree)

    @property
    def functions(self) -> Iterator[Function]:
        """Every function and method, inner ones included."""
        return (node for node in self.nodes if isinstance(node, Function))

    @property
    def imports(self) -> Iterator[str]:
        """The dotted names of what is imported anywhere in it: ``from a import b`` gives ``a.b``."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(node)
                yield from (f"{origin}.{alias.name}" for alias in node.names)

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.module.split(".")
        kept = package[: len(package) - node.level + self.is_package]
        return ".".join([*kept, *([node.module] if node.module else [])])


def area_of(name: str) -> str:
    """Return the part of a dotted name that comes after ``portal``."""
    top, _, rest = name.partition(".")
    return rest.partition(".")[0] if top == "portal" else ""


def within(name: str, *parents: str) -> bool:
    """Tell whether a dotted name is one of these or lies inside one."""
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def length(node: Function) -> int:
    """Return a function's lines, its decorators not counted."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def it_has_a_level(source: Source) -> Iterator[str]:
    """Each module stands on a level, or the order of imports means nothing for it."""
    if source.area and source.area != "sandbox" and source.area not in LEVEL_OF:
        yield f"{source.area} has no level yet: give it its place in LEVELS"


def imports_run_downwards(source: Source) -> Iterator[str]:
    """No module imports one of a level above its own."""
    own = LEVEL_OF.get(source.area)
    for name in source.imports:
        level = LEVEL_OF.get(area_of(name))
        if own is not None and level is not None and level < own:
            yield f"imports {name}, which is above it"


def blueprints_stand_alone(source: Source) -> Iterator[str]:
    """A blueprint imports no other, but for the guards, the identity and what is there for every page."""
    if source.area not in BLUEPRINTS:
        return
    for name in source.imports:
        foreign = area_of(name) in BLUEPRINTS and area_of(name) != source.area
        if foreign and not within(name, *SHARED_BY_BLUEPRINTS):
            yield f"imports {name} of another blueprint"


def only_the_upper_half_knows_flask(source: Source) -> Iterator[str]:
    """Nothing below services imports Flask or an extension of it."""
    if LEVEL_OF.get(source.area, 0) <= SERVICES:
        return
    for name in source.imports:
        if name.partition(".")[0].partition("_")[0] in ("flask", "werkzeug"):
            yield f"imports {name}"


def only_the_wire_knows_requests(source: Source) -> Iterator[str]:
    """HTTP is spoken in zype/ and auth/ alone."""
    for name in source.imports:
        if within(name, "requests") and source.area not in ("zype", "auth"):
            yield f"imports {name}"


def the_sandbox_stands_apart(source: Source) -> Iterator[str]:
    """The sandbox and the portal share nothing, so that they can't agree by sharing a bug."""
    for name in source.imports:
        if source.area == "sandbox" and within(name, "portal") and not within(name, "portal.sandbox"):
            yield f"imports {name} of the portal"
        if source.area not in ("sandbox", *STARTERS_OF_THE_SANDBOX) and within(name, "portal.sandbox"):
            yield f"imports {name} of the sandbox"


def imports_stand_at_the_top(source: Source) -> Iterator[str]:
    """No function imports anything; the command line may, to start fast."""
    if source.area in COMMANDS:
        return
    for function in source.functions:
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function)):
            yield f"{function.name} imports inside a function"


def nothing_is_a_catch_all(source: Source) -> Iterator[str]:
    """No module is called utils, helpers, common or misc."""
    for part in source.module.split("."):
        if CATCH_ALLS.search(part):
            yield f"{part} says nothing about what is in it"


def it_is_short(source: Source) -> Iterator[str]:
    """Files stop at 250 lines, functions at 50 and views at 25."""
    lines = len(source.text.splitlines())
    if lines > FILE_LINES:
        yield f"has {lines} lines"
    for function in source.functions:
        most = VIEW_LINES if is_view(function) else FUNCTION_LINES
        if length(function) > most:
            yield f"{function.name} has {length(function)} lines of {most}"


def is_view(function: Function) -> bool:
    """Tell whether a function is bound to a route by a decorator."""
    calls = [node.func for node in function.decorator_list if isinstance(node, ast.Call)]
    return any(isinstance(call, ast.Attribute) and call.attr in ROUTES for call in calls)


def few_read_the_environment(source: Source) -> Iterator[str]:
    """Settings reach the rest as an argument."""
    if source.area in READERS_OF_THE_ENVIRONMENT:
        return
    if any(within(name, "os.environ", "os.environb", "os.getenv") for name in source.imports):
        yield "imports the environment"
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.environb", "os.getenv"):
            yield "reads the environment"


def only_the_identity_knows_the_session(source: Source) -> Iterator[str]:
    """Flask's session is touched in one place; the sandbox has sessions of its own."""
    if source.area == "sandbox" or source.module == "portal.auth.identity":
        return
    if any(within(name, "flask.session", "flask.globals.session") for name in source.imports):
        yield "imports flask.session"
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "flask.session":
            yield "uses flask.session"


def it_says_what_it_is_for(source: Source) -> Iterator[str]:
    """Each module starts with a docstring; the empty file of a package says nothing else either."""
    if source.text.strip() and not (ast.get_docstring(source.tree) or "").strip():
        yield "has no docstring"


def ignored_types_say_which(source: Source) -> Iterator[str]:
    """An ignored type error names the error."""
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT and re.search(r"type:\s*ignore(?!\[)", token.string):
            yield f"line {token.start[0]} ignores any type error"


RULES: tuple[Callable[[Source], Iterator[str]], ...] = (
    it_has_a_level,
    imports_run_downwards,
    blueprints_stand_alone,
    only_the_upper_half_knows_flask,
    only_the_wire_knows_requests,
    the_sandbox_stands_apart,
    imports_stand_at_the_top,
    nothing_is_a_catch_all,
    it_is_short,
    few_read_the_environment,
    only_the_identity_knows_the_session,
    it_says_what_it_is_for,
    ignored_types_say_which,
)


def sources(root: Path) -> list[Source]:
    """Return every module of the package under a checkout's root."""
    found = []
    for path in sorted((root / "portal").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        found.append(Source(module, path.read_text(encoding="utf-8"), is_package))
    return found
