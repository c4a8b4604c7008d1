"""Registration of the back office under `/backoffice/`."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Flask
from flask_admin import Admin
from flask_admin.menu import MenuLink
from flask_admin.theme import Bootstrap4Theme
from jinja2 import ChoiceLoader

from admin.backoffice.tables import TABLES
from admin.backoffice.template_patches import PatchedLoader
from admin.backoffice.views import IndexView, MembersView, StepsView, TableView
from admin.core.headers import csp_nonce
from tenancy.onboarding.tables import OnboardingStep
from tenancy.people.tables import Member

ENDPOINT: Final = "backoffice"
URL: Final = "/backoffice"
_WITH_BUTTONS: Final[dict[type, type[TableView]]] = {Member: MembersView, OnboardingStep: StepsView}


def register_backoffice(app: Flask) -> None:
    """Register its pages with the application. Raises RuntimeError when a template patch does not fit."""
    loaders = [PatchedLoader()] if app.jinja_loader is None else [app.jinja_loader, PatchedLoader()]
    app.jinja_loader = ChoiceLoader(loaders)
    app.register_blueprint(
        Blueprint(
            "backoffice_assets",
            __name__,
            template_folder="templates",
            static_folder="static",
            static_url_path=f"{URL}/assets",
        )
    )
    admin = Admin(
        app,
        name="Moyai 台帳（照会用）",
        endpoint=ENDPOINT,
        url=URL,
        index_view=IndexView(name="一覧", endpoint=ENDPOINT, url=URL),
        theme=Bootstrap4Theme(fluid=True),
        csp_nonce_generator=csp_nonce,
    )
    for table in TABLES:
        admin.add_view(_WITH_BUTTONS.get(table.model, TableView)(table))
    admin.add_link(MenuLink("業務画面へ戻る", url="/"))
