"""Faults of the portal's own; Zype's are in portal.zype.errors. Expected refusals are outcomes instead."""


class PortalError(Exception):
    """Root of the portal's own faults. Its text is for logs, never for a page."""


class NotSignedIn(PortalError):
    """The page needs a session, and there is none or it has ended."""


class StaffNotSignedIn(PortalError):
    """The page is for support staff, and nobody of them is signed in.

    Args:
        reauthenticate: an agent is, but the page needs a sign-in of a few minutes ago at most.
    """

    def __init__(self, reauthenticate: bool = False) -> None:
        super().__init__("no fresh session of an agent" if reauthenticate else "no session of an agent")
        self.reauthenticate = reauthenticate


class NotAllowed(PortalError):
    """There is a session, but its principal may not do this."""


class AccountRefused(PortalError):
    """An operator asked for something that the accounts of the support staff don't allow; the text tells them why."""


class LedgerUnavailable(PortalError):
    """The attempt could not be written to the ledger, so nothing was sent to Zype."""


class SettingsError(PortalError):
    """The settings have faults.

    Args:
        faults: one sentence each, in the form ``PORTAL_NAME: what is wrong and how to mend it``.
            They never hold a value.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
