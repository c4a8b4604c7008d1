"""How a page is answered, and what its view may ask of the installation."""

from __future__ import annotations

from typing import Any

from flask import current_app, render_template
from sqlalchemy.orm import Session

from admin.interface.forms import Form
from admin.interface.keycloak_port import identities_of
from admin.operations.settings import Settings
from governance.kernel.database import db
from tenancy.keycloak.port import Identities


def render_page(template: str, *, form: Form | None = None, **values: Any) -> tuple[str, int]:
    """A page; with a form that was refused, with the status of its refusal."""
    errors = form.errors if form is not None else []
    page = render_template(f"{template}.html", form=form, errors=errors, **values)
    return page, form.status if form is not None and errors else 200


def session() -> Session:
    """The session of this request, in the scope of whoever asks."""
    return db.session()


def settings() -> Settings:
    """The installation's settings."""
    found: Settings = current_app.config["MOYAI"]
    return found


def keycloak() -> Identities:
    """The port to Keycloak of the application that answers this request."""
    return identities_of(current_app)
