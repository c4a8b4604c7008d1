"""Registering, editing and moving a tenant: 入力 → 確認 → 完了, and what was typed stays when it is refused."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.features.audit.pages import names_of_actors
from admin.interface.forms import Form
from admin.interface.labels import LABELS
from admin.interface.pages import render_page, session
from governance.audit.queries import events
from governance.audit.writer import AuditOutcome
from governance.declaration import build_command
from governance.kernel.errors import Stale
from governance.permissions import Permission
from tenancy import directory
from tenancy.tenants import queries
from tenancy.tenants.commands import (
    ChangeTenantState,
    EditTenant,
    RegisterTenant,
    change_tenant_state,
    edit_tenant,
    register_tenant,
)
from tenancy.tenants.models import TenantDetails
from tenancy.tenants.states import STATE_EFFECTS, TRANSITIONS, TenantKind, TenantState

pages = Blueprint("tenant_editing", __name__, template_folder="templates")

IRREVERSIBLE = (TenantState.LEFT, TenantState.LEAVING, TenantState.SUSPENDED)
"""Moves that people notice at once or that end a membership: the tenant's code must be typed."""


DONE_MESSAGES: Final = {
    "registered": (
        "団体を登録しました",
        "Registered",
        "「申請」の状態です。審査、合意の順に状態を進めると、参加手続きを始められます。",
        "It is an applicant. Advance it to agreed, then start onboarding.",
    ),
    "edited": ("内容を変更しました", "Changed", "", ""),
    "state-changed": ("状態を変更しました", "State changed", "", ""),
    "member-added": (
        "利用者を追加しました",
        "Added",
        "参加手続きが、認証基盤への登録とパスワード設定メールの送信を行います。",
        "Onboarding creates the person in Keycloak and sends an email to set the password.",
    ),
    "member-disabled": (
        "利用を停止しました",
        "Disabled",
        "権限は終わりました。認証基盤のアカウントも続けて停止します。",
        "All roles were revoked; the Keycloak account is disabled next.",
    ),
    "client-registered": (
        "API利用者を登録しました",
        "Registered",
        "参加手続きが、認証基盤に登録します。",
        "Onboarding registers it in Keycloak.",
    ),
    "accepted": (
        "同意を記録しました",
        "Accepted",
        "署名者と本文の SHA-256 が残りました。",
        "The signer and the text's SHA-256 were recorded.",
    ),
    "plan-assigned": ("利用プランを決めました", "Plan assigned", "", ""),
    "statistic-recorded": (
        "統計値を登録しました",
        "Recorded",
        "次に作成する按分から使われます。",
        "The next allocation uses it.",
    ),
    "contact-recorded": ("連絡先を登録しました", "Recorded", "", ""),
    "contact-removed": ("連絡先を削除しました", "Removed", "", ""),
}
"""Action → what was done and what comes now, Japanese and English."""


@pages.route("/tenants/new", methods=["GET", "POST"])
@requires(Permission.TENANT_REGISTER)
def tenant_registering() -> AnyResponse | tuple[str, int]:
    """A body that applies, entered by hand."""
    cohorts = queries.cohorts(session())
    form = Form.from_request() if request.method == "POST" else Form.initial(kind=TenantKind.TOWN, valid_from="")
    values = {"cohorts": cohorts, "kinds": LABELS["kind"]}
    if request.method == "POST" and form.step != "enter":
        kind = form.one_of("kind", TenantKind)
        name, kana = form.required("name"), form.required("kana")
        valid_from = form.day("valid_from")
        if form.is_valid and kind is not None:
            if not form.is_final:
                return render_page("tenants/tenant_registering_confirm", form=form, valid_from=valid_from, **values)
            with form.collect_errors():
                command = build_command(
                    RegisterTenant,
                    code=form.optional("code"),
                    name=name,
                    kana=kana,
                    name_en=form.optional("name_en"),
                    kind=kind,
                    valid_from=valid_from,
                    cohort=form.optional("cohort"),
                )
                made = register_tenant(command, actor=current_actor(), key=form.key)
                return redirect(
                    url_for("tenant_editing.tenant_done", tenant_id=made.tenant_id, action="registered"), 303
                )
    return render_page("tenants/tenant_registering", form=form, **values)


@pages.route("/tenants/<uuid:tenant_id>/edit", methods=["GET", "POST"])
@requires(Permission.TENANT_EDIT)
def tenant_editing(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """The record as it is to be; refused when somebody else changed it meanwhile, and then it says who."""
    tenant = queries.tenant(session(), tenant_id)
    now = _current_values(tenant)
    if request.method == "GET":
        return render_page("tenants/tenant_editing", form=Form.initial(**now), tenant=tenant, meanwhile=[], names={})
    form = Form.from_request()
    meanwhile, names = [], {}
    if form.step != "enter":
        name, kana = form.required("name"), form.required("kana")
        valid_from, version = form.day("valid_from"), form.integer("version")
        if form.is_valid and not form.is_final:
            changes: list[tuple[str, object, object]] = [
                (field, now[field], form.text(field))
                for field in ("code", "name", "kana", "name_en")
                if form.text(field) != str(now[field] or "")
            ]
            if valid_from != tenant.valid_from:
                changes.append(("valid_from", tenant.valid_from, valid_from))
            return render_page("tenants/tenant_editing_confirm", form=form, tenant=tenant, changes=changes)
        if form.is_valid:
            try:
                command = build_command(
                    EditTenant,
                    tenant_id=tenant_id,
                    version=version or 0,
                    code=form.optional("code"),
                    name=name,
                    kana=kana,
                    name_en=form.optional("name_en"),
                    valid_from=valid_from,
                )
                with form.collect_errors():
                    try:
                        edit_tenant(command, actor=current_actor(), key=form.key)
                    except Stale:
                        meanwhile = events(session(), subject=str(tenant_id), outcome=AuditOutcome.DONE.value, limit=5)
                        names = names_of_actors(meanwhile)
                        raise
                    return redirect(url_for("tenant_editing.tenant_done", tenant_id=tenant_id, action="edited"), 303)
            finally:
                tenant = queries.tenant(session(), tenant_id)
            # What was typed stays; sent once more, it is an edit of the record as it stands now.
            form.values["version"] = str(tenant.version)
    return render_page(
        "tenants/tenant_editing",
        form=form,
        tenant=tenant,
        meanwhile=meanwhile,
        names=names,
        now=_current_values(tenant),
    )


@pages.route("/tenants/<uuid:tenant_id>/state", methods=["GET", "POST"])
@requires(Permission.TENANT_CHANGE_STATE)
def tenant_state_changing(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """Another state, with its effect on people, API clients and cost before one says yes."""
    tenant = queries.tenant(session(), tenant_id)
    current = tenant.state
    possible = sorted(TRANSITIONS[current], key=list(TenantState).index)
    values = {"tenant": tenant, "possible": possible, "effects": STATE_EFFECTS, "current": current}
    form = (
        Form.from_request()
        if request.method == "POST"
        else Form.initial(to="", reason="", effective_on="", code_typed="")
    )
    if request.method == "POST" and form.step != "enter":
        to = form.one_of("to", TenantState)
        why, effective_on = form.required("reason"), form.day("effective_on")
        if form.is_valid and to is not None:
            needs_code = to in IRREVERSIBLE
            if form.is_final and needs_code:
                form.values.setdefault("code_typed", "")
                form.confirm_text("code_typed", tenant.code or tenant.name)
            if form.is_final and form.is_valid:
                with form.collect_errors():
                    change_tenant_state(
                        build_command(
                            ChangeTenantState, tenant_id=tenant_id, to=to, reason=why, effective_on=effective_on
                        ),
                        actor=current_actor(),
                        key=form.key,
                    )
                    return redirect(
                        url_for("tenant_editing.tenant_done", tenant_id=tenant_id, action="state-changed"), 303
                    )
            if form.is_valid or form.error("code_typed"):
                return render_page(
                    "tenants/tenant_state_changing_confirm",
                    form=form,
                    to=to,
                    needs_code=needs_code,
                    day=effective_on,
                    **values,
                )
    return render_page("tenants/tenant_state_changing", form=form, **values)


@pages.get("/tenants/<uuid:tenant_id>/done/<action>")
@requires(Permission.TENANT_READ)
def tenant_done(tenant_id: UUID, action: str) -> tuple[str, int]:
    """完了: what was done and what is likely next."""
    return render_page(
        "tenants/tenant_done",
        tenant=directory.tenant_by_id(session(), tenant_id),
        action=action,
        done_messages=DONE_MESSAGES,
    )


def _current_values(tenant: TenantDetails) -> dict[str, str | int | date | None]:
    return {
        "code": tenant.code,
        "name": tenant.name,
        "kana": tenant.kana,
        "name_en": tenant.name_en,
        "valid_from": tenant.valid_from,
        "version": tenant.version,
    }
