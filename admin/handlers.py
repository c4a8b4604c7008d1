"""What each kind of job does, by name: the worker's table of contents.

A handler may be called twice with the same payload (a worker died after the deed and before its note), so each looks
before it acts.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import structlog

from admin.jobs import Handler
from billing.runs.commands import NOTHING_DIFFERS, NOTHING_TO_REVISE, PrepareAllocation, prepare_allocation
from billing.runs.inputs import NO_COST
from billing.runs.tables import RunKind
from governance.actors import Actor, system_actor
from governance.commands import bookkeeping
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Conflict
from tenancy import directory
from tenancy.keycloak.port import Identities, Realm
from tenancy.onboarding.commands import COHORT_COMPLETED, RUN
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.tenants.tables import Cohort

log = structlog.get_logger(__name__)

MEMBER_WITHDRAW: Final = "member.withdraw"


def worker_actor() -> Actor:
    """The system at work, `system:worker`. Raises NotFound before the operator is registered."""
    with bookkeeping(OPERATOR) as session:
        return system_actor("worker", directory.operator(session).id)


def onboards(identities: Identities) -> Callable[[UUID], None]:
    """Carries one onboarding on, in the name of this process."""
    name = f"{socket.gethostname()}:{os.getpid()}"

    def onboard(onboarding_id: UUID) -> None:
        OnboardingWorker(identities, actor=worker_actor(), name=name).run(onboarding_id)

    return onboard


def handlers(identities: Identities) -> dict[str, Handler]:
    """Every job there is."""
    onboard = onboards(identities)

    def run_onboarding(payload: dict[str, Any]) -> None:
        onboard(UUID(payload["onboarding_id"]))

    def withdraw_member(payload: dict[str, Any]) -> None:
        """Disable and log out: both, and safe to repeat."""
        person_id = UUID(payload["person_id"])
        with bookkeeping(OPERATOR) as session:
            is_operator = directory.operator(session).id == UUID(payload["tenant_id"])
        identities.suspend_person(person_id, Realm.OPERATORS if is_operator else Realm.TENANTS)

    return {RUN: run_onboarding, MEMBER_WITHDRAW: withdraw_member, COHORT_COMPLETED: revise_shares}


def revise_shares(payload: dict[str, Any]) -> None:
    """Prepare the revision of the cohort's fiscal year, where its cost was split already; a person approves it.

    Prepared for whoever applied the cohort, so that this person cannot be the one who approves it.
    """
    with bookkeeping(OPERATOR) as session:
        cohort = session.get_one(Cohort, UUID(payload["cohort_id"]))
    try:
        prepare_allocation(
            PrepareAllocation(
                fiscal_year=cohort.fiscal_year, kind=RunKind.REVISION, requested_for=payload["requested_for"]
            ),
            actor=worker_actor(),
            key=f"cohort.completed:{cohort.id}",
        )
    except Conflict as refused:
        if refused.why not in (NOTHING_TO_REVISE, NOTHING_DIFFERS, NO_COST):
            raise
        log.info("cohort.completed", cohort=cohort.name, revision=refused.code)
