"""The people of the tests: each has a browser, and the actions of a viewer or of support staff in it."""

import time
from typing import Self

import pyotp

from portal.domain.actors import Role
from portal.sandbox import seed
from portal.sandbox.seed import Consumer
from portal.services import Services
from tests.harness.accounts import add_account
from tests.harness.page import Page, PageClient

# In the menu of the account, at the top of every page of a viewer who is signed in.
SIGN_OUT = '.site-header [action="/sign-out"]'
SIGN_OUT_EVERYWHERE = '.site-header [action="/sign-out/everywhere"]'


class Person:
    """A person with a browser.

    Args:
        browser: used by nobody else.
    """

    account: Consumer

    def __init__(self, browser: PageClient) -> None:
        self.browser = browser
        self._page: Page | None = None

    @property
    def page(self) -> Page:
        """The page that is open."""
        assert self._page is not None, f"{type(self).__name__} has opened no page yet"
        return self._page

    def opens(self, path: str, status: int = 200) -> Self:
        """Type an address; a redirect to another page of the portal is followed, as a browser does."""
        return self._show(self.browser.get(path, status))

    def signs_in(self, password: str | None = None, status: int = 303) -> Self:
        """Sign in with email and password on the portal's own page."""
        if self._page is None or not self.page.select('form[action="/sign-in"]'):
            self.opens("/sign-in")
        fields = {"email": self.account.email, "password": password or self.account.password}
        return self._submits("/sign-in", status, **fields)

    def signs_out(self) -> Self:
        """Press "Sign out" at the top of the page."""
        return self._submits(SIGN_OUT, 303)

    def signs_out_everywhere(self) -> Self:
        """Press "Sign out everywhere" at the top of the page."""
        return self._submits(SIGN_OUT_EVERYWHERE, 303)

    def says_that_is_not_me(self) -> Self:
        """Press "Not you?" beside the name of the account."""
        return self._submits(".account button", 303)

    def types_pin(self, pin: str, status: int = 303) -> Self:
        """Type a PIN into the form and send it: with 303 the TV is linked."""
        if self._page is None or not self.page.select("#pin"):
            self.opens("/activate")
        # What the script does when a viewer types: the PIN is no longer the one of a link.
        return self._submits("/activate", status, **{"pin": pin, "from": ""})

    def sends_the_pin_of_a_link(self, pin: str, status: int = 303) -> Self:
        """Send the form as the script fills it in from ``/activate#pin=``: the page asks to compare."""
        self.opens("/activate")
        return self._submits("/activate", status, **{"pin": pin, "from": "link"})

    def confirms(self, status: int = 303) -> Self:
        """Press "Yes, link this TV" on the page that shows the PIN large."""
        return self._submits("/activate/confirm", status)

    def says_that_is_not_my_tv(self) -> Self:
        """Press "Not my TV" there."""
        return self._submits("/activate/discard", 303)

    def undoes(self, status: int = 303) -> Self:
        """Press "Undo" on the page that says what was linked."""
        return self._submits("/activate/undo", status)

    def says_that_somebody_sent_it(self, status: int = 303) -> Self:
        """Press "Somebody sent me this PIN" on the comparison or on the page that says what was linked."""
        return self._submits("/activate/report", status)

    def _submits(self, form: str, status: int, **fields: str) -> Self:
        return self._show(self.browser.submit(self.page, form, status, **fields))

    def _show(self, page: Page) -> Self:
        self._page = self.browser.follow(page) if page.leads_here else page
        return self


class Alice(Person):
    """A viewer with a new TV."""

    account = seed.ALICE


class Mallory(Person):
    """A viewer who would like to have Alice's TV."""

    account = seed.MALLORY


class Staff(Person):
    """A member of the support staff with a local account, and a phone with an authenticator app.

    Args:
        browser: used by nobody else.
    """

    name: str
    role: Role
    password = "staff-password"
    # In base32, as their phone keeps it.
    secret: str

    def __init__(self, browser: PageClient) -> None:
        super().__init__(browser)
        self._used_step = 0

    def with_account(self, services: Services) -> Self:
        """Store their account with a second factor, as if they had signed in before."""
        add_account(services, self.name, self.role, self.password)
        services.second_factor.enrol(self.name, self.secret)
        return self

    def code(self) -> str:
        """Look at the phone: the code of now, or the next one if that of now is used up."""
        self._used_step = max(int(time.time()) // 30, self._used_step + 1)
        return pyotp.TOTP(self.secret).generate_otp(self._used_step)

    def signs_in(self, password: str | None = None, status: int = 303) -> Self:
        """Sign in with name, password and a code on the console's own pages; a wrong password stops half-way."""
        self.gives_password(password, status)
        return self.gives_code() if status == 303 else self

    def gives_password(self, password: str | None = None, status: int = 303) -> Self:
        """Send name and password, the first half of a sign-in."""
        if self._page is None or not self.page.select('form[action="/support/sign-in"]'):
            self.opens("/support/sign-in")
        return self._submits("/support/sign-in", status, name=self.name, password=password or self.password)

    def gives_code(self, code: str | None = None, status: int = 303) -> Self:
        """Send a code, the second half."""
        return self._submits("/support/sign-in/second-factor", status, code=code or self.code())

    def signs_out(self) -> Self:
        """Press "Sign out" at the top of the page."""
        return self._submits("/support/sign-out", 303)

    def signs_out_everywhere(self) -> Self:
        """Press "Sign out everywhere" on the page of one's account."""
        self.opens("/support/account")
        return self._submits("/support/sign-out/everywhere", 303)


class Bob(Staff):
    """An agent."""

    name, role, secret = "bob", Role.AGENT, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


class Supervisor(Staff):
    """A supervisor."""

    name, role, secret = "supervisor", Role.SUPERVISOR, "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
