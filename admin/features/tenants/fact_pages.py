"""統計値・連絡先: what the shares go by, with its day and source, and whom to ask at a tenant about what."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.interface.forms import Form
from admin.interface.pages import render_page, session
from governance.declaration import build_command
from governance.kernel.errors import not_found
from governance.permissions import Permission
from tenancy import directory
from tenancy.tenants import queries
from tenancy.tenants.commands import (
    RecordContact,
    RecordStatistic,
    RemoveContact,
    record_contact,
    record_statistic,
    remove_contact,
)
from tenancy.tenants.states import ContactPurpose, StatisticKind
from tenancy.tenants.statistic_values import statistic_text

pages = Blueprint("tenant_facts", __name__, template_folder="templates")


@pages.route("/tenants/<uuid:tenant_id>/statistics/record", methods=["GET", "POST"])
@requires(Permission.STATISTIC_RECORD)
def statistic_recording(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """A figure as published; one that stands for the same day is superseded, and shown before that."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    initial = Form.initial(kind=StatisticKind.POPULATION.value, value="", basis_date="", source="")
    form = Form.from_request() if request.method == "POST" else initial
    if request.method == "POST" and form.step != "enter":
        kind = form.one_of("kind", StatisticKind)
        value, source = form.required("value"), form.required("source")
        form.required("basis_date")
        basis_date = form.day("basis_date")
        if form.is_valid and kind is not None:
            with form.collect_errors():
                statistic_text(kind, value, field="value")
        if form.is_valid and kind is not None and basis_date is not None:
            if not form.is_final:
                return render_page(
                    "tenants/statistic_recording_confirm",
                    form=form,
                    tenant=tenant,
                    kind=kind,
                    basis_date=basis_date,
                    current=queries.current_statistic(session(), tenant_id, kind, basis_date),
                )
            with form.collect_errors():
                record_statistic(
                    build_command(
                        RecordStatistic,
                        tenant_id=tenant_id,
                        kind=kind,
                        value=value,
                        basis_date=basis_date,
                        source=source,
                    ),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(
                    url_for("tenant_editing.tenant_done", tenant_id=tenant_id, action="statistic-recorded"), 303
                )
    return render_page("tenants/statistic_recording", form=form, tenant=tenant, kinds=list(StatisticKind))


@pages.route("/tenants/<uuid:tenant_id>/contacts/<purpose>", methods=["GET", "POST"])
@requires(Permission.CONTACT_RECORD)
def contact_recording(tenant_id: UUID, purpose: str) -> AnyResponse | tuple[str, int]:
    """Whom to ask about this purpose, in place of whoever is named now."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    about = _purpose(purpose)
    now = queries.contact(session(), tenant_id, about)
    initial = Form.initial(**{name: getattr(now, name, "") for name in ("section", "name", "email", "phone")})
    form = Form.from_request() if request.method == "POST" else initial
    if request.method == "POST":
        section, name, email = (form.required(field) for field in ("section", "name", "email"))
        if form.is_valid:
            with form.collect_errors():
                record_contact(
                    build_command(
                        RecordContact,
                        tenant_id=tenant_id,
                        purpose=about,
                        section=section,
                        name=name,
                        email=email,
                        phone=form.optional("phone"),
                    ),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(
                    url_for("tenant_editing.tenant_done", tenant_id=tenant_id, action="contact-recorded"), 303
                )
    return render_page("tenants/contact_recording", form=form, tenant=tenant, purpose=about, now=now)


@pages.route("/tenants/<uuid:tenant_id>/contacts/<purpose>/remove", methods=["GET", "POST"])
@requires(Permission.CONTACT_REMOVE)
def contact_removing(tenant_id: UUID, purpose: str) -> AnyResponse | tuple[str, int]:
    """Nobody to ask about this purpose any more. The name and address are gone for good."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    about = _purpose(purpose)
    form = Form.from_request() if request.method == "POST" else Form.initial()
    if request.method == "POST":
        with form.collect_errors():
            remove_contact(RemoveContact(tenant_id=tenant_id, purpose=about), actor=current_actor(), key=form.key)
            return redirect(url_for("tenant_editing.tenant_done", tenant_id=tenant_id, action="contact-removed"), 303)
    return render_page(
        "tenants/contact_removing",
        form=form,
        tenant=tenant,
        purpose=about,
        now=queries.contact(session(), tenant_id, about),
    )


def _purpose(text: str) -> ContactPurpose:
    try:
        return ContactPurpose(text)
    except ValueError:
        raise not_found(what="contact", given=text) from None
