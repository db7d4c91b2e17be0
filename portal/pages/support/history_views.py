"""The history of all attempts, for supervisors: as pages and as a file."""

import re
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from portal.domain.actors import Reason
from portal.domain.errors import StaffNotSignedIn
from portal.domain.outcomes import Action, ExportOutcome
from portal.ledger import export
from portal.ledger.attempt_query import AttemptFilter
from portal.ledger.attempts import Attempt
from portal.pages.auth.guards import agent_required, fresh_supervisor_required, supervisor_required
from portal.pages.identity.agent import Agent
from portal.pages.support.history_forms import ANY_OUTCOME, ExportHistoryForm, FilterHistoryForm
from portal.pages.web.error_pages import to_staff_sign_in
from portal.pages.web.forms import on_stale_form
from portal.pages.web.language import page_to_return_to
from portal.pages.web.responses import in_words, render_page, see_other
from portal.services import services

bp = Blueprint("support_history", __name__)

HISTORY = "/support/history"
# Empty, or a number that every database can compare.
ROW_ID = re.compile("[0-9]{0,18}")


@bp.get(HISTORY)
@supervisor_required
def history(supervisor: Agent) -> Response:
    form = FilterHistoryForm()
    before = request.args.get("before", "")
    if not form.validate() or not ROW_ID.fullmatch(before):
        return _page(form, status=422)
    return _page(form, before=int(before) if before else None)


@bp.post(HISTORY)
@supervisor_required
def filter_history(supervisor: Agent) -> Response:
    form = FilterHistoryForm()
    if not form.validate():
        return _page(form, status=422)
    return see_other(_filtered(form))


@bp.post(f"{HISTORY}/export")
@fresh_supervisor_required
def export_history(supervisor: Agent) -> Response:
    form = ExportHistoryForm()
    kind = next((kind for kind in export.TYPES if kind == form.kind.data), None)
    if not form.validate() or kind is None:
        return _page(form, status=422)
    _record_export(supervisor, form.attempt_filter, kind)
    attempts = services().history.all(form.attempt_filter)
    file = export.write(attempts, kind, services().ledger.keyring.current)
    response = Response(file, mimetype=None, content_type=export.TYPES[kind])
    response.headers["Content-Disposition"] = f"attachment; filename=zype-activate-history.{kind}"
    return response


@on_stale_form("support_history")
@agent_required
def history_again(agent: Agent) -> Response:
    return see_other(_with_filter_of_request())


@bp.errorhandler(StaffNotSignedIn)
def sign_in_first(error: StaffNotSignedIn) -> Response:
    """Lead to the sign-in, and from there to the history with the filter of this request."""
    return to_staff_sign_in(error, _with_filter_of_request())


def _with_filter_of_request() -> str:
    form = FilterHistoryForm()
    # What is not valid may be an email address.
    return _filtered(form) if form.validate() else HISTORY


def _filtered(form: FilterHistoryForm) -> str:
    """Return the address of the history with the filter of a form, which is valid."""
    return f"{HISTORY}?{urlencode(form.query)}" if form.query else HISTORY


def _record_export(supervisor: Agent, attempt_filter: AttemptFilter, kind: str) -> None:
    """Record the export in the ledger; raises LedgerUnavailable, so that none is given out unrecorded."""
    ledger = services().ledger
    attempt = Attempt(Action.EXPORT, supervisor.actor, reason=Reason(f"{kind}: {attempt_filter}"))
    ledger.begin(attempt)
    ledger.finish(attempt, ExportOutcome.EXPORTED)


def _page(form: FilterHistoryForm, *, before: int | None = None, status: int = 200) -> Response:
    is_valid = status == 200
    found = services().history.page(form.attempt_filter, before) if is_valid else None
    older = urlencode({**form.query, "before": found.before}) if found and found.before else None
    return render_page(
        "support/history.html",
        status,
        form=form,
        found=found,
        older=f"{HISTORY}?{older}" if older else None,
        newest=_filtered(form) if before is not None else None,
        budgets=services().budgets.near_limit() if is_valid else {},
        outcomes=ANY_OUTCOME,
        in_words=in_words,
        return_path=page_to_return_to(_filtered(form) if is_valid else HISTORY),
    )
