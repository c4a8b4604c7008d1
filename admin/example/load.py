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
from typing import Final
from uuid import UUID

from flask import Flask

from admin.bootstrap import create_core
from admin.core.logs import configure_logs
from admin.example import wishes
from admin.example.accounts import (
    FOLDER,
    complete_accounts,
    only_in_the_example,
    person_of_role,
)
from admin.example.municipalities import FIRST, SECOND, first_members, second_members
from admin.operations.keycloak_setup import identities as keycloak_of
from admin.operations.settings import Settings
from admin.workflows.cohort_plan import CohortPlan, apply_plan, plan_cohort
from admin.workflows.job_handlers import handlers, make_operators, onboards, worker_actor
from admin.workflows.jobs import JobWorker, Queue
from admin.workflows.onboarding_together import Waiter, onboard_together
from billing.runs.commands import (
    ApproveAllocation,
    PrepareAllocation,
    approve_allocation,
    prepare_allocation,
)
from billing.runs.queries import RunFacts, runs
from billing.runs.tables import RunKind, RunState
from governance import outbox
from governance.actors import Actor, ActorKind
from governance.commands import bookkeeping
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Conflict, reason
from governance.permissions import Role
from tenancy.keycloak.port import Identities
from tenancy.onboarding.queries import OnboardingView
from tenancy.onboarding.steps import StepName, StepState
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.tenants.queries import count_by_state, tenants
from tenancy.tenants.states import TenantState

STUCK = reason(
    "example.stuck",
    ja="参加手続きが止まっています: {steps}",
    en="Onboarding stands still: {steps}",
    hint_ja="画面で理由を確かめ、やり直してください。",
    hint_en="See why on the screen and retry there.",
)
NO_REVISION = reason(
    "example.no_revision",
    ja="参加団体が増えたあとの変更の按分が作成されませんでした。",
    en="The revision after the cohort was not prepared.",
    hint_ja="moyai status でワーカーの状態を確かめてください。",
    hint_en="See the worker in moyai status.",
)

REVISION_WITHIN: Final = timedelta(seconds=60)

Say = Callable[[str], None]
"""Takes one line of progress."""


def load(settings: Settings, *, members: int, say: Say) -> Loaded:
    """Do the main job on the installation that runs, and say how it went, with the table of shares at the end."""
    app = create_core(settings)
    configure_logs(logging.WARNING)
    keycloak = keycloak_of(settings)
    try:
        with app.app_context():
            loaded = MainJob(app, settings, keycloak, say=say, wait=time.sleep).load(members)
    finally:
        keycloak.close()
    for line in share_table(loaded):
        say(line)
    say(f"{loaded.active} 団体が参加中、負担額を記帳しました")
    say(f"{loaded.active} municipalities active, allocation posted")
    return loaded


@dataclass(frozen=True, slots=True)
class Loaded:
    """What stands after the main job."""

    active: int
    runs: tuple[RunFacts, ...]


class MainJob:
    """The main job, from an empty database or any point at which it was interrupted. Needs an app context."""

    def __init__(self, app: Flask, settings: Settings, identities: Identities, *, say: Say, wait: Waiter) -> None:
        only_in_the_example(settings)
        self._app = app
        self._settings = settings
        self._identities = identities
        self._say = say
        self._wait = wait

    def load(self, members: int) -> Loaded:
        """Bring 13 municipalities in, or all 21. Raises what a command refuses, and Unreachable."""
        self._say("例示データを準備します / Preparing the example")
        actor = wishes.enter_operator()
        wishes.enter_operator_people(actor)
        make_operators(self._identities)
        version_id = wishes.enter_agreement_and_plan(actor)
        wishes.enter_cohort(actor, wishes.FIRST_COHORT, first_members())
        wishes.enter_cohort(actor, wishes.SECOND_COHORT, second_members())
        self._enter_tenants(actor, version_id)
        wishes.enter_costs(actor)
        self._take_in(actor, wishes.FIRST_COHORT[0])
        self._split(actor, RunKind.ESTIMATE)
        if members > FIRST:
            self._take_in(actor, wishes.SECOND_COHORT[0])
            self._follow(actor)
        complete_accounts(self._settings)
        with bookkeeping(OPERATOR) as session:
            return Loaded(
                active=count_by_state(session).get(TenantState.ACTIVE, 0),
                runs=tuple(runs(session, wishes.FISCAL_YEAR)),
            )

    def _enter_tenants(self, actor: Actor, version_id: UUID) -> None:
        with bookkeeping(OPERATOR) as session:
            found = {tenant.code: tenant for tenant in tenants(session) if not tenant.is_operator}
        keys = self._settings.home / FOLDER / "clients"
        for place, municipality in enumerate([*first_members(), *second_members()]):
            wishes.enter_tenant(
                actor,
                found[municipality.code],
                version_id,
                keys,
                more_people=place < wishes.WITH_MORE_PEOPLE,
            )
        self._say(f"{FIRST + SECOND} 団体を登録しました / {FIRST + SECOND} municipalities registered")

    def _take_in(self, actor: Actor, cohort: str) -> None:
        with bookkeeping(OPERATOR) as session:
            waiting = [tenant for tenant in tenants(session, cohort=cohort) if tenant.state != TenantState.ACTIVE]
        if not waiting:
            return
        plan = plan_cohort(self._identities, cohort)
        self._tell(plan)
        applied = apply_plan(self._identities, cohort, plan.digest, actor=actor)
        worker = OnboardingWorker(self._identities, actor=worker_actor(), name=f"{socket.gethostname()}:{os.getpid()}")
        views = onboard_together(self._app, worker, applied.onboardings, wait=self._wait, tell=self._tell_onboarding)
        for view in views:
            told = "; ".join(
                f"{step.name.value}: {step.why('ja')}"
                for step in view.steps
                if step.state in (StepState.FAILED, StepState.WAITING)
            )
            if view.step(StepName.MEMBERSHIP).state is not StepState.DONE:
                raise Conflict(STUCK, steps=told)
            if told:
                # A member all the same: what is left, such as a mail, a person decides on the screen.
                self._say(f"  {told}")

    # -- the split

    def _split(self, actor: Actor, kind: RunKind) -> None:
        """Prepared by the person of finance, approved by the approver: two people, as the database insists."""
        done = self._runs(kind)
        if any(run.state is RunState.POSTED for run in done):
            return
        open_run = next((run for run in done if run.state is RunState.AWAITING_APPROVAL), None)
        if open_run is None:
            prepare_allocation(
                PrepareAllocation(fiscal_year=wishes.FISCAL_YEAR, kind=kind),
                actor=self._person(actor, Role.OPERATOR_FINANCE),
            )
        self._approve(actor, kind)

    def _approve(self, actor: Actor, kind: RunKind) -> None:
        run = next(run for run in self._runs(kind) if run.state is RunState.AWAITING_APPROVAL)
        approve_allocation(
            ApproveAllocation(run_id=run.id, digest=run.digest), actor=self._person(actor, Role.OPERATOR_APPROVER)
        )
        label = "概算" if kind is RunKind.ESTIMATE else "変更"
        self._say(f"按分（{label}）を承認し、記帳しました / Allocation ({kind.value}) approved and posted")

    def _follow(self, actor: Actor) -> None:
        """Approve the revision that the completed cohort's job prepares; do that job where no worker does."""
        queue = Queue(self._settings.app_url)
        worker = JobWorker(self._app, queue, handlers=handlers(self._identities), onboards=onboards(self._identities))
        until = clock.now() + REVISION_WITHIN
        while clock.now() < until:
            states = {run.state for run in self._runs(RunKind.REVISION)}
            if RunState.AWAITING_APPROVAL in states:
                self._approve(actor, RunKind.REVISION)
                return
            if RunState.POSTED in states:
                return
            with bookkeeping(OPERATOR) as session:
                due = outbox.due(session, clock.now())
            for job_id in due:
                worker.do(job_id)
            if not due:
                self._wait(0.2)
        raise Conflict(NO_REVISION)

    def _runs(self, kind: RunKind) -> list[RunFacts]:
        with bookkeeping(OPERATOR) as session:
            return [run for run in runs(session, wishes.FISCAL_YEAR) if run.kind is kind]

    def _person(self, actor: Actor, role: Role) -> Actor:
        with bookkeeping(OPERATOR) as session:
            person_id = person_of_role(session, actor.tenant_id, role)
        return Actor(str(person_id), ActorKind.PERSON, actor.tenant_id, frozenset({role}))

    # -- telling

    def _tell(self, plan: CohortPlan) -> None:
        created = sum(change.action.value == "create" for tenant in plan.tenants for change in tenant.changes)
        self._say(
            f"計画 {plan.cohort}: {len(plan.tenants)} 団体、作成 {created} 件（digest {plan.digest[:19]}…） / "
            f"Plan {plan.cohort}: {len(plan.tenants)} municipalities, {created} objects to create"
        )

    def _tell_onboarding(self, view: OnboardingView) -> None:
        with bookkeeping(OPERATOR) as session:
            name = next(tenant.name for tenant in tenants(session) if tenant.id == view.tenant_id)
        done = sum(step.state in (StepState.DONE, StepState.SKIPPED) for step in view.steps)
        self._say(f"  {name}: {view.state.value} ({done}/{len(view.steps)})")


def share_table(loaded: Loaded) -> list[str]:
    """The table of shares, one line a member: what each bore by the estimate and bears now."""
    posted = [run for run in loaded.runs if run.state is RunState.POSTED]
    if not posted:
        return []
    first, last = posted[0], posted[-1]
    before = {share.code: share.share_yen for share in first.shares}
    lines = [
        "",
        f"負担額 令和{wishes.FISCAL_YEAR - 2018}年度（例示データ、円） / "
        f"Shares of the fiscal year {wishes.FISCAL_YEAR} (example, yen)",
        f"{'code':<8}{'概算 estimate':>14}{'現在 now':>14}  団体",
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
