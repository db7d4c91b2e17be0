"""What goes wrong with an authorization of the login service, in words that need no Authlib."""


class AuthorizationRefused(Exception):
    """The login service, or the portal, refuses an authorization.

    Args:
        error: the code of RFC 6749, section 5.2, or none.
    """

    def __init__(self, error: str | None) -> None:
        super().__init__(error)
        self.error = error
