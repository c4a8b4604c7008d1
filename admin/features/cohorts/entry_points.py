"""The entry point of the command that defines a cohort. Applying a cohort's plan is written by hand: it compares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import request, url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy import directory
from tenancy.tenants.commands import define_cohort


def _named(session: Session) -> directory.CohortFacts | None:
    """The cohort that the address names with `?name=`. Raises NotFound for one that is not there."""
    name = request.args.get("name", "")
    return directory.cohort(session, name) if name else None


def _about(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenants that are in the cohort already."""
    if (cohort := _named(session)) is None:
        return FormContext()
    names = gettext(", ").join(tenant.name for tenant in directory.cohort_members(session, cohort.name))
    return FormContext([Fact(gettext("Cohort"), cohort.label), Fact(gettext("Already in the cohort"), names or "―")])


def _start(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    cohort = _named(session)
    return {} if cohort is None else {"label": cohort.label, "fiscal_year": cohort.fiscal_year}


ENTRY_POINTS: Final = (
    EntryPoint(
        define_cohort,
        Label("参加期を定める", "Define a cohort"),
        Label("定める", "Define the cohort"),
        api=api("POST /cohorts"),
        cli=cli("cohort define", "name"),
        page=PageAddress(
            "/define-cohort",
            "cohort_defining",
            then=lambda command, result: url_for("cohorts.cohort_plan", name=command.name),
            back=lambda given: (Label("参加期", "Cohorts"), url_for("cohorts.cohorts")),
            intro=Label(
                "ある年度から一緒に参加する団体を選びます。次に、参加計画を確かめます。",
                "Choose the tenants that join in a fiscal year, then review the plan.",
            ),
            about=_about,
            start=_start,
            is_reviewed=False,
        ),
    ),
)
