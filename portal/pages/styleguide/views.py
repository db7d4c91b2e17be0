"""The page with all components, for whoever changes one."""

from flask import Blueprint, Response

from portal.pages.styleguide.samples import samples
from portal.pages.styleguide.states import shown
from portal.pages.web.responses import page_templates, render_page

bp = Blueprint("styleguide", __name__)


@bp.get("/styleguide")
def show_components() -> Response:
    templates = page_templates()
    found = shown(templates, {**samples(), **templates.of_request()})
    return render_page("styleguide/show_components.html", components=dict(found))
