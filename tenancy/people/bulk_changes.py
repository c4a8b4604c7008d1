"""Adding, changing, suspending and removing the people of a file: all rows in one transaction, or none."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance import grants
from governance.actors import Actor
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.file_imports import BASE64, ImportRefused
from governance.kernel import clock
from governance.kernel.deadlines import WaitLimits
from governance.kernel.field_types import Id, LongLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.table_file import Encoding
from governance.outbox import INPUT_ENTERED
from governance.permissions import Permission, Role
from tenancy.people.importing import MemberImportVerdict, MemberVerdict, examine_people
from tenancy.people.models import MemberImportPreview
from tenancy.people.owners import require_owners
from tenancy.people.role_changes import carry_out_end, carry_out_grant
from tenancy.people.sections import NewSection, place_in_sections
from tenancy.people.states import MemberAction, MemberState
from tenancy.people.tables import Member
from tenancy.people.withdrawal import remove, suspend
from tenancy.tenants import queries as tenants
from tenancy.tenants.models import TenantDetails
from tenancy.tenants.queries import lock_tenant
from tenancy.tenants.states import TenantState

WHOLE_FILE_LIMITS: Final = WaitLimits(one=20.0, total=60.0)
"""For the one transaction of a whole file: 5,000 rows with the record of each take longer than a page may wait."""


class ImportMembers(Command):
    """A file of people, CSV or Excel, and why they change. Without `encoding` a CSV is read as UTF-8 if it is valid
    UTF-8, else as CP932.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    content: Annotated[bytes, Field(json_schema_extra={"format": "byte", "pattern": BASE64})]
    encoding: Annotated[Encoding | None, Input("文字コード", "Encoding")] = None
    reason: Annotated[
        LongLine,
        Input(
            "理由",
            "Reason",
            Label("すべての行の理由として記録に残ります。", "Recorded as the reason of every row."),
        ),
    ]


class MembersImported(Result):
    """How many rows did what, and the file's SHA-256 in hex."""

    sha256: str
    added: int
    changed: int
    suspended: int
    removed: int


def preview_members(session: Session, command: ImportMembers, *, actor: Actor) -> MemberImportPreview:
    """What importing the file would do if this actor did it now, row by row; changes nothing.

    Raises NotFound for the tenant, Invalid for a file that cannot be read at all, Conflict for a tenant whose people
    are not imported.
    """
    return examine_members(session, command, actor=actor).preview


def examine_members(session: Session, command: ImportMembers, *, actor: Actor) -> MemberImportVerdict:
    """As `preview_members`, with what was read."""
    tenant = tenants.tenant(session, command.tenant_id)
    return examine_people(session, actor, tenant, command.content, encoding=command.encoding, now=clock.now())


@handles(Permission.MEMBER_IMPORT, Event.MEMBERS_IMPORTED, waits=WHOLE_FILE_LIMITS)
def import_members(ctx: CommandContext, command: ImportMembers) -> MembersImported:
    """Carry out every row of the file, or none; Keycloak follows by the jobs that bring single changes there.

    What each row needs of the actor is what its action needs for one person. Raises NotFound for the tenant, Conflict
    for one whose people are not imported, and ImportRefused with a verdict for each row.
    """
    # Lock the tenant row: it serialises the quota check on its people.
    tenant = lock_tenant(ctx.session, command.tenant_id)
    verdict = examine_people(ctx.session, ctx.actor, tenant, command.content, encoding=command.encoding, now=ctx.now)
    preview = verdict.preview
    if verdict.refusals:
        raise ImportRefused(preview, verdict.refusals)
    rows = {action: [one for one in verdict.rows if one.row.action is action] for action in MemberAction}
    # Whoever comes is here before anybody goes, so that a successor counts as an owner.
    new = _add(ctx, tenant, rows[MemberAction.ADD])
    there = _lock_rows(ctx.session, tenant.id, [one for one in verdict.rows if one.known is not None])
    _change(ctx, tenant, rows[MemberAction.CHANGE], there, command.reason)
    people = new | there
    placed = [
        NewSection(people[one.row.email_key], one.section or None, one.since)
        for one in verdict.rows
        if one.section is not None
    ]
    if placed:
        place_in_sections(ctx, tenant.id, placed, command.reason)
    for action, withdrawal in ((MemberAction.SUSPEND, suspend), (MemberAction.REMOVE, remove)):
        for one in rows[action]:
            withdrawal(ctx, tenant, there[one.row.email_key], command.reason)
    _require_owners(ctx, tenant, verdict)
    counts = {name: getattr(preview, name) for name in ("added", "changed", "suspended", "removed")}
    ctx.audit(
        subject=verdict.sha256,
        tenant_id=tenant.id,
        file_sha256=verdict.sha256,
        encoding=verdict.file_format,
        rows=len(verdict.rows),
        reason=command.reason,
        **{f"people_{name}": count for name, count in counts.items()},
    )
    return MembersImported(sha256=verdict.sha256, **counts)


def _add(ctx: CommandContext, tenant: TenantDetails, rows: list[MemberVerdict]) -> dict[str, Member]:
    """Add the people with the roles that each row grants, and that of a plain member at once; by address.

    The addresses are in lower case.
    """
    made = [
        (
            one,
            Member(
                id=new_id(),
                tenant_id=tenant.id,
                person_id=new_id(),
                family_name=one.row.family_name,
                given_name=one.row.given_name,
                email=one.row.email,
                email_key=one.row.email_key,
                state=MemberState.INVITED.value,
                added_by=ctx.actor.id,
                added_at=ctx.now,
                roles_synced_at=ctx.now,
            ),
        )
        for one in rows
    ]
    ctx.session.add_all(member for _, member in made)
    ctx.session.flush()
    wanted = [
        (member.person_id, role, ctx.now if role is Role.TENANT_MEMBER else one.since)
        for one, member in made
        for role in sorted(one.granted | {Role.TENANT_MEMBER})
    ]
    grants.grant_to_newcomers(ctx.session, tenant.id, wanted, ctx.actor.id)
    for one, member in made:
        roles = sorted(role.value for role in one.granted | {Role.TENANT_MEMBER})
        day = {"valid_from": one.row.valid_from.isoformat()} if one.row.valid_from and one.since > ctx.now else {}
        ctx.audit(event=Event.MEMBER_ADDED, subject=member.person_id, tenant_id=tenant.id, roles=roles, **day)
    has_owner = any(Role.TENANT_OWNER in one.granted for one in rows)
    if has_owner and tenant.state is TenantState.PROVISIONING:
        ctx.enqueue(INPUT_ENTERED, {"tenant_id": str(tenant.id)}, tenant_id=tenant.id)
    return {member.email_key: member for _, member in made}


def _change(
    ctx: CommandContext, tenant: TenantDetails, rows: list[MemberVerdict], there: dict[str, Member], reason: str
) -> None:
    """Grant and end what each row changes; a row that changes nothing leaves no trace."""
    for one in rows:
        member = there[one.row.email_key]
        for role in sorted(one.granted):
            carry_out_grant(ctx, tenant, member, role, one.since, None, reason)
        for role in sorted(one.ended):
            carry_out_end(ctx, tenant, member, role, one.since, reason)


def _require_owners(ctx: CommandContext, tenant: TenantDetails, verdict: MemberImportVerdict) -> None:
    """Raise Conflict where the file leaves the tenant without an owner on some day, whatever its rows' verdict was."""
    if any(Role.TENANT_OWNER in one.ended for one in verdict.rows):
        require_owners(ctx, tenant)


def _lock_rows(session: Session, tenant_id: UUID, rows: list[MemberVerdict]) -> dict[str, Member]:
    """The rows of the people whom these are about, locked in the order of their ids, by the address in lower case."""
    ids = [one.known.member_id for one in rows if one.known is not None]
    query = select(Member).where(Member.tenant_id == tenant_id, Member.id.in_(ids)).order_by(Member.id)
    return {row.email_key: row for row in session.scalars(query.with_for_update())} if ids else {}
