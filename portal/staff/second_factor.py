"""The second factor of local accounts: TOTP codes of an authenticator app, and recovery codes for a lost phone."""

import re
import time

import pyotp
import sqlalchemy as sa
import structlog
from cryptography.fernet import InvalidToken
from pyotp.exceptions import OTPVerificationError
from sqlalchemy.engine import Connection

from portal.database.database import Database
from portal.domain.actors import Actor, Reason
from portal.domain.characters import plain
from portal.domain.outcomes import Action
from portal.ledger.attempts import Attempt
from portal.ledger.ledger import Ledger
from portal.settings.keys import LedgerKey, Purpose, encryption
from portal.settings.settings import Settings
from portal.staff import passwords
from portal.staff.tables import agents, recovery_codes

log = structlog.get_logger("portal.staff")

# Clocks differ: the code before and the one after are accepted too.
WINDOW_STEPS = 1
RECOVERY_CODES = 10
RECOVERY_GROUPS = 2
_SIX_DIGITS = re.compile(r"[0-9]{6}")


class SecondFactor:
    """The second factors. Every method raises sqlalchemy.exc.SQLAlchemyError where the database fails.

    The present secret key encrypts; the previous one decrypts what is older. Enrolment and new recovery codes are
    recorded in the ledger, in the transaction that makes the change.
    """

    def __init__(self, database: Database, settings: Settings, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger
        secrets = [secret for secret in (settings.secret_key, settings.secret_key_previous) if secret]
        self._fernet = encryption(settings, Purpose.TOTP_SECRET)
        self._recovery_keys = [LedgerKey(secret.get_secret_value().encode()) for secret in secrets]

    def is_enrolled(self, agent_id: str) -> bool:
        """Tell whether an account has a second factor."""
        return self._column_value(agent_id, "totp_secret") is not None

    def offer(self, agent_id: str) -> None:
        """Generate a secret for an account that has no second factor yet; it replaces one that was offered before."""
        offered = self._encrypt(pyotp.random_base32())
        self._database.change(_update_unenrolled(agent_id).values(totp_offered=offered))

    def offered(self, agent_id: str) -> str | None:
        """Return the secret that is offered to an account, in base32; none if a new sign-in has to offer one."""
        return self._decrypt(self._column_value(agent_id, "totp_offered"))

    def accept(self, agent_id: str, code: str, actor: Actor) -> tuple[str, ...] | None:
        """Enrol an account with the secret that it was offered, if the code as typed is one of that secret.

        Returns:
            The recovery codes, to be shown once; none if the code is wrong, or the account has a second factor.
        """
        offered = self._column_value(agent_id, "totp_offered")
        secret = self._decrypt(offered)
        step = _matching_step(secret, _normalised(code))
        return self.enrol(agent_id, secret, step, offered, actor) if secret and step else None

    def enrol(
        self,
        agent_id: str,
        secret: str,
        step: int | None = None,
        offered: str | None = None,
        actor: Actor | None = None,
    ) -> tuple[str, ...] | None:
        """Enrol an account that has no second factor, and return its recovery codes, to be shown once.

        Args:
            secret: in base32; that of the demo's accounts is public.
            step: of a code that was used already.
            offered: the encrypted offer that is accepted; a reset may have removed it in between.
            actor: who enrols it; none for the accounts of a demo, of which nothing is recorded.

        Returns:
            None if there is no such account or offer, or it has a second factor.
        """
        update = _update_unenrolled(agent_id).values(
            totp_secret=self._encrypt(secret), totp_step=step, totp_offered=None
        )
        if offered is not None:
            update = update.where(agents.c.totp_offered == offered)
        with self._database.write() as connection:
            if not connection.execute(update).rowcount:
                return None
            if actor:
                self._record(connection, Action.ENROL, actor, agent_id)
            return self._replace_recovery_codes(connection, agent_id)

    def verify(self, agent_id: str, code: str) -> bool:
        """Verify a code of the app or a recovery code, as typed, and use it up: it is right once."""
        code = _normalised(code)
        if not _SIX_DIGITS.fullmatch(code):
            return self._use_recovery_code(agent_id, code)
        encrypted = self._column_value(agent_id, "totp_secret")
        step = _matching_step(self._decrypt(encrypted), code)
        return bool(encrypted and step and self._use_step(agent_id, step, encrypted))

    def renew_recovery_codes(self, agent_id: str, actor: Actor) -> tuple[str, ...] | None:
        """Replace the recovery codes and return the new ones, to be shown once; none without a second factor."""
        if not self.is_enrolled(agent_id):
            return None
        with self._database.write() as connection:
            self._record(connection, Action.RENEW_RECOVERY_CODES, actor, agent_id)
            return self._replace_recovery_codes(connection, agent_id)

    def recovery_codes_left(self, agent_id: str) -> int:
        """Return how many recovery codes an account has left."""
        return self._database.scalar(sa.select(sa.func.count()).where(recovery_codes.c.agent_id == agent_id)) or 0

    def _record(self, connection: Connection, action: Action, actor: Actor, agent_id: str) -> None:
        self._ledger.record_change(connection, Attempt(action, actor, reason=Reason(agent_id)))

    def _replace_recovery_codes(self, connection: Connection, agent_id: str) -> tuple[str, ...]:
        codes = tuple(passwords.generate(RECOVERY_GROUPS) for _ in range(RECOVERY_CODES))
        connection.execute(recovery_codes.delete().where(recovery_codes.c.agent_id == agent_id))
        rows = [{"agent_id": agent_id, "code_hash": self._recovery_hashes(_normalised(code))[0]} for code in codes]
        connection.execute(recovery_codes.insert(), rows)
        return codes

    def _use_step(self, agent_id: str, step: int, encrypted: str) -> bool:
        """Use up the code of a step and all before it; of two requests at the same moment, one is refused."""
        unused = sa.or_(agents.c.totp_step.is_(None), agents.c.totp_step < step)
        # Only with the same secret: a reset may have come in between.
        update = agents.update().where(agents.c.id == agent_id, agents.c.totp_secret == encrypted, unused)
        # Encrypted again with the present key, so that a previous one can be dropped in time.
        rotated = self._fernet.rotate(encrypted).decode()
        return self._database.change(update.values(totp_step=step, totp_secret=rotated)) == 1

    def _use_recovery_code(self, agent_id: str, code: str) -> bool:
        hashes = self._recovery_hashes(code)
        matching = (recovery_codes.c.agent_id == agent_id, recovery_codes.c.code_hash.in_(hashes))
        return self._database.change(recovery_codes.delete().where(*matching)) == 1

    def _recovery_hashes(self, code: str) -> list[str]:
        """Return the hashes that a normalised recovery code may be stored as, that of the present key first."""
        return [key.digest(Purpose.RECOVERY_CODE, code) for key in self._recovery_keys]

    def _column_value(self, agent_id: str, column: str) -> str | None:
        return self._database.scalar(sa.select(agents.c[column]).where(agents.c.id == agent_id))

    def _encrypt(self, secret: str) -> str:
        return self._fernet.encrypt(secret.encode()).decode()

    def _decrypt(self, encrypted: str | None) -> str | None:
        try:
            return self._fernet.decrypt(encrypted).decode() if encrypted else None
        except InvalidToken:
            # Both keys were replaced since it was encrypted: only a reset helps, so the operator has to know.
            log.error("second_factor_unreadable")
            return None


def _update_unenrolled(agent_id: str) -> sa.Update:
    """Return an update that leaves an existing second factor alone: nobody replaces one by adding another."""
    return agents.update().where(agents.c.id == agent_id, agents.c.totp_secret.is_(None))


def _normalised(code: str) -> str:
    """Return a code in lower case ASCII, without the white space and dashes between its groups."""
    return re.sub(r"[ _\u00b7-]", "", "".join(map(plain, code))).lower()


def _matching_step(secret: str | None, code: str) -> int | None:
    """Return the number of the half-minute that a code belongs to; none if it is not one near now."""
    if secret is None:
        return None
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(code, for_time=time.time(), valid_window=WINDOW_STEPS)
    except OTPVerificationError:
        return None
