"""Entry points of the commands about runs. Their pages show the split before and after and are written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, api, cli
from admin.interface.formats import year_label, yen
from billing.ledger.periods import date_warning
from billing.runs.commands import (
    approve_allocation,
    post_allocation,
    prepare_allocation,
    reject_allocation,
    submit_allocation,
)
from billing.runs.queries import run_by_id
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.labels import Label


def _run(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The run, what its posting would come to, and what the dates of its year say. Raises NotFound."""
    run = run_by_id(session, given["run_id"])
    warning = date_warning(FiscalYear(run.fiscal_year), clock.today())
    return FormContext(
        [
            Fact(gettext("Run"), f"{year_label(run.fiscal_year)} {run.run_name.text(language)}"),
            Fact(gettext("Total cost"), yen(run.total_yen)),
            Fact(gettext("Municipalities"), yen(sum(share.share_yen for share in run.shares))),
        ],
        [] if warning is None else [warning.text(language)],
    )


ENTRY_POINTS: Final = (
    EntryPoint(
        post_allocation,
        Label("費用按分を記帳する", "Post an allocation"),
        Label("記帳する", "Post"),
        about=_run,
    ),
    EntryPoint(
        prepare_allocation,
        Label("按分を作成し、承認を申請する", "Prepare the year's split and ask for its approval"),
        Label("承認を申請する", "Request approval"),
        api=api("POST /allocation-runs"),
        cli=cli("allocation prepare", "fiscal_year"),
        hidden=frozenset({"requested_for"}),
    ),
    EntryPoint(
        submit_allocation,
        Label("下書きの承認を申請する", "Ask for the approval of a draft"),
        Label("承認を申請する", "Request approval"),
        api=api("POST /allocation-runs/<run>/submission", run="run_id"),
        cli=cli("allocation submit", "run_id"),
    ),
    EntryPoint(
        approve_allocation,
        Label("按分を承認して記帳する", "Approve a run that someone else prepared, and post it"),
        Label("承認して記帳する", "Approve and post"),
        api=api("POST /allocation-runs/<run>/approval", run="run_id"),
        cli=cli("allocation approve", "run_id"),
    ),
    EntryPoint(
        reject_allocation,
        Label("按分を差し戻す", "Send back a run that someone else prepared"),
        Label("差し戻す", "Send back"),
        api=api("POST /allocation-runs/<run>/rejection", run="run_id"),
        cli=cli("allocation reject", "run_id"),
    ),
)
