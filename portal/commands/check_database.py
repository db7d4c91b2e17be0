"""The checks of the database: what serving does with it is done, and rolled back."""

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from portal.commands.findings import CheckFailed
from portal.database.database import Database, describe
from portal.database.schema import NewerSchema, SchemaState, state_of


def schema(database: Database) -> str:
    match state_of(database):
        case SchemaState.OLDER:
            raise CheckFailed("it answers, but lacks this version's schema. Run: zype-activate db upgrade")
        case SchemaState.NEWER:
            raise NewerSchema
    return "it answers, and has this version's schema"


def writable(database: Database) -> str:
    try:
        with database.write() as connection:
            # Changes nothing, but succeeds only if the database can be written to.
            for table in ("pending", "outbox"):
                connection.execute(sa.text(f"DELETE FROM {table} WHERE attempt_id = ''"))  # noqa: S608
    except SQLAlchemyError as error:
        raise CheckFailed(f"can't write to it: {describe(error)}") from error
    if files := database.shared_files():
        names = ", ".join(file.name for file in files)
        raise CheckFailed(f"other accounts of this machine can read it: run chmod 600 on {names}")
    return "it can be written to" + (", and other accounts of this machine can't read it" if database.is_sqlite else "")


def append_only(database: Database) -> str:
    if database.is_sqlite:
        query = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'"
    else:
        query = "SELECT 3 * count(*) FROM pg_trigger WHERE tgname = 'ledger_no_change' AND tgenabled <> 'D'"
    with database.read() as connection:
        if connection.execute(sa.text(query)).scalar_one() < 3:
            raise CheckFailed("the triggers that refuse to change it are gone; restore the schema")
    return "the database refuses to change it"
