"""Entry points of the commands about tenants: API route, command line, form and confirm page of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import has_request_context, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from admin.core.language import current_language, gettext
from admin.identity.sessions import count_sessions_of_tenant
from admin.interface.audit_rows import names_of_actors
from admin.interface.cli_context import CliContext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.formats import day_text, jst_time, yen
from admin.interface.labels import actor_label, event_label
from admin.interface.lists import PAGE_SIZE
from admin.interface.tenant_pages import about_tenant, done, done_url, to_tenant
from admin.workflows.tenant_access import state_change_effects
from billing.notices.leaving_statement import leaving_statement
from governance.actors import Actor, command_line_actor
from governance.audit.queries import events
from governance.audit.writer import AuditOutcome
from governance.declaration import declared_field
from governance.kernel import clock
from governance.kernel.errors import DomainError, Language, NotFound, not_found
from governance.kernel.field_types import JST_DATE
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
from tenancy.tenants.departures import AnnounceDeparture, announce_departure
from tenancy.tenants.hand_backs import request_hand_back
from tenancy.tenants.mergers import MergeTenants, merge_tenants
from tenancy.tenants.models import TenantListItem
from tenancy.tenants.queries import TenantFilter
from tenancy.tenants.renamings import NAMED_BY, rename_tenant, renaming, undo_renaming
from tenancy.tenants.state_changes import require_possible
from tenancy.tenants.states import TRANSITIONS, ContactPurpose, TenantState
from tenancy.tenants.statistic_values import grouped

IRREVERSIBLE: Final = (TenantState.LEFT, TenantState.LEAVING, TenantState.SUSPENDED)
"""States that end a membership or that people notice at once: the tenant's code must be typed."""


def _present_values(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """What can be edited as it is now, with the version. Raises NotFound."""
    found = queries.tenant(session, given["tenant_id"])
    return {name: getattr(found, name) for name in (*EDITABLE, "version")}


def _present_names(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """Name and code as they are now. Raises NotFound."""
    found = queries.tenant(session, given["tenant_id"])
    return {name: getattr(found, name) for name in NAMED_BY}


def _planned_names(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The planned name and code, and their day. Raises NotFound."""
    found = renaming(session, given["tenant_id"], given["renaming_id"])
    facts = about_tenant(session, given, language).facts
    return FormContext(
        [
            *facts,
            Fact(gettext("New name"), found.name),
            Fact(gettext("New code"), found.code or "―"),
            Fact(gettext("From"), day_text(found.valid_from)),
        ]
    )


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
    """The tenant, its state, and how many are signed in. Raises NotFound."""
    found = queries.tenant(session, given["tenant_id"])
    signed_in = count_sessions_of_tenant(session, found.id, clock.now())
    return FormContext(
        [
            Fact(gettext("Tenant"), found.name),
            Fact(gettext("State"), found.state.label(language)),
            Fact(gettext("Open sessions now"), str(signed_in)),
        ]
    )


def _possible_states(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """The states that may follow, but for leaving, which has a form of its own with the last day."""
    possible = TRANSITIONS[queries.tenant(session, given["tenant_id"]).state] - {TenantState.LEAVING}
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
    """What the new state changes for people, sessions, tokens, service clients, cost and notices, with the counts."""
    found = state_change_effects(session, command.tenant_id, command.to, clock.now())
    words = {True: gettext("yes"), False: gettext("no")}
    is_ended_for_people = found.people_after < found.people_before
    is_ended = found.people_after < found.people_before or found.clients_after < found.clients_before
    facts = [
        Fact(gettext("People who can sign in"), f"{found.people_before} → {found.people_after}"),
        # How many there are stands on the form: here it would change what the confirmation is bound to.
        Fact(gettext("Open sessions"), gettext("end at once") if is_ended_for_people else gettext("stay as they are")),
        Fact(
            gettext("Tokens already issued"),
            gettext("refused at the next request") if is_ended else gettext("stay as they are"),
        ),
        Fact(gettext("Service clients that get tokens"), f"{found.clients_before} → {found.clients_after}"),
        Fact(gettext("pays costs"), f"{words[found.bears_cost_before]} → {words[found.bears_cost_after]}"),
        Fact(gettext("Notices"), gettext("what is issued stays due; those of its shares go on being issued")),
    ]
    notes = []
    if command.to is TenantState.SUSPENDED:
        notes.append(gettext("No registration changes. Resuming gives back exactly what is there now."))
    if command.to is TenantState.LEFT:
        notes.append(gettext("Its people, service clients and organization are taken out of the identity server."))
    return FormContext(facts, notes)


def _cannot_leave(session: Session, given: Mapping[str, Any]) -> DomainError | None:
    """Why the tenant cannot begin to leave as it stands, None where it can. Raises NotFound."""
    found = queries.tenant(session, given["tenant_id"])
    try:
        require_possible(found.state, TenantState.LEAVING, is_operator=found.is_operator)
    except DomainError as refusal:
        return refusal
    return None


def _departure_effects(session: Session, command: AnnounceDeparture, language: Language) -> FormContext:
    """What leaving changes, and what is still open of the tenant's contributions."""
    effects = state_change_effects(session, command.tenant_id, TenantState.LEAVING, clock.now())
    statement = leaving_statement(session, command.tenant_id, clock.today())
    facts = [
        Fact(gettext("Service clients that get tokens"), f"{effects.clients_before} → {effects.clients_after}"),
        Fact(gettext("People who can sign in"), f"{effects.people_before} → {effects.people_after}"),
        Fact(gettext("Last day"), JST_DATE.show(command.last_day, language)),
        Fact(gettext("Share of all years"), yen(statement.share_yen)),
        Fact(gettext("Not notified yet"), yen(statement.unnotified_yen)),
        Fact(gettext("Notified and not due yet"), yen(statement.not_due_yen)),
    ]
    warnings = []
    if statement.unnotified_yen:
        warnings.append(gettext("Some of its share is not notified yet. Finance issues the notices before it leaves."))
    return FormContext(facts, warnings)


def _merger_effects(session: Session, command: MergeTenants, language: Language) -> FormContext:
    """Both tenants with their codes, and what is still open of the one that ends."""
    found = directory.tenants_by_id(session, [command.tenant_id, command.successor_id])
    statement = leaving_statement(session, command.tenant_id, clock.today())
    ending, successor = found[command.tenant_id], found[command.successor_id]
    facts = [
        Fact(gettext("Ends"), f"{ending.name} ({ending.code or '―'})"),
        Fact(gettext("Goes on"), f"{successor.name} ({successor.code or '―'})"),
        Fact(gettext("Day of the merger"), JST_DATE.show(command.merged_on, language)),
        Fact(gettext("Not notified yet"), yen(statement.unnotified_yen)),
        Fact(gettext("Notified and not due yet"), yen(statement.not_due_yen)),
    ]
    return FormContext(facts)


def _possible_successors(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """The tenants that take part, without this one, by code."""
    every = queries.list_tenants(session, TenantFilter(includes_operator=False))
    return [
        (str(one.id), f"{one.name} ({one.code or '―'})")
        for one in every
        if one.state in (TenantState.TRIAL, TenantState.ACTIVE) and str(one.id) != str(given["tenant_id"])
    ]


def _code_of(session: Session, tenant_id: UUID) -> str:
    tenant = directory.tenant_by_id(session, tenant_id)
    return tenant.code or tenant.name


def _code_to_type(session: Session, command: ChangeTenantState) -> str:
    return _code_of(session, command.tenant_id) if command.to in IRREVERSIBLE else ""


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
        rename_tenant,
        Label("名称・コードの変更を予定する", "Plan a change of name or code"),
        Label("変更を予定する", "Plan the change"),
        api=api("POST /tenants/<tenant>/renamings", tenant="tenant_id"),
        cli=cli("tenant rename", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/renaming",
            "tenant_renaming",
            then=done("renaming-planned"),
            back=to_tenant,
            intro=Label(
                "変更日の0:00に、画面・新しい通知書・認証サービスの組織の名称が変わります。それまでに発行した通知書は前の名称のままです。",
                "At 0:00 of the day pages, new notices and the organization in the identity server get the new name. "
                "Notices issued before keep the former one.",
            ),
            review_intro=Label(
                "新しい名称とコード、変更日を告示と照らして確かめてください。前日まで取り消せます。",
                "Check the name, the code and the day against the proclamation. It can be undone until the day before.",
            ),
            about=about_tenant,
        ),
        record=_present_names,
    ),
    EntryPoint(
        undo_renaming,
        Label("予定した名称・コードの変更を取り消す", "Undo a planned change of name or code"),
        Label("取り消す", "Undo"),
        api=api("POST /tenants/<tenant>/renamings/<renaming>/undoing", tenant="tenant_id", renaming="renaming_id"),
        cli=cli("tenant undo-rename", "tenant_id", "renaming_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/renamings/<uuid:renaming_id>/undo",
            "renaming_undoing",
            then=done("renaming-undone"),
            back=to_tenant,
            about=_planned_names,
            is_reviewed=False,
        ),
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
        announce_departure,
        Label("脱退の届出を登録する", "Record that a tenant leaves"),
        Label("届出を登録する", "Record the notice"),
        api=api("POST /tenants/<tenant>/departures", tenant="tenant_id"),
        cli=cli("tenant announce-departure", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/departure",
            "departure_announcing",
            then=done("departure-announced"),
            back=to_tenant,
            intro=Label(
                "最終日の翌日の0:00に、自動で脱退となります。それまでは、状態を「参加中」に戻して取り消せます。",
                "It has left by itself at 0:00 of the day after the last. Until then making it active again undoes it.",
            ),
            review_intro=Label(
                "負担額と通知書を確かめてください。登録すると、連携システムはすぐに使えなくなります。",
                "Check the shares and the notices. Its service clients stop at once.",
            ),
            about=_present_state,
            refusal=_cannot_leave,
            consequences=_departure_effects,
            confirm_text=lambda session, command: _code_of(session, command.tenant_id),
        ),
    ),
    EntryPoint(
        merge_tenants,
        Label("合併を登録する", "Record a merger"),
        Label("合併を登録する", "Record the merger"),
        api=api("POST /tenants/<tenant>/mergers", tenant="tenant_id"),
        cli=cli("tenant merge", "tenant_id", "successor_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/merger",
            "tenant_merging",
            then=done("merged"),
            back=to_tenant,
            intro=Label(
                "この団体が消滅し、選んだ団体が存続します。存続する団体の名称とコードが変わるときは、別に変更してください。",
                "This tenant ends and the chosen one goes on. Where its name or code changes, edit it, too.",
            ),
            review_intro=Label(
                "合併の日の0:00に脱退となります。利用者は、その後、存続する団体に招待できます。",
                "At 0:00 of the day it has left. Its people can then be invited to the tenant that goes on.",
            ),
            about=_present_state,
            refusal=_cannot_leave,
            choices={"successor_id": _possible_successors},
            consequences=_merger_effects,
            confirm_text=lambda session, command: _code_of(session, command.tenant_id),
        ),
    ),
    EntryPoint(
        request_hand_back,
        Label("引渡しデータを作成する", "Make the archive of a tenant's records"),
        Label("作成する", "Make the archive"),
        api=api("POST /tenants/<tenant>/hand-backs", tenant="tenant_id"),
        cli=cli("tenant request-hand-back", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/hand-backs/request",
            "hand_back_requesting",
            then=done("hand-back-requested"),
            back=to_tenant,
            intro=Label(
                "団体の記録、同意した協定、納入通知書、監査記録を1つのZIPにまとめます。利用者の氏名とメールアドレスを含みます。",
                "Puts the records, agreements, notices and audit log of the tenant into one ZIP file. "
                "It holds names and addresses of people.",
            ),
            about=about_tenant,
            is_reviewed=False,
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
