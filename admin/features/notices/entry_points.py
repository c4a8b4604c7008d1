"""The entry point of the command that issues the notices of a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext, ngettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, ReviewTable, api, cli
from admin.interface.formats import amount, year_label, yen
from billing.ledger.periods import date_warning
from billing.notices.commands import IssueNotices, issue_notices
from billing.notices.issuer import issuer_fields, set_issuer
from billing.notices.models import NoticePlan
from billing.notices.planning import earlier_unnotified, missing_wording, plan_notices
from billing.notices.states import notice_title
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.labels import Label

MAX_ROWS: Final = 100
"""How many notices the confirm page lists, those of the largest amounts; the whole list is a file."""


def _run(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The run, and ways to what has to be done first: the record of the issuer, runs that were never notified.

    Raises NotFound.
    """
    run, earlier = earlier_unnotified(session, given["run_id"])
    facts = [Fact(gettext("Run"), f"{year_label(run.fiscal_year)} {run.run_name.text(language)}")]
    warning = date_warning(FiscalYear(run.fiscal_year), clock.today())
    warnings = [] if warning is None else [warning.text(language)]
    actions = []
    if (missing := missing_wording(session)) is not None:
        warnings.append(missing.text(language))
        actions.append((gettext("Change the issuer"), url_for("notices.issuer_setting")))
    if not earlier:
        return FormContext(facts, warnings, actions=actions)
    runs = gettext(", ").join(one.run_name.text(language) for one in earlier)
    asked = gettext("The notices of %(runs)s were never issued. Issue them first, or notify both together.", runs=runs)
    return FormContext(
        facts,
        [*warnings, asked],
        actions=[
            *actions,
            (
                gettext("Issue the notices of the %(run)s first", run=earlier[0].run_name.text(language)),
                url_for("notices.notices_issuing", run_id=earlier[0].id),
            ),
        ],
    )


def _fields_left_out(session: Session, given: Mapping[str, Any]) -> Collection[str]:
    """Nobody is asked about earlier runs where all of them were notified."""
    _, earlier = earlier_unnotified(session, given["run_id"])
    return () if earlier else ("earlier_runs",)


def _plan(session: Session, command: IssueNotices) -> NoticePlan:
    return plan_notices(session, command.run_id, command.choices, clock.today()).plan


def _dates(session: Session, command: IssueNotices) -> Mapping[str, object]:
    """The date of issue and the due date, where the command leaves them open."""
    plan = _plan(session, command)
    return {"issued_on": plan.issued_on, "due_on": plan.due_on}


def _papers(session: Session, command: IssueNotices, language: Language) -> FormContext:
    """How many notices of which kind, with their yen, and each with its amount and a sample of its paper."""
    plan = _plan(session, command)
    ordered = sorted(plan.notices, key=lambda one: (-abs(one.amount_yen), one.code))
    shown = ordered[:MAX_ROWS]
    chosen = {name: value for name, value in command.model_dump(mode="json").items() if value and name != "run_id"}
    mark = gettext(" (sample, PDF)")
    return FormContext(
        [
            Fact(
                total.kind.label(language),
                ngettext(
                    "%(num)s notice, %(yen)s", "%(num)s notices, %(yen)s", total.count, yen=yen(total.yen, language)
                ),
            )
            for total in plan.totals
        ],
        tables=[
            ReviewTable(
                gettext("Each notice (yen), the largest amounts first; a name opens a sample of its paper")
                if len(shown) == len(ordered)
                else gettext("The %(shown)s largest of %(all)s notices (yen)", shown=len(shown), all=len(ordered)),
                [gettext("To"), gettext("Title"), gettext("Notified before"), gettext("Share"), gettext("Amount")],
                [
                    [
                        f"{one.name}{mark}",
                        notice_title(one.title).text(language),
                        amount(one.notified_yen),
                        amount(one.share_yen),
                        amount(one.amount_yen),
                    ]
                    for one in shown
                ],
                links=[
                    url_for("notices.notice_sample", run_id=plan.run_id, tenant_id=one.tenant_id, **chosen)
                    for one in shown
                ],
                yen=frozenset({2, 3, 4}),
            )
        ],
        actions=[
            (
                gettext("The whole list (Excel)"),
                url_for("notices.notice_plan_file", run_id=plan.run_id, file_kind="xlsx", **chosen),
            )
        ],
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
            consequences=_papers,
            left_out=_fields_left_out,
            # Each paper would be typeset only to be thrown away.
            is_tried=False,
        ),
        resolved=_dates,
    ),
    EntryPoint(
        set_issuer,
        Label("通知書の発行者と納入先を定める", "Set who issues the notices and where they are paid"),
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
