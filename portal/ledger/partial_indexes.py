"""The partial indexes of the ledger's table. The migrations make them, and a test compares the two.

They stand apart because the portal serves without them: for an index with a condition SQLAlchemy imports the dialects
of both databases, one of which is not in use.
"""

from itertools import starmap

import sqlalchemy as sa

from portal.ledger.tables import archives, authenticated, began, by_agent, failed, ledger, password_mails

# The second row of an attempt. SQLite uses its index for conditions alone that say the same: for any other outcome it
# would take it too, and read those of all viewers for a limit on one.
_ended = sa.text("outcome <> ''")
_of_viewer = sa.text("consumer_id IS NOT NULL")


def _index(name: str, columns: str, rows: sa.TextClause) -> sa.Index:
    """Return an index on columns, whose names are separated by spaces, of the rows that meet a condition."""
    return sa.Index(
        f"ix_ledger_{name}",
        *(ledger.c[column] for column in columns.split()),
        sqlite_where=rows,
        postgresql_where=rows,
    )


PARTIAL_INDEXES = tuple(
    starmap(
        _index,
        [
            *(
                (f"failed_{column}", f"action {column} at", failed)
                for column in ("consumer_id", "address_hash", "subject_hash", "site_hash")
            ),
            ("authenticated_at", "subject_hash address_hash at", authenticated),
            *(
                (f"password_mail_{column}", f"{column} at", password_mails)
                for column in ("subject_hash", "address_hash", "site_hash")
            ),
            ("agent", "actor_id action at", by_agent),
            # The pages of the history go by these: each row is in one of the first two.
            ("began", "at id", began),
            ("ended", "outcome at id", _ended),
            ("of_viewer", "consumer_id at id", _of_viewer),
            ("of_agent", "actor_id at id", by_agent),
            ("archives", "id", archives),
        ],
    )
)
