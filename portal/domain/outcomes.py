"""The closed sets of actions and of the outcomes that they can have."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How an attempt to link ended."""

    LINKED = "linked"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    MALFORMED = "malformed"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"
    MISCONFIGURED = "misconfigured"


class UnlinkOutcome(StrEnum):
    """How an attempt to unlink or to undo ended."""

    UNLINKED = "unlinked"
    GONE = "gone"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"
    MISCONFIGURED = "misconfigured"


class SignInOutcome(StrEnum):
    """How an attempt to sign in ended."""

    SIGNED_IN = "signed_in"
    # The password was right, and the second factor is still missing.
    SECOND_FACTOR_REQUIRED = "half"
    WRONG = "wrong"
    # Authenticated, or about to be, but not allowed in: no role, a disabled account, or the provider's refusal.
    REFUSED = "refused"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    # Too many sign-ins were under way: the password was not looked at.
    BUSY = "busy"
    MISCONFIGURED = "misconfigured"


class LookUpOutcome(StrEnum):
    """How an agent's attempt to find a viewer ended."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    MALFORMED = "malformed"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    MISCONFIGURED = "misconfigured"


class PasswordMailOutcome(StrEnum):
    """How a request for Zype's mail to set a new password ended."""

    # Zype took the request.
    SENT = "sent"
    # Zype knows no account with that email, or a rule of its own forbids it.
    REFUSED = "refused"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"
    MISCONFIGURED = "misconfigured"


class ExportOutcome(StrEnum):
    """How an export of the history ended: its file was sent."""

    EXPORTED = "exported"


class ArchiveOutcome(StrEnum):
    """How an archive of the ledger ended: its rows are in a file, and no longer in the database."""

    ARCHIVED = "archived"


class ReportOutcome(StrEnum):
    """How a viewer's report of a PIN that somebody else sent them ended: it was written."""

    REPORTED = "reported"


class ChangeOutcome(StrEnum):
    """How a change of an account, its factors, its sessions, a viewer's data or the ledger's own gaps ended."""

    DONE = "done"
    # The present password was not right.
    WRONG = "wrong"
    TOO_MANY = "too_many"


class Action(StrEnum):
    """What an attempt in the ledger tried to do."""

    LINK = "link"
    UNLINK = "unlink"
    UNDO = "undo"
    SIGN_IN = "sign_in"
    FORGOTTEN_PASSWORD = "forgotten_password"  # noqa: S105 - the name of an action
    LOOK_UP = "look_up"
    EXPORT = "export"
    REPORT = "report"
    SIGN_OUT_EVERYWHERE = "sign_out_everywhere"
    ADD_ACCOUNT = "add_account"
    DISABLE_ACCOUNT = "disable_account"
    RESET_ACCOUNT = "reset_account"
    ENROL = "enrol"
    RENEW_RECOVERY_CODES = "renew_codes"
    CHANGE_PASSWORD = "change_password"  # noqa: S105 - the name of an action
    RESOLVE = "resolve"
    ARCHIVE = "archive"
    FORGET = "forget"


# The outcomes that an attempt of each kind can have.
OUTCOMES: dict[Action, tuple[str, ...]] = {
    Action.LINK: tuple(Outcome),
    Action.UNLINK: tuple(UnlinkOutcome),
    Action.UNDO: tuple(UnlinkOutcome),
    Action.SIGN_IN: tuple(SignInOutcome),
    Action.FORGOTTEN_PASSWORD: tuple(PasswordMailOutcome),
    Action.LOOK_UP: tuple(LookUpOutcome),
    Action.EXPORT: tuple(ExportOutcome),
    Action.REPORT: tuple(ReportOutcome),
    # What is written in one transaction with the change itself can't end in another way.
    Action.SIGN_OUT_EVERYWHERE: (ChangeOutcome.DONE,),
    Action.ADD_ACCOUNT: (ChangeOutcome.DONE,),
    Action.DISABLE_ACCOUNT: (ChangeOutcome.DONE,),
    Action.RESET_ACCOUNT: (ChangeOutcome.DONE,),
    Action.ENROL: (ChangeOutcome.DONE,),
    Action.RENEW_RECOVERY_CODES: (ChangeOutcome.DONE,),
    Action.CHANGE_PASSWORD: tuple(ChangeOutcome),
    Action.RESOLVE: (ChangeOutcome.DONE,),
    Action.ARCHIVE: tuple(ArchiveOutcome),
    Action.FORGET: (ChangeOutcome.DONE,),
}
# Outcomes of an attempt that changed nothing, which don't decide whether a PIN is linked.
CHANGED_NOTHING = (
    Outcome.MALFORMED,
    Outcome.TOO_MANY,
    Outcome.UNAVAILABLE,
    Outcome.MISCONFIGURED,
    UnlinkOutcome.GONE,
    ReportOutcome.REPORTED,
)


@dataclass(frozen=True)
class LinkResult:
    """How an attempt to link ended.

    Args:
        attempt_id: the attempt in the ledger that the outcome belongs to.
        linked_device_id: the TV, if Zype named it.
        retry_after: seconds until trying again may help, for too_many, unavailable and misconfigured.
    """

    outcome: Outcome
    attempt_id: str
    linked_device_id: str | None = None
    retry_after: int | None = None
