"""The API reference: the OpenAPI document in Swagger UI, and every problem that the API may answer."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

from flask import Blueprint, current_app

from admin.core.guard import requires
from admin.core.language import current_language
from admin.interface.api import ROUTES
from admin.interface.pages import render_page
from admin.interface.problems import problems_of
from governance.permissions import Permission

pages = Blueprint(
    "system",
    __name__,
    template_folder="templates",
    static_folder=str(files("flask_openapi_swagger") / "templates" / "swagger"),
    static_url_path="/api-reference/viewer",
)


class ProblemRow(NamedTuple):
    """A problem in the language of the page; what stands in braces is filled in each time."""

    code: str
    text: str
    hint: str


@pages.get("/api-reference")
@requires(Permission.PUBLIC)
def api_reference() -> tuple[str, int]:
    """Every operation with its parameters, bodies and answers. The document is public, and so is the page."""
    language = current_language()
    problems = problems_of(current_app.extensions[ROUTES])
    rows = [ProblemRow(code, texts[language], texts[f"hint_{language}"]) for code, texts in problems.items()]
    return render_page("system/api_reference", problems=rows)
