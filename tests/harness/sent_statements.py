"""What is sent to a database, noted where its driver takes it: not all that the portal sends passes by SQLAlchemy."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa

from portal.database.database import Database

# Arguments: the text of a statement, and its parameters as the driver takes them.
Note = Callable[[str, Any], None]


@contextmanager
def noted(database: Database, note: Note) -> Iterator[None]:
    """Call ``note`` after each statement that is executed in the block, over new connections."""

    def connect(dialect: sa.Dialect, _record: object, arguments: Any, options: dict[str, Any]) -> object:
        factory = _sqlite(note) if database.is_sqlite else _postgresql(note)
        return dialect.connect(*arguments, **options, **factory)

    engine = database._engine
    engine.dispose()
    sa.event.listen(engine, "do_connect", connect)
    try:
        yield
    finally:
        sa.event.remove(engine, "do_connect", connect)
        engine.dispose()


@contextmanager
def sent(database: Database) -> Iterator[list[str]]:
    """Yield a list of what is sent in the block: statements, and COMMIT. Connecting may send some too."""
    texts: list[str] = []

    def add_commit(_connection: object) -> None:
        texts.append("COMMIT")

    sa.event.listen(database._engine, "commit", add_commit)
    with noted(database, lambda text, _: texts.append(text)):
        yield texts
    sa.event.remove(database._engine, "commit", add_commit)


def _sqlite(note: Note) -> dict[str, Any]:
    class Cursor(sqlite3.Cursor):
        def execute(self, statement: str, values: Any = ()) -> sqlite3.Cursor:
            super().execute(statement, values)
            note(statement, values)
            return self

        def executemany(self, statement: str, rows: Any) -> sqlite3.Cursor:
            super().executemany(statement, rows)
            note(statement, rows[0])
            return self

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def execute(self, statement: str, values: Any = ()) -> sqlite3.Cursor:
            cursor: sqlite3.Cursor = self.cursor().execute(statement, values)
            return cursor

    return {"factory": Connection}


def _postgresql(note: Note) -> dict[str, Any]:
    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            super().execute(query, params, **options)
            note(query, params)
            return self

        def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
            super().executemany(query, params_seq, **options)
            note(query, params_seq[0])

    return {"cursor_factory": Cursor}
