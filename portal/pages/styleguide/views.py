"""The page with all components, for whoever changes one."""

from flask import Blueprint, current_app, render_template

from portal.pages.styleguide.samples import samples
from portal.pages.styleguide.states import shown

bp = Blueprint("styleguide", __name__)


@bp.get("/styleguide")
def show_components() -> str:
    context = dict(samples())
    current_app.update_template_context(context)
    return render_template("styleguide/show_components.html", components=dict(shown(current_app.jinja_env, context)))
