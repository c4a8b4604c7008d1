"""Reading agreements: what binds on a day, and what a tenant has accepted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from governance.agreements.tables import Acceptance, Agreement, AgreementVersion
from governance.kernel.errors import require_found


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """A version with its agreement's name and title. `sha256` is of the text in UTF-8, in hexadecimal."""

    id: UUID
    agreement: str
    title: str
    number: int
    language: str
    text: str
    sha256: str
    effective_from: date
    mandatory: bool


def versions(session: Session, *, agreement: str | None = None) -> list[VersionFacts]:
    """Every version published, of one agreement or of all, newest first."""
    query = (
        select(AgreementVersion, Agreement)
        .join(Agreement, Agreement.id == AgreementVersion.agreement_id)
        .order_by(Agreement.name, AgreementVersion.number.desc())
    )
    if agreement is not None:
        query = query.where(Agreement.name == agreement)
    return [_facts(version, of) for version, of in session.execute(query)]


def version(session: Session, version_id: UUID) -> VersionFacts:
    """One version. Raises NotFound."""
    found = require_found(session.get(AgreementVersion, version_id), what="agreement version", given=version_id)
    return _facts(found, session.get_one(Agreement, found.agreement_id))


def versions_in_force(session: Session, on: date) -> list[VersionFacts]:
    """The newest mandatory version of each agreement that binds on that day."""
    found = session.execute(
        select(AgreementVersion, Agreement)
        .join(Agreement, Agreement.id == AgreementVersion.agreement_id)
        .where(AgreementVersion.mandatory, AgreementVersion.effective_from <= on)
        .ext(distinct_on(Agreement.id))
        .order_by(Agreement.id, AgreementVersion.number.desc())
    )
    return [_facts(version, of) for version, of in found]


def acceptances(session: Session, tenant_id: UUID) -> list[Acceptance]:
    """What the tenant accepted, newest first."""
    return list(
        session.scalars(select(Acceptance).where(Acceptance.tenant_id == tenant_id).order_by(Acceptance.id.desc()))
    )


def unaccepted(session: Session, tenant_id: UUID, on: date) -> list[VersionFacts]:
    """The versions that bind on that day and that the tenant has not accepted."""
    accepted = {acceptance.version_id for acceptance in acceptances(session, tenant_id)}
    return [binding for binding in versions_in_force(session, on) if binding.id not in accepted]


def acceptance_in_force(session: Session, tenant_id: UUID, on: date) -> Acceptance | None:
    """The tenant's newest acceptance that holds on that day, or None while anything that binds is not accepted.

    A tenant that accepted nothing has none, also where nothing was published yet.
    """
    if unaccepted(session, tenant_id, on):
        return None
    return session.scalars(
        select(Acceptance)
        .join(AgreementVersion, AgreementVersion.id == Acceptance.version_id)
        .where(Acceptance.tenant_id == tenant_id, AgreementVersion.effective_from <= on)
        .order_by(Acceptance.id.desc())
        .limit(1)
    ).first()


def _facts(version: AgreementVersion, of: Agreement) -> VersionFacts:
    return VersionFacts(
        id=version.id,
        agreement=of.name,
        title=of.title,
        number=version.number,
        language=version.language,
        text=version.text,
        sha256=version.sha256,
        effective_from=version.effective_from,
        mandatory=version.mandatory,
    )
