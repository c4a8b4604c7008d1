"""Entry points of the commands about tenants: API route, command line, form and confirm page of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import has_request_context, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from admin.core.language import current_language, gettext
from admin.interface.audit_rows import names_of_actors
from admin.interface.cli_context import CliContext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.formats import jst_time
from admin.interface.labels import actor_label, event_label
from admin.interface.lists import PAGE_SIZE
from admin.interface.tenant_pages import about_tenant, done, done_url, to_tenant
from governance.actors import Actor, command_line_actor
from governance.audit.queries import events
from governance.audit.writer import AuditOutcome
from governance.declaration import declared_field
from governance.kernel.errors import Language, NotFound, not_found
from governance.kernel.keyset import PageRequest
from governance.kernel.labels import Label
from tenancy import directory
from tenancy.tenants import queries
from tenancy.tenants.commands import (
    BULK_STATES,
    EDITABLE,
    ChangeTenantState,
    ChangeTenantStates,
    EditTenant,
    RecordStatistic,
    RegisterOperator,
    change_tenant_state,
    change_tenant_states,
    edit_tenant,
    record_contact,
    record_statistic,
    register_operator,
    register_tenant,
    remove_contact,
)
from tenancy.tenants.models import TenantListItem
from tenancy.tenants.queries import TenantFilter
from tenancy.tenants.states import STATE_EFFECTS, TRANSITIONS, ContactPurpose, TenantState
from tenancy.tenants.statistic_values import grouped

IRREVERSIBLE: Final = (TenantState.LEFT, TenantState.LEAVING, TenantState.SUSPENDED)
"""States that end a membership or that people notice at once: the tenant's code must be typed."""


def _present_values(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """What can be edited as it is now, with the version. Raises NotFound."""
    found = queries.tenant(session, given["tenant_id"])
    return {name: getattr(found, name) for name in (*EDITABLE, "version")}


def _changes_meanwhile(session: Session, given: Mapping[str, Any]) -> list[Fact]:
    """The newest changes of the tenant: when and by whom, and what it is now."""
    found = events(session, subject=str(given["tenant_id"]), outcome=AuditOutcome.DONE.value, limit=5)
    names = names_of_actors(found)
    facts = []
    for event in found:
        who = names.get(event.actor) or actor_label(event.actor_kind, event.actor)
        after = (event.facts.get("after") or {}).items()
        fields = (f"{_field_label(name)}: {value or '―'}" for name, value in after)
        when = Markup("{} {}").format(jst_time(event.recorded_at), who)
        facts.append(Fact(when, " / ".join((event_label(event.event), *fields))))
    return facts


def _field_label(name: str) -> str:
    return declared_field(EditTenant, name).input.label.text(current_language()) if name in EDITABLE else name


def _present_state(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenant and its state. Raises NotFound."""
    found = queries.tenant(session, given["tenant_id"])
    return FormContext([Fact(gettext("Tenant"), found.name), Fact(gettext("State"), found.state.label(language))])


def _possible_states(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    possible = TRANSITIONS[queries.tenant(session, given["tenant_id"]).state]
    return [(state.value, state.label(language)) for state in TenantState if state in possible]


def _named_tenants() -> list[str]:
    """The ids in the address, `?tenant_ids=` for each."""
    return [text for text in request.args.getlist("tenant_ids") if text] if has_request_context() else []


def _tenants_to_change(session: Session) -> list[TenantListItem]:
    """The tenants that the address names, else the first of those before membership."""
    named = set(_named_tenants())
    if named:
        every = queries.list_tenants(session, TenantFilter(includes_operator=False))
        return [one for one in every if str(one.id) in named]
    return [
        one
        for state in BULK_STATES
        for one in queries.tenants_page(session, PageRequest(PAGE_SIZE), TenantFilter(state=state)).items
    ]


def _chosen_tenants(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    return [(str(one.id), f"{one.name} ({one.state.label(language)})") for one in _tenants_to_change(session)]


def _next_states(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """The states for many that each of the tenants in the address may come to; all of them while none is named."""
    common = set(BULK_STATES)
    if _named_tenants():
        common = common.intersection(*(TRANSITIONS[one.state] for one in _tenants_to_change(session)))
    return [(state.value, state.label(language)) for state in BULK_STATES if state in common]


def _chosen_values(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """The tenants that the address names are chosen; the next state is proposed where there is one ahead."""
    named = _named_tenants()
    states = [TenantState(value) for value, _ in _next_states(session, given, "ja")]
    present = [_place(one.state) for one in _tenants_to_change(session)] if named else [len(BULK_STATES)]
    ahead = [state.value for state in states if _place(state) > max(present, default=0)]
    return {"tenant_ids": ",".join(named)} | ({"to": ahead[0]} if ahead else {})


def _place(state: TenantState) -> int:
    return BULK_STATES.index(state) if state in BULK_STATES else len(BULK_STATES)


def _before_and_after(session: Session, command: ChangeTenantStates, language: Language) -> FormContext:
    """Each tenant's state before and after."""
    found = directory.tenants_by_id(session, command.tenant_ids).values()
    after = command.to.label(language)
    return FormContext([Fact(one.name, f"{one.state.label(language)} → {after}") for one in found])


def _effects(session: Session, command: ChangeTenantState, language: Language) -> FormContext:
    """What the new state changes for people, API clients and cost."""
    before, after = STATE_EFFECTS[queries.tenant(session, command.tenant_id).state], STATE_EFFECTS[command.to]
    effects = {
        gettext("people can sign in"): (before.people_sign_in, after.people_sign_in),
        gettext("clients can get tokens"): (before.clients_get_tokens, after.clients_get_tokens),
        gettext("pays costs"): (before.bears_cost, after.bears_cost),
    }
    words = {True: gettext("yes"), False: gettext("no")}
    return FormContext([Fact(name, f"{words[was]} → {words[will]}") for name, (was, will) in effects.items()])


def _code_to_type(session: Session, command: ChangeTenantState) -> str:
    tenant = directory.tenant_by_id(session, command.tenant_id)
    return (tenant.code or tenant.name) if command.to in IRREVERSIBLE else ""


def _superseded(session: Session, command: RecordStatistic, language: Language) -> FormContext:
    """The current statistic of the same kind and reference date, which this one supersedes."""
    current = queries.current_statistic(session, command.tenant_id, command.kind, command.basis_date)
    if current is None:
        return FormContext()
    return FormContext(
        [Fact(gettext("Before and after"), f"{grouped(current.value)} → {grouped(command.value)}")],
        [gettext("A statistic for the same date already exists. It will be superseded and stays on record.")],
    )


def _contact(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenant, the purpose, and the contact now. Raises NotFound for the tenant and for an unknown purpose."""
    about = about_tenant(session, given, language)
    if given["purpose"] not in list(ContactPurpose):
        raise not_found(what=Label("連絡先", "contact"), given=given["purpose"])
    purpose = ContactPurpose(given["purpose"])
    now = queries.contact(session, given["tenant_id"], purpose)
    person = f"{now.section} {now.name}" if now else gettext("There is no contact for this purpose.")
    return FormContext([*about.facts, Fact(gettext("Purpose"), purpose.label(language)), Fact(gettext("Now"), person)])


def _contact_values(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    now = queries.contact(session, given["tenant_id"], ContactPurpose(given["purpose"]))
    return {} if now is None else {name: getattr(now, name) for name in ("section", "name", "email", "phone")}


def _to_tenants(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("参加団体", "Tenants"), url_for("tenants.tenants")


def _registering_actor(context: CliContext, command: RegisterOperator) -> Actor:
    """Who registers the operator: the person at the machine, of the operator there is, or else of the one to be."""
    try:
        # A second operator is refused, and the refusal belongs in the audit log of the one there is.
        return context.actor
    except NotFound:
        return command_line_actor(command.tenant_id)


ENTRY_POINTS: Final = (
    EntryPoint(
        register_operator,
        Label("県を運営者として登録する", "Register the prefecture CODE as the operator, before anything else"),
        Label("登録する", "Register"),
        cli=cli("operator register", "code", actor=_registering_actor),
        hidden=frozenset({"tenant_id"}),
    ),
    EntryPoint(
        register_tenant,
        Label("参加団体を登録する", "Register a tenant"),
        Label("登録する", "Register"),
        api=api("POST /tenants"),
        cli=cli("tenant register"),
        page=PageAddress(
            "/tenants/new",
            "tenant_registering",
            then=lambda command, result: done_url(result.tenant_id, "registered"),
            back=_to_tenants,
            intro=Label("参加を申請した団体を登録します。", "Enter an organization that applies to join."),
            review_intro=Label(
                "「申請」の状態になります。費用の負担はまだありません。",
                "It becomes an applicant; it pays no costs yet.",
            ),
        ),
        hidden=frozenset({"statistics"}),
    ),
    EntryPoint(
        edit_tenant,
        Label("参加団体の内容を変更する", "Edit a tenant"),
        Label("変更する", "Change"),
        api=api("PUT /tenants/<tenant>", tenant="tenant_id", version=True),
        cli=cli("tenant edit", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/edit",
            "tenant_editing",
            then=done("edited"),
            back=to_tenant,
            intro=Label(
                "名称とコードの変更は、納入通知書と認証サービスの組織にも反映されます。",
                "A new name or code also applies to notices and to the Keycloak organization.",
            ),
            about=about_tenant,
            meanwhile=_changes_meanwhile,
        ),
        hidden=frozenset({"version"}),
        record=_present_values,
    ),
    EntryPoint(
        change_tenant_state,
        Label("参加団体の状態を変更する", "Change the state of a tenant"),
        Label("状態を変更する", "Change state"),
        api=api("POST /tenants/<tenant>/state-changes", tenant="tenant_id"),
        cli=cli("tenant change-state", "tenant_id", "to"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/state",
            "tenant_state_changing",
            then=done("state-changed"),
            back=to_tenant,
            review_intro=Label("状態によって変わることを確かめてください。", "Check what the new state changes."),
            about=_present_state,
            choices={"to": _possible_states},
            consequences=_effects,
            confirm_text=_code_to_type,
        ),
    ),
    EntryPoint(
        change_tenant_states,
        Label("参加団体の状態をまとめて変更する", "Change the state of several tenants"),
        Label("まとめて変更する", "Change them"),
        api=api("POST /tenant-state-changes"),
        cli=cli("tenant change-states", "to"),
        page=PageAddress(
            "/tenants/state-changes",
            "tenant_states_changing",
            then=lambda command, result: url_for("tenants.tenants", state=command.to.value, changed=result.changed),
            back=_to_tenants,
            intro=Label(
                "選んだ団体を、同じ状態にまとめて進めます。1 団体でも進められないときは、どの団体も変わりません。",
                "All of the chosen tenants come to one state. If one of them cannot, none is changed.",
            ),
            review_intro=Label(
                "団体ごとに、いまの状態と変更後の状態を確かめてください。",
                "Check each tenant's state before and after.",
            ),
            choices={"tenant_ids": _chosen_tenants, "to": _next_states},
            start=_chosen_values,
            consequences=_before_and_after,
        ),
    ),
    EntryPoint(
        record_statistic,
        Label("統計値を登録する", "Record a statistic"),
        Label("登録する", "Record"),
        api=api("POST /tenants/<tenant>/statistics", tenant="tenant_id"),
        cli=cli("tenant statistic", "tenant_id", "kind", "value"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/statistics/record",
            "statistic_recording",
            then=done("statistic-recorded"),
            back=to_tenant,
            intro=Label("負担額の基準になる統計値です。", "A published statistic on which shares are based."),
            review_intro=Label(
                "記帳済みの按分は変わりません。次の按分から使われます。",
                "Posted allocations do not change; the next one uses it.",
            ),
            about=about_tenant,
            consequences=_superseded,
        ),
    ),
    EntryPoint(
        record_contact,
        Label("連絡先を登録する", "Record a contact"),
        Label("登録する", "Record"),
        api=api("PUT /tenants/<tenant>/contacts/<purpose>", tenant="tenant_id", purpose="purpose"),
        cli=cli("tenant contact", "tenant_id", "purpose"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/contacts/<purpose>",
            "contact_recording",
            then=done("contact-recorded"),
            back=to_tenant,
            intro=Label(
                "用件ごとに 1 人です。前の連絡先は置き換わります。",
                "One contact per purpose; this replaces the previous one.",
            ),
            about=_contact,
            start=_contact_values,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        remove_contact,
        Label("連絡先を削除する", "Remove a contact"),
        Label("削除する", "Remove"),
        api=api("DELETE /tenants/<tenant>/contacts/<purpose>", tenant="tenant_id", purpose="purpose"),
        cli=cli("tenant contact-remove", "tenant_id", "purpose"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/contacts/<purpose>/remove",
            "contact_removing",
            then=done("contact-removed"),
            back=to_tenant,
            intro=Label("氏名とメールアドレスは完全に削除されます。", "The name and address are deleted permanently."),
            about=_contact,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
)
