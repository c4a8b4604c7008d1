"""The entry point of the command that issues the notices of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.formats import year_label, yen
from billing.notices.commands import issue_notices
from billing.notices.issuer import issuer_fields, set_issuer
from billing.runs.queries import run_by_id
from governance.kernel.errors import Language
from governance.kernel.labels import Label


def _run(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The run, how many notices it has, and their total. Raises NotFound."""
    run = run_by_id(session, given["run_id"])
    number = gettext("run %(number)s", number=run.number)
    return FormContext(
        [
            Fact(gettext("Run"), f"{year_label(run.fiscal_year)} {number}"),
            Fact(gettext("Notices"), str(len(run.shares))),
            Fact(gettext("Total"), yen(sum(share.difference_yen for share in run.shares))),
        ]
    )


ENTRY_POINTS: Final = (
    EntryPoint(
        issue_notices,
        Label("納入通知書を発行する", "Issue the notices"),
        Label("発行する", "Issue"),
        api=api("POST /allocation-runs/<run>/notices", run="run_id"),
        cli=cli("notice issue", "run_id"),
        page=PageAddress(
            "/allocations/<uuid:run_id>/notices",
            "notices_issuing",
            then=lambda command, result: url_for("notices.notices", issued=len(result.notices)),
            back=lambda given: (Label("納入通知書", "Notices"), url_for("notices.notices")),
            review_intro=Label(
                "発行した通知書は変更できません。額が変わるときは、按分を変更して新しく発行します。",
                "Notices are never changed; if an amount changes, revise the run and issue new ones.",
            ),
            about=_run,
        ),
    ),
    EntryPoint(
        set_issuer,
        Label("通知書の発行者と納付先を定める", "Set who issues the notices and where they are paid"),
        Label("定める", "Set"),
        api=api("PUT /notice-issuer"),
        cli=cli("notice set-issuer"),
        page=PageAddress(
            "/notices/issuer",
            "issuer_setting",
            then=lambda command, result: url_for("notices.notices", issuer=result.number),
            back=lambda given: (Label("納入通知書", "Notices"), url_for("notices.notices")),
            intro=Label(
                "これから発行するすべての通知書に印刷します。発行済みの通知書は変わりません。",
                "Printed on every notice from here on; those issued stay as they are.",
            ),
        ),
        record=lambda session, given: issuer_fields(session),
    ),
)
