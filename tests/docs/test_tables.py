"""Every table is in the grants for PostgreSQL, and in the list of what is stored."""

import re

from portal import app
from portal.database.schema import metadata
from tests.docs.pages import read
from tests.harness.cases import each

# Every module with tables is imported by then.
assert app
TABLES = sorted(metadata.tables)


@each("name", TABLES)
def test_the_serving_role_is_granted_what_it_needs_of_a_table(name: str) -> None:
    grants = re.findall(r"^ +GRANT (.+) ON (.+) TO activate;$", read("docs/operating.md"), re.MULTILINE)

    (rights,) = [rights for rights, names in grants if name in names.split(", ")]
    assert ("DELETE" in rights) == (name != "ledger")


# What is pending is an attempt of the ledger, until it ends.
@each("name", sorted({*TABLES} - {"pending"}))
def test_the_list_of_what_is_stored_has_every_table(name: str) -> None:
    places = re.findall(r"^\|[^|]+\|([^|]+)\|[^|]+\|$", read("docs/security.md"), re.MULTILINE)

    assert [place for place in places if name in place.strip().split(", ")]


def test_the_grants_in_docs_and_in_the_file_are_the_same() -> None:
    pattern = r"^ *(GRANT .+;)$"
    documented = re.findall(pattern, read("docs/operating.md"), re.MULTILINE)
    assert documented == re.findall(pattern, read("docs/deploy/grants.sql"), re.MULTILINE)
