"""The page with all components, for whoever changes one."""

from flask import Blueprint, Response, current_app

from portal.pages.styleguide.samples import samples
from portal.pages.styleguide.states import shown
from portal.pages.web.responses import render_page

bp = Blueprint("styleguide", __name__)


@bp.get("/styleguide")
def show_components() -> Response:
    context = dict(samples())
    current_app.update_template_context(context)
    return render_page("styleguide/show_components.html", components=dict(shown(current_app.jinja_env, context)))
