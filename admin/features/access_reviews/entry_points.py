"""Entry points of the commands of access reviews: API route, command line, form and confirm page of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from flask import has_request_context, request, url_for
from sqlalchemy.orm import Session

from admin.core.language import current_language, gettext, ngettext
from admin.interface.entry_points import ApiAddress, EntryPoint, Fact, FormContext, PageAddress, ReviewTable, api, cli
from admin.interface.formats import era_date
from admin.interface.labels import label_of, role_label
from admin.interface.reminders import about_reminders
from admin.interface.tenant_pages import about_tenant
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from governance.permissions import Role, scope_wording
from tenancy.access_reviews.commands import (
    DecideAccessReview,
    RemindOfAccessReviews,
    SignAccessReview,
    StartAccessReviews,
    cancel_access_review,
    decide_access_review,
    remind_of_access_reviews,
    sign_access_review,
    start_access_review,
    start_access_reviews,
    tenants_to_review,
)
from tenancy.access_reviews.models import AccessReviewLineFacts
from tenancy.access_reviews.queries import access_review, came_since, has_signed, review_lines, reviews_under_way
from tenancy.access_reviews.states import LineDecision, LineKind
from tenancy.people.queries import count_owners
from tenancy.reminders import plan_reminders
from tenancy.tenants.queries import TenantFilter, list_tenants

_DAYS_TO_SIGN: Final = 30
"""How long the form proposes to give a tenant."""

_LIST: Final = Label("、", ", ")
_LINE: Final = Label("{}（{}）", "{} ({})")
"""What stands between rights, and a line with its rights: offered also by the API and the command line."""


def rights_text(kind: LineKind, rights: Sequence[str], language: Language | None = None) -> str:
    """The roles of a person, or what a system may do, as people read them; without a language in the page's."""
    words = language or current_language()
    if kind is LineKind.CLIENT:
        return _LIST.text(words).join(scope_wording(scope).text(words) for scope in rights)
    held = [Role(right) for right in rights]
    shown = [role.label(words) for role in held if role is not Role.TENANT_MEMBER]
    return _LIST.text(words).join(shown or [Role.TENANT_MEMBER.label(words)])


def present_text(one: AccessReviewLineFacts) -> str:
    """What the person or the system of a line may do now, with the section where that changed."""
    if one.present_rights is None:
        return gettext("access has ended")
    now = rights_text(one.kind, one.present_rights)
    if one.present_section == one.section:
        return now
    return gettext("%(rights)s; section: %(section)s", rights=now, section=one.present_section or "―")


def _decision_text(one: AccessReviewLineFacts) -> str:
    word = label_of(one.decision, "review_line")
    roles = gettext(", ").join(map(role_label, one.ended_roles))
    return gettext("%(decision)s (%(roles)s)", decision=word, roles=roles) if roles else word


def _lines(session: Session, given: Mapping[str, Any]) -> list[AccessReviewLineFacts]:
    """The lines of the review that the address names. Raises NotFound."""
    access_review(session, given["tenant_id"], given["review_id"], clock.today())
    return review_lines(session, given["tenant_id"], given["review_id"], clock.now())


def _named() -> set[str]:
    """The lines that the address names, `?line_ids=` for each."""
    return {text for text in request.args.getlist("line_ids") if text} if has_request_context() else set()


def _lines_to_decide(session: Session, given: Mapping[str, Any], language: Language) -> Sequence[tuple[str, str]]:
    """Those that the address names, else those nobody decided, else all."""
    every = _lines(session, given)
    named = _named()
    chosen = [one for one in every if str(one.id) in named] or [one for one in every if one.decision is None] or every
    return [
        (str(one.id), _LINE.text(language).format(one.name, rights_text(one.kind, one.rights, language)))
        for one in chosen
    ]


def _chosen_lines(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """Those that the address names are chosen; all that are offered where it names none."""
    named = _named()
    offered = [value for value, _ in _lines_to_decide(session, given, "ja")]
    chosen = [one for one in offered if one in named] or offered
    return {"line_ids": ",".join(chosen), "decision": LineDecision.KEEP.value}


def _roles_on_lines(session: Session, given: Mapping[str, Any], language: Language) -> Sequence[tuple[str, str]]:
    """The roles that people of the lines to choose from hold."""
    offered = {value for value, _ in _lines_to_decide(session, given, language)}
    held = {
        right
        for one in _lines(session, given)
        if one.kind is LineKind.PERSON and str(one.id) in offered
        for right in one.rights
    }
    return [(role.value, role.label(language)) for role in sorted(map(Role, held))]


def _about(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenant, the day of the review and how far it has come. Raises NotFound."""
    found = access_review(session, given["tenant_id"], given["review_id"], clock.today())
    decided = gettext("%(decided)s of %(lines)s", decided=found.decided, lines=found.lines)
    return FormContext(
        [
            *about_tenant(session, given, language).facts,
            Fact(gettext("As of"), era_date(found.as_of)),
            Fact(gettext("To be signed by"), era_date(found.due_on)),
            Fact(gettext("Lines decided"), decided),
        ]
    )


def _what_is_decided(session: Session, command: DecideAccessReview, language: Language) -> FormContext:
    """Each chosen line with the decision before and that of now."""
    chosen = {str(line_id) for line_id in command.line_ids}
    lines = [one for one in _lines(session, command.model_dump()) if str(one.id) in chosen]
    table = ReviewTable(
        gettext("Lines of the review"),
        [gettext("Person or system"), gettext("Roles or scopes"), gettext("Decision before")],
        [[one.name, rights_text(one.kind, one.rights), _decision_text(one)] for one in lines],
    )
    return FormContext([Fact(gettext("Lines of the review"), f"{len(lines):,}")], tables=[table])


def _what_a_signature_does(session: Session, command: SignAccessReview, language: Language) -> FormContext:
    """How many lines are kept, each that is withdrawn, each that changed meanwhile, and who came since."""
    given = command.model_dump()
    lines = _lines(session, given)
    withdrawn = [one for one in lines if one.decision not in (None, LineDecision.KEEP)]
    changed = [one for one in lines if one.has_changed]
    since = came_since(session, command.tenant_id, command.review_id, clock.now())
    kept = sum(one.decision is LineDecision.KEEP for one in lines)
    tables = []
    if withdrawn:
        rows = [[one.name, _decision_text(one), one.reason or ""] for one in withdrawn]
        columns = [gettext("Person or system"), gettext("What is decided"), gettext("Reason")]
        tables.append(ReviewTable(gettext("What the signature ends, at once"), columns, rows))
    if changed:
        rows = [
            [one.name, rights_text(one.kind, one.rights), present_text(one), _decision_text(one)] for one in changed
        ]
        columns = [
            *(gettext("Person or system"), gettext("On the list")),
            *(gettext("As it is now"), gettext("What is decided")),
        ]
        tables.append(ReviewTable(gettext("Changed since the list was made"), columns, rows))
    if since:
        rows = [[one.name, rights_text(one.kind, one.rights), one.section or "―"] for one in since]
        columns = [gettext("Person or system"), gettext("Roles or scopes"), gettext("Section")]
        tables.append(ReviewTable(gettext("Came after the day of the list; not part of this review"), columns, rows))
    return FormContext(
        [
            Fact(gettext("Kept"), ngettext("%(num)s line", "%(num)s lines", kept)),
            Fact(gettext("Ended or suspended"), ngettext("%(num)s line", "%(num)s lines", len(withdrawn))),
        ],
        tables=tables,
    )


def _tenants_to_choose(session: Session, given: Mapping[str, Any], language: Language) -> Sequence[tuple[str, str]]:
    every = tenants_to_review(list_tenants(session, TenantFilter(includes_operator=False)), ())
    return [(str(one.id), one.name) for one in every]


def _which_tenants(session: Session, command: StartAccessReviews, language: Language) -> FormContext:
    """The tenants in which a review would be started, and those that have one open."""
    every = tenants_to_review(list_tenants(session, TenantFilter(includes_operator=False)), command.tenant_ids)
    under_way = {one.tenant_id for one in reviews_under_way(session, clock.today())}
    started = [one for one in every if one.id not in under_way]
    left_out = [one for one in every if one.id in under_way]
    tables = [ReviewTable(gettext("Tenants"), [gettext("Tenant")], [[one.name] for one in started])]
    if left_out:
        tables.append(
            ReviewTable(
                gettext("Left out: the last review is not signed yet"),
                [gettext("Tenant")],
                [[one.name] for one in left_out],
            )
        )
    return FormContext(
        [Fact(gettext("Tenants"), ngettext("%(num)s tenant", "%(num)s tenants", len(started)))], tables=tables
    )


def _proposed_days(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    today: date = clock.today()
    return {"as_of": today.isoformat(), "due_on": (today + timedelta(days=_DAYS_TO_SIGN)).isoformat()}


def _tenants_to_remind(session: Session, given: Mapping[str, Any], language: Language) -> Sequence[tuple[str, str]]:
    return [(str(one.tenant_id), one.name) for one in reviews_under_way(session, clock.today())]


def _unsigned_tenants(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """Those that the address names are chosen; all of them where it names none."""
    named = set(request.args.getlist("tenant_ids")) if has_request_context() else set()
    offered = [value for value, _ in _tenants_to_remind(session, given, "ja")]
    return {"tenant_ids": ",".join([one for one in offered if one in named] or offered)}


def _who_is_reminded(session: Session, command: RemindOfAccessReviews, language: Language) -> FormContext:
    """Each tenant that gets a mail, with how many owners, and those left out with the reason."""
    owners = count_owners(session, clock.now())
    asked = reviews_under_way(session, clock.today())
    plan = plan_reminders(asked, command.tenant_ids, owners, clock.today(), done=has_signed)
    return about_reminders(plan, owners, language)


def _to_list(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("権限の棚卸し", "Access reviews"), url_for("access_reviews.reviews")


def _to_review(given: Mapping[str, Any]) -> tuple[Label, str]:
    address = url_for("access_reviews.review", tenant_id=given["tenant_id"], review_id=given["review_id"])
    return Label("権限の棚卸し", "The access review"), address


def _done(action: str) -> Any:
    return lambda command, result: url_for(
        "access_reviews.review", tenant_id=command.tenant_id, review_id=result.review_id, done=action
    )


ENTRY_POINTS: Final = (
    EntryPoint(
        start_access_review,
        Label("権限の棚卸しを始める", "Start an access review"),
        Label("始める", "Start"),
        api=api("POST /tenants/<tenant>/access-reviews", tenant="tenant_id"),
        cli=cli("access-review start", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/access-reviews/start",
            "access_review_starting",
            then=_done("started"),
            back=_to_list,
            intro=Label(
                "基準日の利用者と連携システムを一覧にし、団体管理者にメールで知らせます。一覧はあとから変わりません。",
                "Makes the list of people and service clients as of a day and mails the owners. It does not change "
                "afterwards.",
            ),
            about=about_tenant,
            start=_proposed_days,
        ),
    ),
    EntryPoint(
        start_access_reviews,
        Label("複数の団体で権限の棚卸しを始める", "Start access reviews of several tenants"),
        Label("始める", "Start them"),
        api=api("POST /access-reviews"),
        cli=cli("access-review start-many"),
        page=PageAddress(
            "/access-reviews/start",
            "access_reviews_starting",
            then=lambda command, result: url_for(
                "access_reviews.reviews", started=len(result.started), left_out=len(result.left_out)
            ),
            back=_to_list,
            intro=Label(
                "団体ごとに、基準日の利用者と連携システムを一覧にし、団体管理者にメールで知らせます。",
                "Makes the list of each tenant's people and service clients as of a day, and mails its owners.",
            ),
            choices={"tenant_ids": _tenants_to_choose},
            start=_proposed_days,
            consequences=_which_tenants,
        ),
    ),
    EntryPoint(
        decide_access_review,
        Label("権限の棚卸しの行を判断する", "Decide lines of an access review"),
        Label("判断を記録する", "Record the decision"),
        api=api("POST /tenants/<tenant>/access-reviews/<review>/decisions", tenant="tenant_id", review="review_id"),
        cli=cli("access-review decide", "tenant_id", "review_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/access-reviews/<uuid:review_id>/decide",
            "access_review_deciding",
            then=_done("decided"),
            back=_to_review,
            intro=Label(
                "署名するまでは、何度でも判断し直せます。終える役割と停止は、署名したときにまとめて行われます。",
                "Until it is signed a line may be decided anew. What is ended or suspended is carried out by the "
                "signature.",
            ),
            about=_about,
            choices={"line_ids": _lines_to_decide, "roles": _roles_on_lines},
            start=_chosen_lines,
            consequences=_what_is_decided,
        ),
    ),
    EntryPoint(
        sign_access_review,
        Label("権限の棚卸しに署名する", "Sign an access review"),
        Label("署名する", "Sign"),
        api=api("POST /tenants/<tenant>/access-reviews/<review>/signature", tenant="tenant_id", review="review_id"),
        cli=cli("access-review sign", "tenant_id", "review_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/access-reviews/<uuid:review_id>/sign",
            "access_review_signing",
            then=_done("signed"),
            back=_to_review,
            intro=Label(
                "団体管理者として、この団体の権限を確かめたことを記録します。すべての行の判断が済んでいる必要があります。",
                "Records that you, as an owner, have checked who has access. Each line must be decided.",
            ),
            review_intro=Label(
                "署名すると、終える役割と停止がただちに行われます。署名は取り消せません。",
                "The signature ends and suspends at once what is listed. It cannot be taken back.",
            ),
            about=_about,
            consequences=_what_a_signature_does,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        cancel_access_review,
        Label("権限の棚卸しを取りやめる", "Cancel an access review"),
        Label("取りやめる", "Cancel it"),
        api=api("POST /tenants/<tenant>/access-reviews/<review>/cancellation", tenant="tenant_id", review="review_id"),
        cli=cli("access-review cancel", "tenant_id", "review_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/access-reviews/<uuid:review_id>/cancel",
            "access_review_cancelling",
            then=_done("cancelled"),
            back=_to_review,
            intro=Label(
                "誤って始めた棚卸しを取りやめます。判断した内容は行われません。",
                "For a review that was started by mistake. Nothing that was decided is carried out.",
            ),
            about=_about,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        remind_of_access_reviews,
        Label("権限の棚卸しの署名を催促する", "Remind tenants to sign their access review"),
        Label("催促する", "Remind"),
        api=ApiAddress("POST", "/access-review-reminders", {}),
        cli=cli("access-review remind"),
        page=PageAddress(
            "/access-reviews/remind",
            "access_reviews_reminding",
            then=lambda command, result: url_for(
                "access_reviews.reviews", reminded=len(result.reminded), left_out=len(result.left_out)
            ),
            back=_to_list,
            intro=Label(
                "署名していない団体の団体管理者に、メールで知らせます。1 団体に 1 日 1 回までです。",
                "The owners of tenants that have not signed get an email, once a day at most.",
            ),
            review_intro=Label(
                "送り先を確かめてください。送ったメールは取り消せません。",
                "Check who gets the email; it cannot be taken back.",
            ),
            choices={"tenant_ids": _tenants_to_remind},
            start=_unsigned_tenants,
            consequences=_who_is_reminded,
        ),
    ),
)
