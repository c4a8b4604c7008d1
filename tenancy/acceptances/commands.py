"""Commands of acceptances: remind the tenants that have not accepted a version."""

from __future__ import annotations

from typing import Annotated, Final

from governance.agreements.queries import is_asked_for, version
from governance.commands import Command, CommandContext, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, message
from governance.kernel.field_types import Id
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.permissions import Permission
from tenancy.acceptances.queries import acceptance_statuses, has_accepted
from tenancy.acceptances.tables import AcceptanceReminder
from tenancy.people.queries import count_owners
from tenancy.reminders import ChosenTenants, Reminded, chosen_tenants, count_left_out, plan_reminders

REMIND_OWNERS: Final = "agreement.remind-owners"
"""The job that mails the owners of one tenant."""

NOT_ASKED_FOR = message(
    "agreement.not_asked_for",
    ja="第{number}版への同意は求めていません。催促できるのは、同意が必要で、新しい版に置き換えられていない版です。",
    en="Nobody is asked to accept version {number}: it is optional, or a newer one has replaced it.",
)
NOBODY_TO_REMIND = message(
    "agreement.nobody_to_remind",
    ja="催促できる団体がありません（{left_out}）。",
    en="There is no tenant to remind ({left_out}).",
    hint_ja="同じ版の催促は、1 団体に 1 日 1 回までです。",
    hint_en="A tenant is reminded of a version once a day at most.",
)

_NONE: Final = Label("同意していない団体がありません", "every tenant has accepted")


class RemindOfAgreement(Command):
    """Mail the owners of tenants that have not accepted a version. Without `tenant_ids`, of all of them."""

    version_id: Annotated[Id, Input("協定の版", "Version")]
    tenant_ids: Annotated[
        ChosenTenants,
        chosen_tenants(Label("選ばないと、同意していないすべての団体", "Without any, all that have not accepted.")),
    ] = ()


class AgreementReminded(Reminded):
    """Whose owners get a mail, and who was left out and why."""


@handles(Permission.AGREEMENT_REMIND, Event.AGREEMENT_REMINDED)
def remind_of_agreement(ctx: CommandContext, command: RemindOfAgreement) -> AgreementReminded:
    """Remind the tenants that have not accepted; a job for each mails its owners.

    A tenant that has accepted, was reminded today, or has no owner is left out. Raises NotFound for an unknown version
    and a tenant that is not asked, Conflict for a version that nobody is asked for and where all are left out.
    """
    advisory_lock(ctx.session, f"agreement.remind.{command.version_id}")
    asked = version(ctx.session, command.version_id)
    if not is_asked_for(ctx.session, asked.id, ctx.today):
        raise Conflict(NOT_ASKED_FOR, field="version_id", number=asked.number)
    statuses = acceptance_statuses(ctx.session, asked.id, ctx.today)
    plan = plan_reminders(
        statuses, command.tenant_ids, count_owners(ctx.session, ctx.now), ctx.today, done=has_accepted
    )
    if not plan.reminded:
        raise Conflict(NOBODY_TO_REMIND, field="tenant_ids", left_out=count_left_out(plan.left_out, _NONE))
    for one in plan.reminded:
        ctx.session.add(
            AcceptanceReminder(
                id=new_id(),
                tenant_id=one.tenant_id,
                version_id=asked.id,
                reminded_on=ctx.today,
                reminded_by=ctx.actor.id,
                reminded_at=ctx.now,
            )
        )
        payload = {"tenant_id": str(one.tenant_id), "version_id": str(asked.id)}
        ctx.enqueue(REMIND_OWNERS, payload, tenant_id=one.tenant_id)
        ctx.audit(subject=asked.id, tenant_id=one.tenant_id, agreement=asked.agreement, number=asked.number)
    return AgreementReminded(reminded=tuple(one.tenant_id for one in plan.reminded), left_out=plan.left_out)
