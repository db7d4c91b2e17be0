"""Every call of the client, and the secrets in them."""

from collections.abc import Callable
from typing import Any

from portal.domain.pins import Pin
from portal.zype.client import ZypeClient
from tests.zype.conftest import CLIENT_SECRET, KEY

PIN = Pin("zizm529")
CONSUMER = "5992f328ce593000ef000008"
TOKEN = "made-up-access-token"
PASSWORD = "made up password"
EMAIL = "alice@example.com"
SECRETS = (KEY, CLIENT_SECRET, PIN.secret, TOKEN, PASSWORD, EMAIL)

CALLS: dict[str, Callable[[ZypeClient], Any]] = {
    "link": lambda client: client.link(PIN, CONSUMER),
    "unlink": lambda client: client.unlink(PIN, CONSUMER),
    "pin_status": lambda client: client.pin_status("a device"),
    "consumer": lambda client: client.consumer(CONSUMER),
    "consumers_by_email": lambda client: client.consumers_by_email(EMAIL),
    "own_consumer": lambda client: client.own_consumer(CONSUMER, TOKEN),
    "token": lambda client: client.token(EMAIL, PASSWORD),
    "token_info": lambda client: client.token_info(TOKEN),
    "revoke": lambda client: client.revoke(TOKEN),
}
