"""The main job on the example's data: 13 municipalities come in, their cost is split and posted; eight more follow.

Everything goes through the same commands, plan and worker as in earnest. Safe to repeat; what is done is left.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Final
from uuid import UUID

from flask import Flask

import billing.notices.issuer
import billing.runs.commands
import governance.rules.commands
from admin.bootstrap import create_core
from admin.core.logs import configure_logs
from admin.example import seed_data
from admin.example.accounts import (
    FOLDER,
    create_accounts,
    person_of,
    require_example_mode,
)
from admin.example.municipalities import FIRST, SECOND, first_members, next_member, second_members
from admin.operations.keycloak_setup import identities as keycloak_of
from admin.operations.mail.sender import Mailer
from admin.operations.settings import Settings
from admin.workflows.application_mails import application_mail_handlers
from admin.workflows.audit_sealing import AuditSealer
from admin.workflows.cohort_plan import CohortPlan, apply_plan, plan_cohort
from admin.workflows.job_handlers import handlers, onboarding_runner, provision_operators, worker_actor
from admin.workflows.jobs import JobWorker, Queue
from admin.workflows.onboarding_together import Sleep, run_onboardings
from admin.workflows.recorded_mails import RecordedMailer
from admin.workflows.tenant_mails import mail_handlers
from billing.runs.commands import (
    ApproveAllocation,
    PrepareAllocation,
    SubmitAllocation,
    approve_allocation,
    prepare_allocation,
    submit_allocation,
)
from billing.runs.queries import RunFacts, runs
from billing.runs.states import RunKind, RunState
from governance import outbox
from governance.actors import Actor
from governance.commands import COMMANDS, collect_commands, system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Conflict, message
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Role
from tenancy.keycloak.port import Identities
from tenancy.onboarding.models import OnboardingView
from tenancy.onboarding.steps import StepName, StepState
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.tenants.queries import TenantFilter, count_by_state, list_tenants
from tenancy.tenants.states import TenantState

STUCK = message(
    "example.stuck",
    ja="参加手続が止まっています: {steps}",
    en="Onboarding is blocked: {steps}",
    hint_ja="画面で理由を確かめ、再実行してください。",
    hint_en="See the reason on the onboarding page and retry there.",
)
NO_REVISION = message(
    "example.no_revision",
    ja="参加団体が増えたあとの変更の按分が作成されませんでした。",
    en="The revision after the cohort was not prepared.",
    hint_ja="moyai status でワーカーの状態を確かめてください。",
    hint_en="Check the worker with `moyai status`.",
)

DECIDED: Final = (governance.rules.commands, billing.notices.issuer, billing.runs.commands)
"""The modules of the commands that one person of the example requests and another approves."""

REVISION_TIMEOUT: Final = timedelta(seconds=60)

Progress = Callable[[str], None]
"""Takes one line of progress."""


def load(settings: Settings, *, members: int, progress: Progress) -> LoadResult:
    """Do the main job on the installation that runs, and say how it went, with the table of shares at the end."""
    app = create_core(settings)
    configure_logs(logging.WARNING)
    keycloak = keycloak_of(settings)
    try:
        with app.app_context():
            COMMANDS.set(app, collect_commands(DECIDED))
            loaded = ExampleLoader(app, settings, keycloak, progress=progress, wait=time.sleep).load(members)
    finally:
        keycloak.close()
    for line in share_table(loaded):
        progress(line)
    progress(f"{loaded.active} 団体が参加中、負担額を記帳しました")
    progress(f"{loaded.active} municipalities active, allocation posted")
    return loaded


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What stands after the main job."""

    active: int
    runs: tuple[RunFacts, ...]


class ExampleLoader:
    """The main job, from an empty database or any point at which it was interrupted. Needs an app context."""

    def __init__(
        self, app: Flask, settings: Settings, identities: Identities, *, progress: Progress, wait: Sleep
    ) -> None:
        require_example_mode(settings)
        self._app = app
        self._settings = settings
        self._identities = identities
        self._progress = progress
        self._wait = wait

    @cached_property
    def _year(self) -> seed_data.ExampleYear:
        """The example's fiscal year, which does not change while it is loaded."""
        return seed_data.example_year()

    def load(self, members: int) -> LoadResult:
        """Bring 13 municipalities in, or all 21. Raises what a command refuses, and Unreachable."""
        self._progress("例示データを準備します / Preparing the example")
        actor = seed_data.seed_operator()
        seed_data.seed_operator_people(actor)
        provision_operators(self._identities)
        year = self._year
        version_id = seed_data.seed_agreement_and_plan(actor, year)
        seed_data.seed_cohort(actor, year.first_cohort, first_members())
        seed_data.seed_cohort(actor, year.second_cohort, second_members())
        self._seed_tenants(actor, version_id)
        seed_data.seed_costs(
            actor,
            finance=person_of(actor.tenant_id, Role.OPERATOR_FINANCE),
            approver=person_of(actor.tenant_id, Role.OPERATOR_APPROVER),
            year=year,
        )
        seed_data.seed_issuer(
            person_of(actor.tenant_id, Role.OPERATOR_FINANCE), person_of(actor.tenant_id, Role.OPERATOR_APPROVER)
        )
        self._onboard(actor, year.first_cohort[0])
        self._allocate(actor, RunKind.ESTIMATE)
        if members > FIRST:
            self._onboard(actor, year.second_cohort[0])
            self._approve_revision(actor)
        seed_data.seed_application(
            person_of(actor.tenant_id, Role.OPERATOR_ONBOARDING), next_member(), version_id, year
        )
        create_accounts(self._settings)
        with system_transaction(OPERATOR) as session:
            return LoadResult(
                active=count_by_state(session).get(TenantState.ACTIVE, 0),
                runs=tuple(runs(session, year.year)),
            )

    def _seed_tenants(self, actor: Actor, version_id: UUID) -> None:
        with system_transaction(OPERATOR) as session:
            found = {tenant.code: tenant for tenant in list_tenants(session) if not tenant.is_operator}
        keys = self._settings.home / FOLDER / "clients"
        for place, municipality in enumerate([*first_members(), *second_members()]):
            seed_data.seed_tenant(
                actor,
                found[municipality.code],
                version_id,
                keys,
                place=place,
                year=self._year,
            )
        self._progress(f"{FIRST + SECOND} 団体を登録しました / {FIRST + SECOND} municipalities registered")

    def _onboard(self, actor: Actor, cohort: str) -> None:
        with system_transaction(OPERATOR) as session:
            found = list_tenants(session, TenantFilter(cohort=cohort))
            waiting = [tenant for tenant in found if tenant.state is not TenantState.ACTIVE]
        if not waiting:
            return
        plan = plan_cohort(self._identities, cohort)
        self._report_plan(plan)
        # A person applies it; the revision that follows is a draft, which finance submits.
        person = person_of(actor.tenant_id, Role.OPERATOR_ONBOARDING)
        applied = apply_plan(self._identities, cohort, plan.digest, actor=person)
        worker = OnboardingWorker(self._identities, actor=worker_actor(), name=f"{socket.gethostname()}:{os.getpid()}")
        views = run_onboardings(
            self._app, worker, applied.onboardings, wait=self._wait, on_stopped=self._report_onboarding
        )
        for view in views:
            unfinished = "; ".join(
                f"{step.name.value}: {step.why}"
                for step in view.steps
                if step.state in (StepState.FAILED, StepState.WAITING)
            )
            if view.step(StepName.MEMBERSHIP).state is not StepState.DONE:
                raise Conflict(STUCK, steps=unfinished)
            if unfinished:
                # A member all the same: what is left, such as a mail, a person decides on the screen.
                self._progress(f"  {unfinished}")

    # -- the split

    def _allocate(self, actor: Actor, kind: RunKind) -> None:
        """Prepared by the person of finance, approved by the approver: two people, as the database insists."""
        done = self._runs(kind)
        if any(run.state is RunState.POSTED for run in done):
            return
        awaiting = next((run for run in done if run.state is RunState.AWAITING_APPROVAL), None)
        if awaiting is None:
            prepare_allocation(
                PrepareAllocation(fiscal_year=self._year.year, kind=kind),
                actor=person_of(actor.tenant_id, Role.OPERATOR_FINANCE),
            )
        self._approve(actor, kind)

    def _approve(self, actor: Actor, kind: RunKind) -> None:
        run = next(run for run in self._runs(kind) if run.state is RunState.AWAITING_APPROVAL)
        approve_allocation(
            ApproveAllocation(run_id=run.id, digest=run.digest),
            actor=person_of(actor.tenant_id, Role.OPERATOR_APPROVER),
        )
        label = "当初" if kind is RunKind.ESTIMATE else "変更"
        self._progress(f"按分（{label}）を承認し、記帳しました / Allocation ({kind.value}) approved and posted")

    def _approve_revision(self, actor: Actor) -> None:
        """Submit and approve the revision that the completed cohort's job drafts; do that job where no worker does."""
        queue = Queue(self._settings.app_url)
        mailer = RecordedMailer(Mailer(self._settings))
        worker = JobWorker(
            self._app,
            queue,
            handlers=handlers(self._identities)
            | mail_handlers(mailer, self._settings.public_url)
            | application_mail_handlers(mailer, self._settings.public_url, self._settings.session_secret),
            run_onboarding=onboarding_runner(self._identities),
            seal_audit_log=AuditSealer(self._settings.audit_files, None),
        )
        until = clock.now() + REVISION_TIMEOUT
        while clock.now() < until:
            found = {run.state: run for run in self._runs(RunKind.REVISION)}
            if (draft := found.get(RunState.DRAFT)) is not None:
                submit_allocation(
                    SubmitAllocation(run_id=draft.id, digest=draft.digest),
                    actor=person_of(actor.tenant_id, Role.OPERATOR_FINANCE),
                )
                continue
            if RunState.AWAITING_APPROVAL in found:
                self._approve(actor, RunKind.REVISION)
                return
            if RunState.POSTED in found:
                return
            with system_transaction(OPERATOR) as session:
                due = outbox.due(session, clock.now())
            for job_id in due:
                worker.run_job(job_id)
            if not due:
                self._wait(0.2)
        raise Conflict(NO_REVISION)

    def _runs(self, kind: RunKind) -> list[RunFacts]:
        with system_transaction(OPERATOR) as session:
            return [run for run in runs(session, self._year.year) if run.kind is kind]

    # -- telling

    def _report_plan(self, plan: CohortPlan) -> None:
        created = sum(change.action.value == "create" for tenant in plan.tenants for change in tenant.changes)
        self._progress(
            f"計画 {plan.cohort}: {len(plan.tenants)} 団体、作成 {created} 件（digest {plan.digest[:19]}…） / "
            f"Plan {plan.cohort}: {len(plan.tenants)} municipalities, {created} objects to create"
        )

    def _report_onboarding(self, view: OnboardingView) -> None:
        with system_transaction(OPERATOR) as session:
            name = next(tenant.name for tenant in list_tenants(session) if tenant.id == view.tenant_id)
        done = sum(step.state in (StepState.DONE, StepState.SKIPPED) for step in view.steps)
        self._progress(f"  {name}: {view.state.value} ({done}/{len(view.steps)})")


def share_table(loaded: LoadResult) -> list[str]:
    """The table of shares, one line a member: what each bore by the estimate and bears now."""
    posted = [run for run in loaded.runs if run.state is RunState.POSTED]
    if not posted:
        return []
    first, last = posted[0], posted[-1]
    before = {share.code: share.share_yen for share in first.shares}
    lines = [
        "",
        f"負担額 {FiscalYear(last.fiscal_year).label}（例示データ、円） / "
        f"Shares of the fiscal year {last.fiscal_year} (example, yen)",
        f"{'code':<8}{'当初 estimate':>14}{'現在 now':>14}  団体",
    ]
    lines += [
        f"{share.code:<8}{before.get(share.code, 0):>16,}{share.share_yen:>16,}  {share.name}" for share in last.shares
    ]
    lines += [
        f"{'県 part':<8}{first.operator_yen:>15,}{last.operator_yen:>16,}  熊本県負担分",
        f"{'端数':<6}{first.operator_residual_yen:>16,}{last.operator_residual_yen:>16,}  端数（県負担）",
        f"{'計':<7}{first.total_yen:>16,}{last.total_yen:>16,}",
        "",
    ]
    return lines
