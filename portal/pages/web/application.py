"""Flask, with less to do before and after each view: without signals, hosts in routes, coroutines and URLs to build."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response
from flask.globals import request_ctx
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import MapAdapter
from werkzeug.sansio.http import parse_cookie
from werkzeug.utils import cached_property
from werkzeug.wrappers import Response as AnyResponse

Check = Callable[[Request], AnyResponse | None]
OnAnswer = Callable[[Request, Response], None]


class PortalRequest(Request):
    """A request whose cookies are found at once: Werkzeug goes through all headers for them."""

    # Flask looks in the configuration for them; what judges bodies has a limit far below these.
    max_content_length, max_form_memory_size, max_form_parts = None, 500_000, 1_000

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        return parse_cookie(self.environ.get("HTTP_COOKIE"), cls=self.dict_storage_class)  # type: ignore[return-value]

    def close(self) -> None:
        """Close the files that were sent, if any were."""
        if "files" in self.__dict__:
            super().close()


class Portal(Flask):
    """The Flask application.

    What runs before each view is a ``check``, and what is told of each answer is registered by ``on_answer``. They get
    the request as an argument: Flask's own hooks look for it at each use. Those still work, after the checks.
    """

    request_class = PortalRequest

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._checks: list[Check] = []
        self._on_answer: list[OnAnswer] = []

    def check(self, function: Check) -> Check:
        """Register what is called before each view, in this order; an answer of it takes the place of the view's."""
        self._checks.append(function)
        return function

    def on_answer(self, function: OnAnswer) -> OnAnswer:
        """Register what is called with each request and its answer, before the session's cookie is set."""
        self._on_answer.append(function)
        return function

    def preprocess_request(self) -> Any:
        """Return what answers in place of the view, or none."""
        request = request_ctx.request
        for check in self._checks:
            answer = check(request)
            if answer is not None:
                return answer
        return super().preprocess_request() if self.before_request_funcs else None

    def process_response(self, response: Response) -> Response:
        """Return an answer with its last headers."""
        context = request_ctx._get_current_object()  # type: ignore[attr-defined]
        for function in self._on_answer:
            function(context.request, response)
        if self.after_request_funcs or context._after_request_functions:
            return super().process_response(response)
        # Not context.session: that counts as a use, and what uses the session varies by the cookie.
        self.session_interface.save_session(self, context._session, response)
        return response

    def do_teardown_request(self, *args: Any) -> None:
        """Do what was registered for the end of each request."""
        if self.teardown_request_funcs:
            super().do_teardown_request(*args)

    def do_teardown_appcontext(self, *args: Any) -> None:
        """Do what was registered for the end of each context."""
        if self.teardown_appcontext_funcs:
            super().do_teardown_appcontext(*args)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what finds the route of a request; the Host header has been checked, and no route has a host."""
        if request is None:
            return None
        host = request.environ.get("HTTP_HOST", "")
        return MapAdapter(self.url_map, host, request.root_path, "", request.scheme, request.path, request.method)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function as it is: Flask would look for a coroutine in all that it calls for a request."""
        return func
