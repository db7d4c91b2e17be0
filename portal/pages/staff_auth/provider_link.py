"""The links to the identity provider, which work from our own pages alone: no other site signs an agent in or out.

A provider where the agent is still signed in asks nothing, so a link that worked from everywhere would sign them in
again, or somebody else who uses their browser. A form can't do it: browsers apply the policy for forms to where the
redirect leads too.
"""

from hmac import compare_digest

from flask import request

from portal.pages.identity import viewer as identity
from portal.services import services
from portal.settings.keys import Purpose


def link_token() -> str:
    """Return what a link on a page for this browser needs in its query, as ``from``. It is worth nothing elsewhere."""
    return _token(identity.browser_id())


def is_from_our_page() -> bool:
    """Tell whether this request comes from a link on a page of ours."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return False
    known = identity.known_browser_id()
    given = request.args.get("from", "")
    return known is not None and compare_digest(given.encode(), _token(known).encode())


def _token(browser_id: str) -> str:
    return services().ledger.keyring.current.digest(Purpose.PROVIDER_LINK, browser_id)
