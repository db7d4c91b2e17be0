"""The clock is set back an hour: what was linked, what was under way and who is signed in stays so."""

import time
from collections.abc import Callable
from datetime import timedelta

import time_machine

from portal.domain.outcomes import Action
from portal.domain.pins import Pin
from portal.ledger.attempts import Attempt
from portal.services import Services
from portal.settings.settings import Settings
from tests.faults.agreement import Agreement, words_of
from tests.harness.ledger import actor
from tests.harness.people import Alice
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.timing import at_most
from tests.stories.ledger_rows import rows_of

HOUR = timedelta(hours=1).total_seconds()


def test_page_ledger_and_zype_agree(alice: Alice, sandbox: SimulatedZype, settings: Settings) -> None:
    alice.signs_in()
    linked, tv = sandbox.tv(), sandbox.tv()
    alice.types_pin(linked.pin)
    alice.opens("/activate")
    with time_machine.travel(time.time() - HOUR):
        # The form was opened an hour from now.
        alice.types_pin(tv.pin)
        seen, outcome = words_of(alice.page), rows_of(settings)[-1]["outcome"]
        assert tv.owner() == alice.account.id
        alice.opens("/activate").types_pin(tv.pin)
        again = rows_of(settings)[-1]["outcome"]
        alice.opens("/activate").types_pin(linked.pin)
        assert alice.page.heading == "Your TV is linked", "a late click is shown as the success that it was"
        alice.undoes()
        assert not linked.is_linked()
    Agreement("The clock is set back an hour", seen, outcome, "linked", again).check()


def test_an_attempt_that_was_lost_before_is_not_waited_for(
    make_services: Callable[..., Services], alice: Alice, sandbox: SimulatedZype
) -> None:
    services, tv = make_services(), sandbox.tv()
    me = actor(alice.account.id)
    fingerprint = services.ledger.keyring.fingerprint(Pin(tv.pin))
    services.ledger.begin(Attempt(Action.LINK, me, alice.account.id, pin_fingerprint=fingerprint))
    with time_machine.travel(time.time() - HOUR), at_most(3):
        assert services.linking.link(tv.pin, alice.account.id, me).outcome == "linked"
