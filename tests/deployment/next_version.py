"""The next version of the portal: this one, with a migration that adds a column to each table, and a table."""

import re
import shutil
from pathlib import Path

from portal.database.schema import REVISION
from tests.deployment.files import ROOT

NEXT = f"{int(REVISION) + 1:04}"
MIGRATION = f'''"""Adds to each table."""

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{REVISION}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the version before does not know."""
    for table in sa.inspect(op.get_bind()).get_table_names():
        if table != "alembic_version":
            op.add_column(table, sa.Column("later", sa.Text))
            op.add_column(table, sa.Column("much_later", sa.Text, nullable=False, server_default="-"))
    op.create_table("latest", sa.Column("id", sa.BigInteger, primary_key=True))
'''


def make_next_version(folder: Path) -> None:
    """Make it in a folder, for PYTHONPATH."""
    shutil.copytree(ROOT / "portal", folder / "portal", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("templates", "static"):
        (folder / name).symlink_to(ROOT / name)
    package = folder / "portal/database"
    (package / f"migrations/versions/{NEXT}_adds.py").write_text(MIGRATION)
    schema = package / "schema.py"
    text, count = re.subn(r'(?m)^REVISION = "\d+"$', f'REVISION = "{NEXT}"', schema.read_text())
    assert count == 1
    schema.write_text(text)
