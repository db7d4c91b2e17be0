"""The plans of statements: what a database says that it would read, and whether that grows with the tables."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

import portal
from portal.database.database import Database
from tests.harness.sent_statements import noted

PORTAL = Path(portal.__file__).parent
# Calls by which code asks a database.
ASKS = {"execute", "one", "one_or_none", "scalar", "change", "_entries", "_exists", "_newest", "_attempts", "backlog"}
# As many as there are staff, attempts under way, or values of the statement itself.
SMALL = {"agents", "recovery_codes", "alembic_version", "CONSTANT", "agent", "pending"}
# Past that, the rows that are sorted are not those of one viewer.
MOST_SORTED = 2000
# What PostgreSQL is to believe of every table.
ROWS = 10_000_000


@dataclass
class Statements:
    """What was asked of a database: each statement with its values and the functions of the portal that asked."""

    asked: dict[str, tuple[Any, frozenset[str]]] = field(default_factory=dict)

    @property
    def functions(self) -> frozenset[str]:
        """Every function that asked something, itself or by calling another."""
        return frozenset().union(*(functions for _, functions in self.asked.values()))


@contextmanager
def recorded(database: Database) -> Iterator[Statements]:
    """Yield what is asked of a database in the block."""
    statements = Statements()

    def note(statement: str, values: Any) -> None:
        functions = frozenset(_functions(sys._getframe(1)))
        _, earlier = statements.asked.get(statement, (None, frozenset()))
        statements.asked[statement] = (values, functions | earlier)

    with noted(database, note):
        yield statements


def asking_functions(rooms: Iterable[str]) -> set[str]:
    """Return the functions of the portal's lower rooms that ask a database, such as ``ledger/history: History.age``."""
    return {
        f"{file.relative_to(PORTAL).with_suffix('')}: {name}"
        for room in rooms
        for file in (PORTAL / room).glob("*.py")
        for name, function in _defined(ast.parse(file.read_text("utf-8")), "")
        if any(isinstance(node, ast.Call) and _called(node) in ASKS for node in ast.walk(function))
    }


def read_plan(connection: Connection, statement: str, values: Any) -> list[str]:
    """Return what is wrong with the plan of a statement."""
    if not re.match(r"\s*(SELECT|WITH|UPDATE|DELETE)\b", statement):
        return []
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        return [fault for row in rows if (fault := _fault_of_step(row.detail))]
    (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
    return list(_faults_of_node(plan["Plan"]))


def pretend_to_be_large(connection: Connection) -> None:
    """Let PostgreSQL believe that all tables have grown; how their values are spread it knows from those there are."""
    connection.exec_driver_sql("ANALYZE")
    statement = sa.text(
        "UPDATE pg_class SET reltuples = :rows, relpages = greatest(relpages, 1) "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') AND relname NOT IN :small"
    )
    bound = statement.bindparams(sa.bindparam("small", expanding=True))
    connection.execute(bound, {"rows": ROWS, "small": sorted(SMALL)})


def _fault_of_step(step: str) -> str | None:
    found = re.match(r"SCAN (\w+)", step)
    # The rows of a subquery, which has a step of its own.
    if found and found[1] not in SMALL and not found[1].startswith("anon_"):
        return step
    return step if step.startswith("USE TEMP B-TREE") or "AUTOMATIC" in step else None


def _faults_of_node(node: Mapping[str, Any]) -> Iterator[str]:
    name, table = node["Node Type"], node.get("Relation Name", "")
    if table not in SMALL:
        if name == "Seq Scan":
            yield f"Seq Scan on {table}"
        if name.startswith("Index") and "Index Cond" not in node:
            yield f"{name} of all of {node['Index Name']}"
    if name == "Sort" and node["Plans"][0]["Plan Rows"] > MOST_SORTED:
        yield f"Sort of {node['Plans'][0]['Plan Rows']} rows"
    for child in node.get("Plans", ()):
        yield from _faults_of_node(child)


def _functions(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(f"{PORTAL}/"):
            yield f"{file.removeprefix(f'{PORTAL}/').removesuffix('.py')}: {frame.f_code.co_qualname}"
        frame = frame.f_back


def _defined(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _defined(child, f"{child.name}.")
        elif isinstance(child, ast.FunctionDef):
            yield prefix + child.name, child


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))
