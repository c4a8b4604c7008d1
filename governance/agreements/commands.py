"""Commands of agreements: publish a version, accept one."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import column, func, select, table
from sqlalchemy.orm import Session

from governance.agreements.queries import versions_in_force
from governance.agreements.tables import Acceptance, Agreement, AgreementVersion
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, Language, message, not_found, require_found
from governance.kernel.field_type import Control
from governance.kernel.field_types import Flag, Id, JstDate, PlainLine, PlainText, Slug
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.outbox import INPUT_ENTERED
from governance.permissions import Permission

ACCEPTED_ALREADY = message(
    "agreement.accepted_already",
    ja="この版にはすでに同意しています（{signed_on}）。",
    en="This version was already accepted on {signed_on}.",
)
SUPERSEDED = message(
    "agreement.superseded",
    ja="第 {given} 版は、施行中の第 {current} 版に置き換えられています。第 {current} 版に同意してください。",
    en="Version {given} is superseded by version {current}, which is in force; accept that one.",
)
SIGNED_IN_THE_FUTURE = message(
    "agreement.signed_in_the_future",
    ja="署名日 {given} が未来の日付です。",
    en="The date of signature {given} is in the future.",
)
EARLIER_THAN_BEFORE = message(
    "agreement.earlier_than_before",
    ja="施行日 {given} が、前の版の施行日 {previous} より前です。",
    en="The version would take effect on {given}, before the previous one ({previous}).",
)

MAX_NAME_LENGTH: Final = 40

AgreementName = Annotated[Slug, StringConstraints(max_length=MAX_NAME_LENGTH)]


def language_choices(session: Session, language: Language) -> list[tuple[str, str]]:
    """The languages a text can be in."""
    return [("ja", "日本語" if language == "ja" else "Japanese"), ("en", "英語" if language == "ja" else "English")]


class PublishAgreement(Command):
    """A new version of an agreement, or its first. `name` is its short name in ASCII and never changes."""

    name: Annotated[AgreementName, Input("名前（半角）", "Name")]
    title: Annotated[PlainLine, Input("題名", "Title")]
    language: Annotated[Literal["ja", "en"], Input("文面の言語", "Language of the text", choices=language_choices)] = (
        "ja"
    )
    text: Annotated[PlainText, Input("文面", "Text", control=Control.FILE)]
    effective_from: Annotated[
        JstDate, Input("施行日", "In force from", Label("", "The day it takes effect."), former=("from",))
    ]
    mandatory: Annotated[
        Flag, Input("同意の必要", "Acceptance required", Label("", "Without it a tenant is not activated."))
    ] = True


class AgreementPublished(Result):
    version_id: UUID
    number: int
    sha256: str


class AcceptAgreement(Command):
    """A named signer accepts one version for a tenant. `authority` says by what right (市長, 委任状 …)."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    version_id: Annotated[Id, Input("協定の版", "Version")]
    signer_name: Annotated[PlainLine, Input("署名者の氏名", "Name of the signer", former=("signer",))]
    signer_title: Annotated[
        PlainLine, Input("署名者の職", "Title of the signer", Label("例: 市長", "e.g. mayor"), former=("title",))
    ]
    on_behalf_of: Annotated[PlainLine, Input("署名した団体", "On behalf of")]
    authority: Annotated[
        PlainLine, Input("権限", "Authority", Label("例: 市長、委任状", "e.g. mayor, power of attorney"))
    ]
    signed_on: Annotated[JstDate, Input("署名日", "Signed on")]


class AgreementAccepted(Result):
    acceptance_id: UUID
    sha256: str


@handles(Permission.AGREEMENT_PUBLISH, Event.AGREEMENT_PUBLISHED)
def publish_agreement(ctx: CommandContext, command: PublishAgreement) -> AgreementPublished:
    """Publish the next version; its SHA-256 is computed here. Publishing the newest one again changes nothing.

    Raises Invalid for a version that would take effect before the previous one.
    """
    sha256 = hashlib.sha256(command.text.encode()).hexdigest()
    advisory_lock(ctx.session, f"agreement.{command.name}")
    agreement = ctx.session.scalars(select(Agreement).where(Agreement.name == command.name)).first()
    newest = None if agreement is None else _newest(ctx.session, agreement.id)
    if newest is not None:
        terms = (newest.sha256, newest.language, newest.effective_from, newest.mandatory)
        if terms == (sha256, command.language, command.effective_from, command.mandatory):
            ctx.mark_noop()
            return AgreementPublished(version_id=newest.id, number=newest.number, sha256=sha256)
        if command.effective_from < newest.effective_from:
            raise Invalid(
                EARLIER_THAN_BEFORE,
                field="effective_from",
                given=command.effective_from.isoformat(),
                previous=newest.effective_from.isoformat(),
            )
    if agreement is None:
        agreement = Agreement(id=new_id(), name=command.name, title=command.title, created_at=ctx.now)
        ctx.session.add(agreement)
        ctx.session.flush()
    version = AgreementVersion(
        id=new_id(),
        agreement_id=agreement.id,
        number=1 if newest is None else newest.number + 1,
        language=command.language,
        text=command.text,
        sha256=sha256,
        effective_from=command.effective_from,
        mandatory=command.mandatory,
        published_by=ctx.actor.id,
        published_at=ctx.now,
    )
    ctx.session.add(version)
    ctx.audit(subject=version.id, agreement=command.name, number=version.number, sha256=sha256)
    return AgreementPublished(version_id=version.id, number=version.number, sha256=sha256)


@handles(Permission.AGREEMENT_ACCEPT, Event.AGREEMENT_ACCEPTED)
def accept_agreement(ctx: CommandContext, command: AcceptAgreement) -> AgreementAccepted:
    """Record that the tenant accepted the version, with the hash of the text that was accepted.

    A version that takes effect later can be accepted now. Raises NotFound for a tenant or version that is not there,
    Conflict when it was accepted already or a newer one is in force, Invalid for a signature in the future.
    """
    if command.signed_on > ctx.today:
        raise Invalid(SIGNED_IN_THE_FUTURE, field="signed_on", given=command.signed_on.isoformat())
    _lock_tenant(ctx.session, command.tenant_id)
    version = require_found(
        ctx.session.get(AgreementVersion, command.version_id),
        what=Label("協定の版", "agreement version"),
        given=command.version_id,
        field="version_id",
    )
    accepted = ctx.session.scalars(
        select(Acceptance).where(Acceptance.tenant_id == command.tenant_id, Acceptance.version_id == version.id)
    ).first()
    if accepted is not None:
        raise Conflict(ACCEPTED_ALREADY, field="version_id", signed_on=accepted.signed_on.isoformat())
    name = ctx.session.get_one(Agreement, version.agreement_id).name
    for binding in versions_in_force(ctx.session, ctx.today):
        if binding.agreement == name and binding.number > version.number:
            raise Conflict(SUPERSEDED, field="version_id", given=version.number, current=binding.number)
    acceptance = Acceptance(
        id=new_id(),
        tenant_id=command.tenant_id,
        version_id=version.id,
        sha256=version.sha256,
        signer_name=command.signer_name,
        signer_title=command.signer_title,
        on_behalf_of=command.on_behalf_of,
        authority=command.authority,
        signed_on=command.signed_on,
        accepted_by=ctx.actor.id,
        accepted_at=ctx.now,
    )
    ctx.session.add(acceptance)
    ctx.enqueue(INPUT_ENTERED, {"tenant_id": str(command.tenant_id)}, tenant_id=command.tenant_id)
    # The signer is a person: the record names the acceptance, and the acceptance names the person.
    ctx.audit(
        subject=acceptance.id,
        tenant_id=command.tenant_id,
        agreement=name,
        number=version.number,
        sha256=version.sha256,
        signed_on=command.signed_on.isoformat(),
    )
    return AgreementAccepted(acceptance_id=acceptance.id, sha256=version.sha256)


def _newest(session: Session, agreement_id: UUID) -> AgreementVersion | None:
    newest = select(func.max(AgreementVersion.number)).where(AgreementVersion.agreement_id == agreement_id)
    return session.scalars(
        select(AgreementVersion).where(
            AgreementVersion.agreement_id == agreement_id, AgreementVersion.number == newest.scalar_subquery()
        )
    ).first()


# Governance knows of a tenant no more than what its own foreign keys do: that it has an id.
_TENANT = table("tenant", column("id"))


def _lock_tenant(session: Session, tenant_id: UUID) -> None:
    if session.execute(select(_TENANT.c.id).where(_TENANT.c.id == tenant_id).with_for_update()).first() is None:
        raise not_found(what=Label("団体", "tenant"), given=tenant_id, field="tenant_id")
