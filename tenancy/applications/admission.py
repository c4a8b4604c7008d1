"""Admitting an approved applicant: it becomes a tenant of what its application says, and its onboarding begins."""

from __future__ import annotations

from typing import Annotated, Final, TypeVar
from uuid import UUID

from governance.agreements.commands import AcceptAgreement, accept_agreement
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel import clock
from governance.kernel.field_types import Id, JstDate
from governance.kernel.labels import Label
from governance.permissions import Permission, Role
from tenancy.applications.content import ApplicationContent, accepted_versions, read_content
from tenancy.applications.queries import required_versions
from tenancy.applications.rows import lock_application
from tenancy.applications.states import ApplicationState
from tenancy.applications.tables import Application
from tenancy.onboarding.commands import StartOnboarding, start_onboarding
from tenancy.people.commands import AddMember, add_member
from tenancy.quotas.commands import AssignPlan, PlanName, assign_plan, plan_choices
from tenancy.tenants.cohorts import CohortName
from tenancy.tenants.commands import RegisterTenant, cohort_choices, register_tenant
from tenancy.tenants.contacts import RecordContact, record_contact
from tenancy.tenants.state_changes import apply_transition
from tenancy.tenants.states import ContactPurpose, TenantState

T = TypeVar("T")

_AUTHORITY: Final = "利用申請書による"


class AdmitApplicant(Command):
    """An approved application. Cohort, plan and first day may be given; without a day it is the one applied for."""

    application_id: Annotated[Id, Input("利用申請", "Application")]
    cohort: Annotated[CohortName | None, Input("参加期", "Cohort", choices=cohort_choices)] = None
    plan: Annotated[
        PlanName | None,
        Input(
            "利用プラン",
            "Plan",
            Label("空なら、参加手続の中で選びます", "If empty, onboarding asks for it."),
            choices=plan_choices,
        ),
    ] = None
    first_day: Annotated[
        JstDate | None,
        Input("参加開始日", "First day", Label("空なら、申請の希望日", "The one applied for, if empty.")),
    ] = None


class ApplicantAdmitted(Result):
    """The new tenant and its onboarding."""

    application_id: UUID
    tenant_id: UUID
    onboarding_id: UUID


@handles(Permission.APPLICATION_ADMIT, Event.APPLICATION_ADMITTED, edits="application {application_id}")
def admit_applicant(ctx: CommandContext, command: AdmitApplicant) -> ApplicantAdmitted:
    """Make an approved applicant a tenant and begin its onboarding, with what the application says.

    The tenant is registered and agreed; its contact, its administrators as owners and the agreements it accepted are
    recorded, each as its own command would and with its audit event. Raises NotFound, Conflict in another state, and
    what those commands raise; then nothing has changed.
    """
    row = lock_application(ctx, command.application_id, (ApplicationState.APPROVED,))
    content = read_content(row.content)
    tenant_id = _register(ctx, row, content, command)
    why = f"利用申請（受付番号 {row.number}）の承認"
    for state in (TenantState.SCREENING, TenantState.AGREED):
        apply_transition(ctx, tenant_id, state, reason=why, effective_on=ctx.today)
    contact = RecordContact(
        tenant_id=tenant_id,
        purpose=ContactPurpose.GENERAL,
        section=_given(content.contact_section),
        name=_given(content.contact_name),
        email=_given(content.contact_email),
        phone=content.contact_phone,
    )
    record_contact.run_within(ctx, contact)
    for family_name, given_name, email in administrators(content):
        person = AddMember(
            tenant_id=tenant_id,
            family_name=family_name,
            given_name=given_name,
            email=email,
            roles=(Role.TENANT_OWNER,),
        )
        add_member.run_within(ctx, person)
    _accept(ctx, row, content, tenant_id)
    if command.plan is not None:
        assign_plan.run_within(ctx, AssignPlan(tenant_id=tenant_id, plan=command.plan))
    started = start_onboarding.run_within(ctx, StartOnboarding(tenant_id=tenant_id))
    row.state = ApplicationState.ADMITTED.value
    row.joined_tenant_id = tenant_id
    row.version += 1
    row.changed_at = ctx.now
    ctx.audit(subject=row.id, number=row.number, tenant=str(tenant_id))
    ctx.audit(subject=row.id, tenant_id=tenant_id, number=row.number)
    return ApplicantAdmitted(application_id=row.id, tenant_id=tenant_id, onboarding_id=started.onboarding_id)


def administrators(content: ApplicationContent) -> list[tuple[str, str, str]]:
    """Family name, given name and address of the administrators that an application names, one or two."""
    found = [(content.administrator_family_name, content.administrator_given_name, content.administrator_email)]
    found.append((content.deputy_family_name, content.deputy_given_name, content.deputy_email))
    return [(family, given, email) for family, given, email in found if family and given and email]


def _register(ctx: CommandContext, row: Application, content: ApplicationContent, command: AdmitApplicant) -> UUID:
    tenant = RegisterTenant(
        code=content.code,
        name=_given(content.name),
        kana=_given(content.kana),
        kind=_given(content.kind).tenant_kind,
        name_en=content.name_en,
        valid_from=command.first_day or content.first_day,
        cohort=command.cohort,
    )
    return register_tenant.run_within(ctx, tenant).tenant_id


def _accept(ctx: CommandContext, row: Application, content: ApplicationContent, tenant_id: UUID) -> None:
    """Record the acceptances of what is required now, as the representative gave them with the application."""
    signed_at = row.submitted_at or ctx.now
    for version_id in accepted_versions(content) & required_versions(ctx.session, ctx.today).keys():
        acceptance = AcceptAgreement(
            tenant_id=tenant_id,
            version_id=version_id,
            signer_name=_given(content.representative_name),
            signer_title=_given(content.representative_title),
            on_behalf_of=_given(content.name),
            authority=_AUTHORITY,
            signed_on=clock.jst_date(signed_at),
        )
        accept_agreement.run_within(ctx, acceptance)


def _given(value: T | None) -> T:
    """A field that every submitted application has. Raises RuntimeError without it."""
    if value is None:
        raise RuntimeError("an approved application lacks a field that it needs")
    return value
