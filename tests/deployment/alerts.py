"""For each alert series that make it fire, and series like them that do not, as promtool writes them.

``0+1x20`` begins at 0 and rises by 1 every minute, 20 times. ``_`` is a scrape without a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Series = Mapping[str, str]
MINUTES = 60


@dataclass(frozen=True)
class Case:
    """What an alert is tested with.

    Args:
        fires: series with which it fires.
        labels: of the alert then.
        quiet: series with which it does not.
        minutes: how long all of them go on before that is looked at.
    """

    fires: Series
    quiet: Series
    labels: Mapping[str, str] = field(default_factory=dict)
    minutes: int = MINUTES


def histogram(name: str, labels: str, *rates: tuple[str, int]) -> Series:
    """Return buckets that grow by so much a minute."""
    return {f'portal_{name}_bucket{{{labels},le="{bound}"}}': f"0+{rate}x{MINUTES}" for bound, rate in rates}


def links(**rates: int) -> Series:
    """Return attempts to link that grow by so much a minute."""
    return {
        f'portal_links_total{{outcome="{outcome}",actor="viewer"}}': f"0+{rate}x{MINUTES}"
        for outcome, rate in rates.items()
    }


def requests(**rates: int) -> Series:
    """Return requests for a page that grow by so much a minute, by the class of the status, and healthy probes."""
    labels = 'rule="/activate",method="POST"'
    return {
        **{
            f'portal_http_request_seconds_count{{{labels},status="{status.removeprefix("s")}"}}': f"0+{rate}x{MINUTES}"
            for status, rate in rates.items()
        },
        'portal_http_request_seconds_count{rule="/healthz",method="GET",status="2xx"}': f"0+900x{MINUTES}",
    }


CALL = 'portal_zype_call_seconds_count{call="link",result="%s"}'
LINK = 'call="link",result="ok"'
WAIT = 'instance="a",wait="write"'
UP = 'up{job="zype-activate",instance="a"}'
DATABASE_UP = 'portal_database_up{job="zype-activate",instance="a"}'
OTHER_UP = 'portal_database_up{job="zype-activate",instance="b"}'
# One step, after which nothing more happens.
ONCE, NEVER = "0x55 1x5", "0x60"

ALERTS: Mapping[str, tuple[Case, ...]] = {
    "PortalDown": (
        Case({UP: "0x60"}, {UP: "1x60", DATABASE_UP: "1x60"}, {"job": "zype-activate", "instance": "a"}),
        # It had workers, and has none.
        Case(
            {UP: "1x60", DATABASE_UP: "1x50 _x10"},
            {UP: "1x60", DATABASE_UP: "1x58 _x1 1"},
            {"job": "zype-activate", "instance": "a"},
        ),
        # It is not asked at all.
        Case({'up{job="other",instance="b"}': NEVER}, {UP: "1x60", DATABASE_UP: "0x60"}, {"job": "zype-activate"}),
    ),
    "PortalDatabaseDown": (
        Case({OTHER_UP: "1x55 0x5"}, {OTHER_UP: "1x59 0"}, {"job": "zype-activate", "instance": "b"}),
    ),
    "PortalLedgerNotWritten": (
        Case(
            {'portal_ledger_write_failures_total{instance="a"}': ONCE},
            {'portal_ledger_write_failures_total{instance="a"}': "1x60"},
            {"instance": "a"},
            minutes=58,
        ),
    ),
    "PortalRefusedByZype": (
        Case({CALL % "misconfigured": ONCE}, {CALL % "unavailable": "0+9x60"}, {"call": "link"}, minutes=58),
    ),
    "PortalBreakerOpen": (
        Case(
            {'portal_breakers_open{service="api",instance="a"}': "0x40 1 0 1 0 2 2 1 0 1 0 1 0 1 0 1 0 1 0 1 0"},
            {'portal_breakers_open{service="api",instance="a"}': "0x55 1 0 0 0 0"},
            {"service": "api"},
        ),
    ),
    "PortalLinksFail": (
        Case(links(linked=90, unknown=5, unavailable=5), links(linked=96, unknown=2, unavailable=2)),
        Case(links(linked=0, unavailable=1), {**links(linked=0), **dict.fromkeys(links(unknown=0), "0x50 4x10")}),
    ),
    "PortalZypeSlow": (
        Case(
            histogram("zype_call_seconds", LINK, ("0.5", 80), ("5.0", 100), ("+Inf", 100)),
            histogram("zype_call_seconds", LINK, ("0.5", 98), ("5.0", 100), ("+Inf", 100)),
        ),
        # What was not sent says nothing, whichever way.
        Case(
            histogram("zype_call_seconds", LINK, ("0.5", 80), ("5.0", 100), ("+Inf", 100))
            | dict(histogram("zype_call_seconds", 'call="link",result="busy"', ("0.5", 9999), ("+Inf", 9999))),
            histogram("zype_call_seconds", 'call="link",result="unavailable"', ("3.0", 0), ("5.0", 9), ("+Inf", 9)),
        ),
    ),
    "PortalZypeContractBroken": (Case({CALL % "contract_broken": ONCE}, {CALL % "ok": "0+9x60"}, {"call": "link"}),),
    "PortalCallsUsedUp": (
        Case(
            {'portal_share_refusals_total{share="links"}': "0+3x60"},
            {
                'portal_share_refusals_total{share="caller"}': "0+9x60",
                'portal_share_refusals_total{share="address"}': "0+9x60",
                'portal_share_refusals_total{share="links"}': "0+1x60",
            },
            {"share": "links"},
        ),
    ),
    "PortalFlood": (
        Case(
            {'portal_flood_refusals_total{instance="a"}': "0+1x60"},
            {'portal_flood_refusals_total{instance="a"}': "0x58 9x2"},
            {"instance": "a"},
        ),
    ),
    "PortalManyWrongPins": (
        Case(links(linked=2, not_found=2, too_many=1), links(linked=20, not_found=10, too_many=9)),
        Case(links(not_found=5), links(linked=0, not_found=1)),
    ),
    "PortalManyStopped": (
        Case(
            {'portal_stopped_total{action="sign_in",actor="viewer"}': "0+8x60"},
            {
                'portal_stopped_total{action="sign_in",actor="viewer"}': "0+5x60",
                'portal_stopped_total{action="link",actor="viewer"}': "0+5x60",
            },
            {"action": "sign_in", "actor": "viewer"},
        ),
    ),
    "PortalMailWaits": (
        Case(
            # Both see the same, at different moments.
            {f'portal_outbox_age_seconds{{instance="{name}"}}': "0+60x60" for name in "ab"},
            {'portal_outbox_age_seconds{instance="a"}': "0x40 3600 0x10 3600 0x8"},
        ),
    ),
    "PortalMailFails": (
        Case(
            {'portal_notices_total{result="failed"}': "0x50 1 2 3x8"},
            {'portal_notices_total{result="failed"}': "0x50 1 2x9", 'portal_notices_total{result="delayed"}': "0+9x60"},
        ),
    ),
    "PortalAttemptsPending": (
        Case(
            {'portal_ledger_pending_age_seconds{instance="a"}': "0+60x60"},
            {'portal_ledger_pending_age_seconds{instance="a"}': "0x40 12x20"},
        ),
    ),
    "PortalDatabaseSlow": (
        Case(
            histogram("database_wait_seconds", WAIT, ("0.5", 98), ("1.0", 100), ("+Inf", 100)),
            histogram("database_wait_seconds", WAIT, ("0.25", 99), ("0.5", 100), ("+Inf", 100)),
            {"instance": "a"},
        ),
    ),
    "PortalErrors": (
        Case(requests(s2xx=90, s5xx=10), requests(s2xx=96, s5xx=4)),
        Case(requests(s5xx=1), {**requests(s4xx=9), **dict.fromkeys(requests(s5xx=0), "0x55 4x5")}),
    ),
}
