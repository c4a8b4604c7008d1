"""Asking for a repair, and recording what it came to."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, message
from governance.kernel.field_types import COUNT, Id
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy import directory
from tenancy.tenants.states import PROVISIONED_STATES

REPAIR_TENANT: Final = "keycloak.repair_tenant"
"""The job that compares a tenant with Keycloak and writes what differs."""

SMALLEST_LIMIT: Final = 5
SHARE_OF_TENANT: Final = 20
"""One object in so many: 5 %."""
MAX_UP_TO: Final = 100_000

UP_TO: Final = COUNT.but(name="repaired_objects", json_schema={"minimum": 1, "maximum": MAX_UP_TO})

NOT_PROVISIONED = message(
    "drift.not_provisioned",
    ja="「{name}」は「{state}」なので、認証サービスに登録しているものがありません。",
    en="{name} is {state}: nothing of it is meant to be in the identity server.",
    hint_ja="参加している団体だけを直せます。",
    hint_en="Only a tenant that takes part can be repaired.",
)


def repair_limit(objects: int) -> int:
    """How many objects of a tenant with so many are repaired without being asked for by number.

    5, or 5 % where that is more: whoever finds more should look first at what happened in Keycloak.
    """
    return max(SMALLEST_LIMIT, objects // SHARE_OF_TENANT)


class RepairTenant(Command):
    """A tenant whose objects in Keycloak are to be as Moyai wants them."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    up_to: Annotated[
        Annotated[int, Field(ge=1, le=MAX_UP_TO), UP_TO] | None,
        Input(
            "何件まで直すか",
            "At most so many objects",
            Label(
                "空欄なら5件（団体の5%のほうが多ければ、その件数）まで。それより多く違うときは、1件も直しません。",
                "Empty: 5, or 5 % of the tenant where that is more. Where more differ, none is written.",
            ),
        ),
    ] = None


class RepairRequested(Result):
    """`job_id` is the job that repairs."""

    job_id: UUID


@handles(Permission.DRIFT_REPAIR, Event.DRIFT_REPAIR_REQUESTED)
def repair_tenant(ctx: CommandContext, command: RepairTenant) -> RepairRequested:
    """Have a job write what is missing or changed in Keycloak; what Moyai did not make is left alone.

    Raises NotFound, and Conflict for a tenant of which nothing is meant to be there.
    """
    tenant = directory.tenant_by_id(ctx.session, command.tenant_id)
    if tenant.state not in PROVISIONED_STATES or tenant.is_operator:
        raise Conflict(NOT_PROVISIONED, field="tenant_id", name=tenant.name, state=tenant.state)
    payload = {"tenant_id": str(tenant.id), "up_to": command.up_to}
    job_id = ctx.enqueue(REPAIR_TENANT, payload, tenant_id=tenant.id)
    facts: dict[str, Any] = {} if command.up_to is None else {"up_to": command.up_to}
    ctx.audit(subject=tenant.id, tenant_id=tenant.id, **facts)
    return RepairRequested(job_id=job_id)


class RecordRepair(Command):
    """What a repair came to: `repaired` objects, or with `limit` none of `differing`, because those are more."""

    tenant_id: UUID
    repaired: int
    differing: int
    limit: int | None


class RepairRecorded(Result):
    """Nothing more to say."""


@handles(Permission.DRIFT_RECORD, Event.DRIFT_REPAIRED)
def record_repair(ctx: CommandContext, command: RecordRepair) -> RepairRecorded:
    """Record what a repair wrote, or that it stopped. Only the worker may."""
    facts: dict[str, Any] = {"repaired": command.repaired}
    if command.limit is not None:
        facts = {"differing": command.differing, "limit": command.limit}
    ctx.audit(subject=command.tenant_id, tenant_id=command.tenant_id, **facts)
    return RepairRecorded()
