"""Tokens of a municipality's directory: shown once, kept as a hash, each with a last day; several count at once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, datetime, timedelta
from typing import Annotated, ClassVar, Final
from uuid import UUID

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.clock import jst_date
from governance.kernel.errors import Conflict, Invalid, message, require_found
from governance.kernel.field_types import EndDate, Id, LongLine, last_day
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.people.scim.models import ScimTokenFacts, ScimTokenState
from tenancy.people.scim.tables import ScimToken
from tenancy.tenants.queries import lock_tenant
from tenancy.tenants.states import STATE_EFFECTS

PREFIX: Final = "moyai_scim_"
"""How a token begins, so that one that was published by mistake is recognised."""
LONGEST: Final = timedelta(days=400)
"""A year, and time to change it."""
MOST: Final = 2
"""How many count at once: the present one, and the next until the directory has it."""
_LAST_USE: Final = timedelta(minutes=15)
"""How exactly the last use is known: a directory sends a request for each person."""

NOT_OF_THE_OPERATOR = message(
    "scim.not_of_the_operator",
    ja="運営者の利用者は、ディレクトリからは反映できません。",
    en="People of the operator do not come from a directory.",
)
NOT_TAKING_PART = message(
    "scim.not_taking_part",
    ja="{name} は「{state}」なので、SCIMトークンを発行できません。",
    en="{name} is {state}; no SCIM token can be issued.",
)
TOO_MANY_TOKENS = message(
    "scim.too_many_tokens",
    ja="同時に有効にできる SCIMトークンは {most} 個までです。",
    en="No more than {most} SCIM tokens count at once.",
    hint_ja="使わないトークンを失効させてから発行してください。",
    hint_en="Withdraw one that is not used, then issue another.",
)
LAST_DAY_IMPOSSIBLE = message(
    "scim.last_day_impossible",
    ja="最終日 {given} は指定できません。今日から {most} までの日を指定してください。",
    en="The last day cannot be {given}. Give a day from today to {most}.",
)
WITHDRAWN = message(
    "scim.token_withdrawn",
    ja="このトークンは、すでに失効しています。",
    en="This token was withdrawn already.",
)


class IssueScimToken(Command):
    """Until when another token of a tenant's directory counts."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    valid_until: Annotated[
        EndDate,
        Input(
            "最終日（この日まで有効）",
            "Last day",
            Label("長くても 400 日後まで", "at most 400 days from now"),
            option="last-day",
        ),
    ]


class ScimTokenIssued(Result):
    """`token` is in the answer to the request that issued it and in no later one; null then."""

    shown_once: ClassVar[frozenset[str]] = frozenset({"token"})

    token_id: UUID
    token: str | None = None


class WithdrawScimToken(Command):
    """A token that is to count no more, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    token_id: Annotated[Id, Input("SCIMトークン", "SCIM token", Label("", "The id that `scim tokens` prints."))]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class ScimTokenWithdrawn(Result):
    token_id: UUID


@handles(Permission.SCIM_ISSUE_TOKEN, Event.SCIM_TOKEN_ISSUED, step_up=True)
def issue_scim_token(ctx: CommandContext, command: IssueScimToken) -> ScimTokenIssued:
    """Issue a token and show it once; one that counts already goes on, so that the directory changes without a stop.

    Raises NotFound, Invalid for a last day that cannot be, Conflict for the operator, a tenant whose people do not sign
    in, and one token too many.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    if tenant.is_operator:
        raise Conflict(NOT_OF_THE_OPERATOR, field="tenant_id")
    if not STATE_EFFECTS[tenant.state].people_sign_in:
        raise Conflict(NOT_TAKING_PART, field="tenant_id", name=tenant.name, state=tenant.state)
    if not ctx.today < command.valid_until <= ctx.today + LONGEST:
        raise Invalid(
            LAST_DAY_IMPOSSIBLE,
            field="valid_until",
            given=last_day(command.valid_until).isoformat(),
            most=last_day(ctx.today + LONGEST).isoformat(),
        )
    if len(ctx.session.scalars(_in_force(tenant.id, ctx.today)).all()) >= MOST:
        raise Conflict(TOO_MANY_TOKENS, most=MOST)
    token = PREFIX + secrets.token_urlsafe(32)
    row = ScimToken(
        id=new_id(),
        tenant_id=tenant.id,
        token_hash=_hash(token),
        valid_until=command.valid_until,
        issued_by=ctx.actor.id,
        issued_at=ctx.now,
    )
    ctx.session.add(row)
    ctx.session.flush()
    ctx.audit(subject=row.id, tenant_id=tenant.id, valid_until=command.valid_until.isoformat())
    return ScimTokenIssued(token_id=row.id, token=token)


@handles(Permission.SCIM_WITHDRAW_TOKEN, Event.SCIM_TOKEN_WITHDRAWN)
def withdraw_scim_token(ctx: CommandContext, command: WithdrawScimToken) -> ScimTokenWithdrawn:
    """Withdraw a token: the next request with it is refused. Raises NotFound, Conflict for one withdrawn before."""
    lock_tenant(ctx.session, command.tenant_id)
    found = ctx.session.scalars(
        select(ScimToken).where(ScimToken.tenant_id == command.tenant_id, ScimToken.id == command.token_id)
    ).first()
    row = require_found(found, what=Label("SCIMトークン", "SCIM token"), given=command.token_id, field="token_id")
    if row.withdrawn_at is not None:
        raise Conflict(WITHDRAWN, field="token_id")
    row.withdrawn_by, row.withdrawn_at = ctx.actor.id, ctx.now
    ctx.audit(subject=row.id, tenant_id=command.tenant_id, reason=command.reason)
    return ScimTokenWithdrawn(token_id=row.id)


def scim_tokens(session: Session, tenant_id: UUID, today: date) -> list[ScimTokenFacts]:
    """The tokens of the tenant's directory, the newest first, those that count no more too."""
    found = session.scalars(select(ScimToken).where(ScimToken.tenant_id == tenant_id).order_by(ScimToken.id.desc()))
    return [
        ScimTokenFacts(
            id=row.id,
            state=_state(row, today),
            valid_until=row.valid_until,
            issued_by=row.issued_by,
            issued_at=row.issued_at,
            withdrawn_at=row.withdrawn_at,
            last_used_at=row.last_used_at,
        )
        for row in found
    ]


def token_in_force(session: Session, tenant_id: UUID, token: str, now: datetime) -> UUID | None:
    """The id of the tenant's token that counts now; None for any other text, another tenant's token included."""
    return session.scalars(
        _in_force(tenant_id, jst_date(now)).where(ScimToken.token_hash == _hash(token)).with_only_columns(ScimToken.id)
    ).first()


def record_use(session: Session, tenant_id: UUID, token_id: UUID, now: datetime) -> None:
    """Store when the token was used, to within fifteen minutes."""
    session.execute(
        update(ScimToken)
        .where(
            ScimToken.tenant_id == tenant_id,
            ScimToken.id == token_id,
            or_(ScimToken.last_used_at.is_(None), ScimToken.last_used_at < now - _LAST_USE),
        )
        .values(last_used_at=now)
    )


def _in_force(tenant_id: UUID, today: date) -> Select[ScimToken]:
    return select(ScimToken).where(
        ScimToken.tenant_id == tenant_id, ScimToken.withdrawn_at.is_(None), ScimToken.valid_until > today
    )


def _state(row: ScimToken, today: date) -> ScimTokenState:
    if row.withdrawn_at is not None:
        return ScimTokenState.WITHDRAWN
    return ScimTokenState.ACTIVE if row.valid_until > today else ScimTokenState.EXPIRED


def _hash(token: str) -> str:
    """SHA-256: a token of 256 random bits needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
