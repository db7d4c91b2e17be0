"""The second factor of local accounts: codes of an authenticator app, and recovery codes for a lost phone."""

import base64
import re
import time

import pyotp
import sqlalchemy as sa
import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pyotp.exceptions import OTPVerificationError
from sqlalchemy.engine import Connection

from portal.database.database import Database
from portal.settings.keys import LedgerKey, Purpose, derive
from portal.settings.settings import Settings
from portal.staff import passwords
from portal.staff.tables import agents, recovery_codes

log = structlog.get_logger("portal.second_factor")

# Clocks differ: the code before and the one after count too.
WINDOW_STEPS = 1
RECOVERY_CODES = 10
RECOVERY_GROUPS = 2
_SIX_DIGITS = re.compile(r"[0-9]{6}")


class SecondFactor:
    """The second factors, on one database. Every method raises sqlalchemy.exc.SQLAlchemyError where that fails.

    Args:
        database: where they are.
        settings: the secret keys: the present one protects what is written, the previous one reads what is older.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        given = [secret for secret in (settings.secret_key, settings.secret_key_previous) if secret]
        keys = [secret.get_secret_value().encode() for secret in given]
        derived = [derive(key, Purpose.TOTP_SECRET) for key in keys]
        self._fernet = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
        self._recovery_keys = [LedgerKey(key) for key in keys]

    def is_enrolled(self, agent_id: str) -> bool:
        """Tell whether an account has a second factor."""
        return self._kept(agent_id, "totp_secret") is not None

    def offer(self, agent_id: str) -> None:
        """Make up a secret for an account that has no second factor yet, in place of one that was offered before."""
        offered = self._encrypted(pyotp.random_base32())
        with self._database.write() as connection:
            connection.execute(_without(agent_id).values(totp_offered=offered))

    def offered(self, agent_id: str) -> str | None:
        """Return the secret that is offered to an account, in base32, or none if it has to sign in anew for one."""
        return self._decrypted(self._kept(agent_id, "totp_offered"))

    def accept(self, agent_id: str, code: str) -> tuple[str, ...] | None:
        """Give an account the second factor that it was offered, if the code comes from it.

        Args:
            agent_id: the account's.
            code: as it was typed.

        Returns:
            The recovery codes, to be shown once; none if the code is wrong, or the account has a second factor.
        """
        offered = self._kept(agent_id, "totp_offered")
        secret = self._decrypted(offered)
        step = _step_of(secret, _bare(code)) if secret else None
        return self.enrol(agent_id, secret, step, offered) if secret and step else None

    def enrol(
        self, agent_id: str, secret: str, step: int | None = None, offered: str | None = None
    ) -> tuple[str, ...] | None:
        """Give an account without a second factor this one.

        Args:
            agent_id: the account's.
            secret: in base32; the demo gives one that is no secret.
            step: of a code that was used up already.
            offered: the offer that is taken up, as it is kept; a reset may have taken it back in between.

        Returns:
            The recovery codes, to be shown once; none if there is no such account or offer, or it has a second factor.
        """
        own = _without(agent_id).values(totp_secret=self._encrypted(secret), totp_step=step, totp_offered=None)
        if offered is not None:
            own = own.where(agents.c.totp_offered == offered)
        with self._database.write() as connection:
            if not connection.execute(own).rowcount:
                return None
            return self._new_recovery_codes(connection, agent_id)

    def is_right(self, agent_id: str, code: str) -> bool:
        """Tell whether a code of the app, or a recovery code, is right, and use it up: it is right once.

        Args:
            agent_id: the account's.
            code: as it was typed, blanks and dashes included.
        """
        bare = _bare(code)
        if not _SIX_DIGITS.fullmatch(bare):
            return self._uses_recovery_code(agent_id, bare)
        kept = self._kept(agent_id, "totp_secret")
        secret = self._decrypted(kept)
        step = _step_of(secret, bare) if secret else None
        # Written again with the present key, so that a previous one can be dropped in time.
        return bool(kept and step and self._uses_step(agent_id, step, kept, self._fernet.rotate(kept).decode()))

    def renew_recovery_codes(self, agent_id: str) -> tuple[str, ...] | None:
        """Return new recovery codes in place of the old ones, to be shown once; none without a second factor."""
        if not self.is_enrolled(agent_id):
            return None
        with self._database.write() as connection:
            return self._new_recovery_codes(connection, agent_id)

    def recovery_codes_left(self, agent_id: str) -> int:
        """Return how many recovery codes an account has left."""
        query = sa.select(sa.func.count()).where(recovery_codes.c.agent_id == agent_id)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def _new_recovery_codes(self, connection: Connection, agent_id: str) -> tuple[str, ...]:
        codes = tuple(passwords.generate(RECOVERY_GROUPS) for _ in range(RECOVERY_CODES))
        connection.execute(recovery_codes.delete().where(recovery_codes.c.agent_id == agent_id))
        rows = [{"agent_id": agent_id, "code_hash": self._recovery_hashes(code)[0]} for code in codes]
        connection.execute(recovery_codes.insert(), rows)
        return codes

    def _uses_step(self, agent_id: str, step: int, kept: str, anew: str) -> bool:
        """Use up the code of a step and all before it; of two at the same moment, one comes too late."""
        unused = sa.or_(agents.c.totp_step.is_(None), agents.c.totp_step < step)
        # With the same secret: a reset may have come in between.
        own = agents.update().where(agents.c.id == agent_id, agents.c.totp_secret == kept, unused)
        with self._database.write() as connection:
            return connection.execute(own.values(totp_step=step, totp_secret=anew)).rowcount == 1

    def _uses_recovery_code(self, agent_id: str, bare: str) -> bool:
        hashes = self._recovery_hashes(bare)
        own = (recovery_codes.c.agent_id == agent_id, recovery_codes.c.code_hash.in_(hashes))
        with self._database.write() as connection:
            return connection.execute(recovery_codes.delete().where(*own)).rowcount == 1

    def _recovery_hashes(self, code: str) -> list[str]:
        """Return the hashes that may be kept of a recovery code, that of the present key first."""
        return [key.digest(Purpose.RECOVERY_CODE, _bare(code)) for key in self._recovery_keys]

    def _kept(self, agent_id: str, column: str) -> str | None:
        with self._database.read() as connection:
            found: str | None = connection.execute(sa.select(agents.c[column]).where(agents.c.id == agent_id)).scalar()
        return found

    def _encrypted(self, secret: str) -> str:
        return self._fernet.encrypt(secret.encode()).decode()

    def _decrypted(self, kept: str | None) -> str | None:
        try:
            return self._fernet.decrypt(kept).decode() if kept else None
        except InvalidToken:
            # Both keys are others than when it was written: only a reset helps, so the operator has to know.
            log.error("second_factor_unreadable")
            return None


def _without(agent_id: str) -> sa.Update:
    """Return the change of an account that has no second factor: nobody takes one away by adding another."""
    return agents.update().where(agents.c.id == agent_id, agents.c.totp_secret.is_(None))


def _bare(code: str) -> str:
    """Return a code without what people put between its groups."""
    return re.sub(r"[\s-]", "", code).lower()


def _step_of(secret: str, code: str) -> int | None:
    """Return the number of the half-minute that a code belongs to, or none if it is of none near now."""
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(code, for_time=time.time(), valid_window=WINDOW_STEPS)
    except OTPVerificationError:
        return None
