"""What one check finds: whether it works, and a sentence."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from portal.commands.advice import with_advice
from portal.commands.folders import FolderUnusable
from portal.database.faults import reason
from portal.database.schema import WrongSchema
from portal.pages.staff_auth.oidc.errors import ProviderError
from portal.zype.errors import ZypeError


@dataclass(frozen=True)
class Finding:
    """What one check found: whether it works, and a sentence without the value of any setting.

    Args:
        is_warning: it works, but something about it should be known.
    """

    is_ok: bool
    text: str
    is_warning: bool = False

    def __str__(self) -> str:
        if not self.is_ok:
            return f"FAIL  {self.text}"
        return f"{'warn' if self.is_warning else 'ok  '}  {self.text}"


class CheckFailed(Exception):
    """Something does not work; the text goes on from the subject of the check."""


class CheckWarning(Exception):
    """Something works, but should not stay as it is; the text goes on from the subject of the check."""


def find(subject: str, check: Callable[[], str]) -> Finding:
    """Return what a check finds: it returns what works, and raises for what does not, or should not stay."""
    try:
        return Finding(True, f"{subject}: {check()}")
    except CheckWarning as warning:
        return Finding(True, f"{subject}: {warning}", is_warning=True)
    except SQLAlchemyError as error:
        return Finding(False, f"{subject}: {reason(error)}")
    except (CheckFailed, WrongSchema, FolderUnusable, ZypeError, ProviderError) as error:
        return Finding(False, f"{subject}: {with_advice(str(error))}")
