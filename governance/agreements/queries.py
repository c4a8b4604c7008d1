"""Reads of agreements: the versions published, those in force on a day, and what a tenant has accepted."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from governance.agreements.tables import Acceptance, Agreement, AgreementVersion
from governance.kernel.errors import require_found
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel


class AgreementVersionFacts(ReadModel):
    """A version of an agreement. `agreement` is the agreement's short name.

    `sha256` is of the text in UTF-8, in hexadecimal; `effective_from` is the first day on which the version binds. From
    `published_at` on the tenants are asked to accept it.
    """

    id: UUID
    agreement: str
    title: str
    number: int
    language: str
    text: str
    sha256: str
    effective_from: date
    mandatory: bool
    published_at: datetime


class AcceptanceFacts(ReadModel):
    """Who accepted a version for a tenant, on whose behalf and by what authority; `sha256` is of the text accepted."""

    id: UUID
    version_id: UUID
    sha256: str
    signer_name: str
    signer_title: str
    on_behalf_of: str
    authority: str
    signed_on: date
    accepted_at: datetime


def versions(session: Session, *, agreement: str | None = None) -> list[AgreementVersionFacts]:
    """Every version published, of one agreement or of all, newest first."""
    query = (
        select(AgreementVersion, Agreement)
        .join(Agreement, Agreement.id == AgreementVersion.agreement_id)
        .order_by(Agreement.name, AgreementVersion.number.desc())
    )
    if agreement is not None:
        query = query.where(Agreement.name == agreement)
    return [_facts(version, of) for version, of in session.execute(query)]


def titles(session: Session) -> dict[str, str]:
    """The title of every agreement by its short name."""
    return {row.name: row.title for row in session.execute(select(Agreement.name, Agreement.title))}


def version(session: Session, version_id: UUID) -> AgreementVersionFacts:
    """One version. Raises NotFound."""
    found = require_found(
        session.get(AgreementVersion, version_id), what=Label("協定の版", "agreement version"), given=version_id
    )
    return _facts(found, session.get_one(Agreement, found.agreement_id))


def versions_in_force(session: Session, on: date) -> list[AgreementVersionFacts]:
    """The newest mandatory version of each agreement that binds on that day."""
    found = session.execute(
        select(AgreementVersion, Agreement)
        .join(Agreement, Agreement.id == AgreementVersion.agreement_id)
        .where(AgreementVersion.mandatory, AgreementVersion.effective_from <= on)
        .ext(distinct_on(Agreement.id))
        .order_by(Agreement.id, AgreementVersion.number.desc())
    )
    return [_facts(version, of) for version, of in found]


def select_binding_versions(on: date) -> Select[UUID, str, int, date, datetime]:
    """A SELECT of id, title, number, effective_from and published_at of the mandatory versions that bind on that day
    or later and that no newer one has replaced by then, for a join in another package's statement.
    """
    newer = aliased(AgreementVersion)
    replaced = select(newer.id).where(
        newer.agreement_id == AgreementVersion.agreement_id,
        newer.mandatory,
        newer.number > AgreementVersion.number,
        newer.effective_from <= func.greatest(AgreementVersion.effective_from, on),
    )
    return (
        select(
            AgreementVersion.id,
            Agreement.title,
            AgreementVersion.number,
            AgreementVersion.effective_from,
            AgreementVersion.published_at,
        )
        .join(Agreement, Agreement.id == AgreementVersion.agreement_id)
        .where(AgreementVersion.mandatory, ~replaced.exists())
    )


def is_asked_for(session: Session, version_id: UUID, on: date) -> bool:
    """Whether the tenants are asked to accept this version: it is mandatory, and no newer one replaces it."""
    return version_id in [row.id for row in session.execute(select_binding_versions(on))]


def acceptances_of_version(session: Session, version_id: UUID) -> dict[UUID, AcceptanceFacts]:
    """Who accepted the version, by tenant, as the scope shows them."""
    found = session.scalars(select(Acceptance).where(Acceptance.version_id == version_id))
    return {one.tenant_id: AcceptanceFacts.model_validate(one) for one in found}


def select_acceptances() -> Select[UUID, UUID]:
    """A SELECT of tenant_id and version_id of every acceptance, for a join in another package's statement."""
    return select(Acceptance.tenant_id, Acceptance.version_id)


def acceptances(session: Session, tenant_id: UUID) -> list[AcceptanceFacts]:
    """What the tenant accepted, newest first."""
    found = session.scalars(select(Acceptance).where(Acceptance.tenant_id == tenant_id).order_by(Acceptance.id.desc()))
    return [AcceptanceFacts.model_validate(acceptance) for acceptance in found]


def unaccepted(session: Session, tenant_id: UUID, on: date) -> list[AgreementVersionFacts]:
    """The versions that bind on that day and that the tenant has not accepted."""
    accepted = {acceptance.version_id for acceptance in acceptances(session, tenant_id)}
    return [binding for binding in versions_in_force(session, on) if binding.id not in accepted]


def acceptance_in_force(session: Session, tenant_id: UUID, on: date) -> AcceptanceFacts | None:
    """The tenant's newest acceptance of a version in force on that day; None while a mandatory one is not accepted.

    A tenant that accepted nothing has none, also where nothing was published yet.
    """
    if unaccepted(session, tenant_id, on):
        return None
    found = session.scalars(
        select(Acceptance)
        .join(AgreementVersion, AgreementVersion.id == Acceptance.version_id)
        .where(Acceptance.tenant_id == tenant_id, AgreementVersion.effective_from <= on)
        .order_by(Acceptance.id.desc())
        .limit(1)
    ).first()
    return None if found is None else AcceptanceFacts.model_validate(found)


def _facts(version: AgreementVersion, of: Agreement) -> AgreementVersionFacts:
    return AgreementVersionFacts(
        id=version.id,
        agreement=of.name,
        title=of.title,
        number=version.number,
        language=version.language,
        text=version.text,
        sha256=version.sha256,
        effective_from=version.effective_from,
        mandatory=version.mandatory,
        published_at=version.published_at,
    )
