"""`moyai agreement`: versions and acceptances; publish a version, record an acceptance that was signed on paper."""

from __future__ import annotations

from uuid import UUID

import click
from sqlalchemy.orm import Session

from admin.features.agreements.entry_points import ENTRY_POINTS
from admin.interface.command_line import command_group
from admin.interface.output import Answer, rows
from admin.interface.param_types import find_tenant
from governance.agreements import queries
from governance.agreements.queries import AcceptanceFacts, AgreementVersionFacts
from governance.permissions import Permission

agreement = command_group("agreement", "協定と同意 / Agreements and acceptances.", ENTRY_POINTS)


@agreement.query("list", Permission.AGREEMENT_READ)
@click.option("--name", help="Only this agreement.")
def list_versions(session: Session, name: str | None) -> Answer:
    """協定の版の一覧 / Every version published, newest first."""
    return rows("versions", queries.versions(session, agreement=name), _line)


@agreement.query("show", Permission.AGREEMENT_READ)
@click.argument("version_id", type=click.UUID)
def show(session: Session, version_id: UUID) -> Answer:
    """協定の版を見る / One version with its text."""
    version = queries.version(session, version_id)
    return Answer(version, (_line(version), version.text))


@agreement.query("acceptances", Permission.AGREEMENT_READ)
@click.argument("code")
def list_acceptances(session: Session, code: str) -> Answer:
    """団体の同意の一覧 / What a tenant accepted, newest first, and who signed."""
    return rows("acceptances", queries.acceptances(session, find_tenant(session, code).id), _acceptance_line)


def _line(version: AgreementVersionFacts) -> str:
    return f"{version.id}  {version.agreement} v{version.number}  {version.effective_from}  {version.title}"


def _acceptance_line(accepted: AcceptanceFacts) -> str:
    signer = f"{accepted.on_behalf_of} {accepted.signer_title} {accepted.signer_name}"
    return f"{accepted.signed_on}  {accepted.version_id}  {signer}（{accepted.authority}）"
