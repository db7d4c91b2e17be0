"""Series that an alert is about are there from the start, since Prometheus counts no step from nothing to one."""

import ast
import inspect

from prometheus_client import REGISTRY

from portal.domain.outcomes import Outcome
from portal.pages.ops import metrics
from portal.zype import client
from portal.zype.bulkhead import Pool


def calls_of_client() -> set[str]:
    """Return the names that the client gives its calls."""
    calls = (node for node in ast.walk(ast.parse(inspect.getsource(client))) if isinstance(node, ast.Call))
    return {
        str(call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("_send", "_guard")
        if isinstance(call.args[0], ast.Constant)
    }


def is_there(name: str, **labels: str) -> bool:
    """Tell whether there is a series with these labels."""
    return REGISTRY.get_sample_value(name, labels) is not None


def test_series_of_closed_sets_are_there_from_the_start() -> None:
    assert set(metrics.ZYPE_CALLS) == calls_of_client()
    for call in metrics.ZYPE_CALLS:
        for result in ("ok", "misconfigured", "contract_broken"):
            assert is_there("portal_zype_call_seconds_count", call=call, result=result), (call, result)
    for outcome in Outcome:
        for actor in ("viewer", "agent"):
            assert is_there("portal_links_total", outcome=outcome, actor=actor), (outcome, actor)
    for action, actor in (("link", "viewer"), ("sign_in", "viewer"), ("sign_in", "agent"), ("look_up", "agent")):
        assert is_there("portal_stopped_total", action=action, actor=actor), (action, actor)
    for pool in Pool:
        assert is_there("portal_share_refusals_total", share=pool.name.lower()), pool
    for result in ("sent", "delayed", "failed"):
        assert is_there("portal_notices_total", result=result), result
    assert is_there("portal_flood_refusals_total")
    assert is_there("portal_ledger_write_failures_total")
