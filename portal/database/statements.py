"""Statements of the hot requests: SQLAlchemy writes their text once, and the driver of the database executes it.

SQLAlchemy takes 40 µs to execute a statement for which SQLite takes 9. Listeners for its events hear nothing of these.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

Values = Mapping[str, Any]
Convert = Callable[[Any], Any]
# The cursor of a connection, in its info.
_CURSOR = "cursor"


class Statement:
    """A statement whose text is the same for all values of its parameters.

    The types of its parameters and of its columns convert their values, and errors are those of SQLAlchemy.

    Args:
        clause: what is executed.
        columns: of an INSERT, the names of the columns that are given values.
    """

    def __init__(self, clause: sa.Select[Any] | sa.Insert | sa.Delete, columns: Sequence[str] = ()) -> None:
        self._clause = clause
        self._columns = columns
        # By the name of the dialect.
        self._compiled: dict[str, _Compiled] = {}

    def execute(self, connection: Connection, values: Values) -> None:
        """Execute the statement; there may be more values than it has parameters."""
        compiled = self._compile(connection.dialect)
        execute(connection, compiled.text, compiled.parameters(values))

    def one(self, connection: Connection, values: Values) -> tuple[Any, ...]:
        """Return the row of a statement that always finds one."""
        if (row := self.one_or_none(connection, values)) is None:
            raise LookupError("the statement found no row")
        return row

    def one_or_none(self, connection: Connection, values: Values) -> tuple[Any, ...] | None:
        """Return the row of a statement that finds one or none."""
        compiled = self._compile(connection.dialect)
        rows = _fetch(connection, compiled.text, compiled.parameters(values))
        return compiled.row(rows[0]) if rows else None

    def _compile(self, dialect: sa.Dialect) -> "_Compiled":
        if (compiled := self._compiled.get(dialect.name)) is None:
            compiled = self._compiled[dialect.name] = _compiled(self._clause, self._columns, dialect)
        return compiled


def execute(connection: Connection, text: str, parameters: Any = ()) -> None:
    """Let the driver of a connection execute SQL text that finds no rows.

    Raises:
        sqlalchemy.exc.DBAPIError: as SQLAlchemy would raise it.
    """
    try:
        _cursor(connection).execute(text, parameters)
    except connection.dialect.loaded_dbapi.Error as error:
        raise failure(connection, error, text, parameters) from error


def _fetch(connection: Connection, text: str, parameters: Any) -> Sequence[Sequence[Any]]:
    """Return all rows, since SQLite goes on reading until it has come to the end."""
    try:
        rows: Sequence[Sequence[Any]] = _cursor(connection).execute(text, parameters).fetchall()
    except connection.dialect.loaded_dbapi.Error as error:
        raise failure(connection, error, text, parameters) from error
    return rows


def _cursor(connection: Connection) -> Any:
    """Return the one cursor of a connection: psycopg takes 20 µs to make another."""
    kept = connection.info
    if (cursor := kept.get(_CURSOR)) is None:
        cursor = kept[_CURSOR] = connection.connection.cursor()
    return cursor


def failure(connection: Connection, error: Exception, text: str | None = None, parameters: Any = None) -> DBAPIError:
    """Return SQLAlchemy's error for one of the driver's; a connection that was lost is not used again."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)  # type: ignore[arg-type]
    if is_lost:
        connection.invalidate(error)
    raised: DBAPIError = DBAPIError.instance(
        *(text, parameters, error, dialect.loaded_dbapi.Error),
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    )
    return raised


@dataclass(frozen=True)
class _Compiled:
    """A statement as a driver takes it.

    Args:
        text: with places for the parameters, as the driver marks them.
        constants: the values that the statement itself contains, by the names of their parameters.
        to_driver: what converts values, by the names of the parameters that need it.
        places: the names of the parameters in their order; none if the driver takes them by name.
        from_driver: for each column what converts its values, or none.
    """

    text: str
    constants: Values
    to_driver: Mapping[str, Convert]
    places: Sequence[str] | None
    from_driver: Sequence[Convert | None]

    def parameters(self, values: Values) -> Any:
        converted = {name: convert(values[name]) for name, convert in self.to_driver.items()}
        named = {**values, **self.constants, **converted}
        return named if self.places is None else tuple([named[name] for name in self.places])

    def row(self, values: Sequence[Any]) -> tuple[Any, ...]:
        pairs = zip(self.from_driver, values, strict=True)
        return tuple([convert(value) if convert else value for convert, value in pairs])


def _compiled(clause: Any, columns: Sequence[str], dialect: sa.Dialect) -> _Compiled:
    compiled = clause.compile(dialect=dialect, column_keys=list(columns) or None)
    constants = {name: parameter.value for name, parameter in compiled.binds.items() if not parameter.required}
    bound = {name: parameter.type.dialect_impl(dialect) for name, parameter in compiled.binds.items()}
    to_driver = {name: convert for name, kind in bound.items() if (convert := kind.bind_processor(dialect))}
    found = [column.type.dialect_impl(dialect) for column in clause.selected_columns] if clause.is_select else []
    return _Compiled(
        text=str(compiled),
        constants={name: to_driver.pop(name, _same)(value) for name, value in constants.items()},
        to_driver=to_driver,
        places=compiled.positiontup,
        from_driver=[kind.result_processor(dialect, None) for kind in found],
    )


def _same(value: Any) -> Any:
    return value
