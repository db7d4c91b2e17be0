"""Brings the schema of a database up to date. Only this module imports alembic, which takes long to import."""

from pathlib import Path

from alembic import command
from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Bring the schema up to date, as a role that may create tables.

    Of several at once, one does it, and the others wait. Raises NewerSchema and sqlalchemy.exc.SQLAlchemyError.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    command.upgrade(config, "head")
