"""What compose.yaml runs before the portals: secrets, roles, tables and grants, on a real PostgreSQL."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.database.migration import upgrade
from portal.ledger.tables import ledger
from tests.deployment.files import DEPLOY
from tests.harness.page import PageClient
from tests.harness.people import Alice
from tests.harness.postgres import Cluster
from tests.harness.programs import need
from tests.harness.simulated_zype import SimulatedZype


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The folder that make-secrets makes, in a copy of its own."""
    script = tmp_path / "make-secrets"
    shutil.copy(DEPLOY / script.name, script)
    subprocess.run([script], check=True, stdout=subprocess.DEVNULL, timeout=20)
    return tmp_path / "secrets"


def psql(cluster: Cluster, script: Path, database: str, user: str) -> None:
    """Run a script in a database."""
    conninfo = cluster.conninfo(database).replace("user=portal", f"user={user}")
    # Not the wrapper of the same name, which chooses a cluster of Debian's.
    program = Path(need("postgres")).with_name("psql")
    command = [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", script, conninfo]
    subprocess.run(command, env={"PATH": os.environ["PATH"]}, check=True, timeout=20)


def test_secrets_are_generated_once_and_for_nobody_else(secrets: Path) -> None:
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    assert len(set(before.values())) == len(before)
    assert {len(before[name]) for name in ("secret_key", "ledger_key", "postgres_password")} == {64}
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    # A file that is there is not written, which only root could do: here, an address that the operator has changed.
    before["database_url"] = before["database_url"].replace("@postgres/", "@db.example.com/")
    (secrets / "database_url").write_text(before["database_url"])

    said = subprocess.run([secrets.parent / "make-secrets"], check=True, capture_output=True, text=True, timeout=20)

    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    assert said.stdout.count("\n") == 2
    assert not any(value in said.stdout + said.stderr for value in before.values())


def test_the_portal_serves_with_the_role_that_may_add_to_the_ledger_alone(
    secrets: Path,
    tmp_path: Path,
    postgres_cluster: Cluster,
    make_app: Callable[..., Flask],
    browse: Callable[..., PageClient],
    sandbox: SimulatedZype,
) -> None:
    roles = tmp_path / "roles.sql"
    roles.write_text((DEPLOY / "roles.sql").read_text().replace("/run/secrets", str(secrets)))
    psql(postgres_cluster, roles, "postgres", "portal")
    host = postgres_cluster.url("").partition("@")[2].rstrip("/")
    urls = {
        name: (secrets / name).read_text().replace("@postgres/", f"@{host}/") for name in ("owner_url", "database_url")
    }

    upgrade(urls["owner_url"])
    psql(postgres_cluster, DEPLOY / "grants.sql", "activate", "activate_owner")

    app = make_app(database_url=urls["database_url"])
    tv = sandbox.tv()
    Alice(browse(app)).signs_in().types_pin(tv.pin).undoes().signs_out()
    assert len(sandbox.record()) == 2
    engine = sa.create_engine(urls["database_url"])
    for forbidden in (
        "DELETE FROM ledger",
        "UPDATE ledger SET outcome = 'linked'",
        "ALTER TABLE ledger DISABLE TRIGGER ALL",
    ):
        with (
            engine.connect() as connection,
            pytest.raises(sa.exc.ProgrammingError, match=r"permission denied|must be owner"),
        ):
            connection.execute(sa.text(forbidden))
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(ledger)).scalar_one() > 2
    engine.dispose()
