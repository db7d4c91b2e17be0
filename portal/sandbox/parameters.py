"""The parameters of a call: in the query, a form or a JSON body, as Zype's Rails application reads them."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, abort, request
from werkzeug.exceptions import BadRequest

from portal.sandbox import faults

_OVERRIDE = "_method"
_View = TypeVar("_View", bound=Callable[..., Any])


def parameter(name: str) -> str:
    """Return a parameter of the body, or else of the query; empty if there is none.

    The body wins, as in Rails.
    """
    return field(name) or request.args.get(name, "")


def field(name: str) -> str:
    """Return a field of the body alone, a form or a JSON object; empty if there is none."""
    if not request.is_json:
        return request.form.get(name, "")
    value = _json().get(name)
    return value if isinstance(value, str) else ""


def takes_put(blueprint: Blueprint, rule: str) -> Callable[[_View], _View]:
    """Return a decorator for the view of a PUT, which may come as a POST with ``_method=put``.

    Zype's library for web TVs sends it so, because forms know no PUT; Rails calls it method override.
    """

    def register(view: _View) -> _View:
        @wraps(view)
        def overridable(**arguments: Any) -> Any:
            if request.method == "POST" and parameter(_OVERRIDE).lower() != "put":
                abort(faults.error(404))
            return view(**arguments)

        blueprint.add_url_rule(rule, view_func=overridable, methods=["PUT", "POST"])
        return view

    return register


def _json() -> dict[str, Any]:
    try:
        sent = request.get_json()
    except BadRequest:
        abort(faults.error(400, "The body is no JSON."))
    return sent if isinstance(sent, dict) else {}
