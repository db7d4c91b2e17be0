"""The portal's own errors; those of calls to Zype are in portal.zype.errors. Expected refusals are outcomes."""


class PortalError(Exception):
    """Base of the portal's own errors. The text is for logs, never for a page."""


class NotSignedIn(PortalError):
    """The page needs a session, and there is none or it has ended."""


class StaffNotSignedIn(PortalError):
    """No agent is signed in; or one has to reauthenticate: the page needs a sign-in of a few minutes ago at most."""

    def __init__(self, reauthenticate: bool = False) -> None:
        super().__init__("no fresh session of an agent" if reauthenticate else "no session of an agent")
        self.reauthenticate = reauthenticate


class PasswordChangeRequired(PortalError):
    """An agent is signed in with a password that somebody else has seen, and has to choose another one first."""


class NotAllowed(PortalError):
    """There is a session, but its principal may not do this."""


class AccountError(PortalError):
    """A change of a staff account is not possible; the text tells the operator why."""


class LedgerUnavailable(PortalError):
    """The attempt could not be written to the ledger, so nothing was sent to Zype."""


class SettingsError(PortalError):
    """The settings have faults: ``PORTAL_NAME: what is wrong and how to correct it``, each without a value."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
