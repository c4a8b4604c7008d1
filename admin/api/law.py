"""Agreements and rules: what binds, who accepted it, who adopted it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from admin.api.paging import Page, page_of
from admin.api.reading import PageQuery
from admin.api.routes import Tag, deed, read
from admin.guard import asks
from governance.agreements import queries as agreements
from governance.agreements.commands import accept_agreement, publish_agreement
from governance.kernel.database import db
from governance.permissions import Permission
from governance.rules import queries as rules
from governance.rules.commands import adopt_rule, draft_rule, end_rule


class AgreementVersionShown(BaseModel):
    """A version of an agreement. `sha256` is of its text in UTF-8."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    agreement: str
    title: str
    number: int
    language: str
    text: str
    sha256: str
    effective_from: date
    mandatory: bool


class AgreementVersionPage(Page[AgreementVersionShown]):
    """Versions by agreement, newest first."""


class AcceptanceShown(BaseModel):
    """Who accepted a version for a tenant, on whose behalf and by what right."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    version_id: UUID
    sha256: str
    signer_name: str
    signer_title: str
    on_behalf_of: str
    authority: str
    signed_on: date
    accepted_at: datetime


class AcceptancePage(Page[AcceptanceShown]):
    """Acceptances, newest first."""


class AdoptionShown(BaseModel):
    """The decision that brought a version of a rule into force."""

    model_config = ConfigDict(from_attributes=True)

    decided_by: str
    number: str
    on: date


class RuleVersionShown(BaseModel):
    """A version of a rule; in force once it is adopted."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    label: str
    number: int
    body: dict[str, Any]
    body_hash: str
    valid_from: date
    valid_until: date | None
    adoption: AdoptionShown | None


class RuleVersionPage(Page[RuleVersionShown]):
    """Versions by rule and number."""


@read("/agreement-versions", Tag.AGREEMENTS)
@asks(Permission.AGREEMENT_READ)
def list_agreement_versions(query: PageQuery) -> AgreementVersionPage:
    """List every version of every agreement."""
    return page_of(AgreementVersionPage, agreements.versions(db.session()), lambda row: str(row.id), query)


@read("/agreement-versions/<version>", Tag.AGREEMENTS)
@asks(Permission.AGREEMENT_READ)
def show_agreement_version(version: UUID) -> AgreementVersionShown:
    """Show one version of an agreement with its text."""
    return AgreementVersionShown.model_validate(agreements.version(db.session(), version))


@read("/tenants/<tenant>/acceptances", Tag.AGREEMENTS)
@asks(Permission.AGREEMENT_READ)
def list_acceptances(tenant: UUID, query: PageQuery) -> AcceptancePage:
    """List what a tenant accepted."""
    return page_of(AcceptancePage, agreements.acceptances(db.session(), tenant), lambda row: str(row.id), query)


@read("/rule-versions", Tag.RULES)
@asks(Permission.RULE_READ)
def list_rule_versions(query: PageQuery) -> RuleVersionPage:
    """List every version of every rule."""
    return page_of(RuleVersionPage, rules.rule_versions(db.session()), lambda row: str(row.id), query)


@read("/rule-versions/<version>", Tag.RULES)
@asks(Permission.RULE_READ)
def show_rule_version(version: UUID) -> RuleVersionShown:
    """Show one version of a rule."""
    return RuleVersionShown.model_validate(rules.version_by_id(db.session(), version))


deed("POST", "/agreement-versions", publish_agreement, Tag.AGREEMENTS)
deed("POST", "/tenants/<tenant>/acceptances", accept_agreement, Tag.AGREEMENTS, {"tenant": "tenant_id"})
deed("POST", "/rule-versions", draft_rule, Tag.RULES)
deed("POST", "/rule-versions/<version>/adoption", adopt_rule, Tag.RULES, {"version": "version_id"})
deed("PUT", "/rule-versions/<version>/end", end_rule, Tag.RULES, {"version": "version_id"})
