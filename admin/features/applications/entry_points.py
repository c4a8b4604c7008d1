"""Entry points of the commands about applications. What an applicant does has its form on the public page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import has_request_context, request, url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, ReviewTable, api, cli
from admin.interface.formats import count, lines_of_text
from governance.declaration import DeclaredField, declared_fields
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy.applications import queries
from tenancy.applications.admission import administrators, admit_applicant
from tenancy.applications.commands import (
    begin_application,
    remove_attachment,
    resend_application_link,
    submit_application,
    withdraw_application,
)
from tenancy.applications.content import ApplicationContent
from tenancy.applications.letters import proposed_letter
from tenancy.applications.screening import ConcludeApplication, conclude_application, screen_application
from tenancy.applications.states import Attestation, Conclusion, Ground
from tenancy.tenants.states import ContactPurpose

_FIELDS: Final = declared_fields(ApplicationContent)


def content_facts(content: ApplicationContent, session: Session, language: Language) -> dict[str, str]:
    """Each field of an application as people read it; ― for one that is not filled in."""
    return {one.name: _shown(one, getattr(content, one.name), session, language) for one in _FIELDS}


def _shown(one: DeclaredField, value: Any, session: Session, language: Language) -> str:
    if value is None or value == ():
        return "―"
    # A yes is a number to Python, too.
    return count(value) if type(value) is int else one.show(value, language, session)


def _about(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Which application it is. Raises NotFound."""
    one = queries.application(session, given["application_id"])
    return FormContext(
        [
            Fact(gettext("Number"), str(one.number)),
            Fact(gettext("Body"), one.name or "―"),
            Fact(gettext("State"), one.state.label(language)),
        ]
    )


def _about_screening(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Which application it is, and what the checks came to."""
    about = _about(session, given, language)
    view = queries.screening_view(session, given["application_id"], clock.today())
    rows = [
        [one.name.label(language), one.result.label(language), one.note if language == "ja" else one.note_en]
        for one in view.checks
    ]
    table = ReviewTable(gettext("Checked by itself"), [gettext("Check"), gettext("Result"), gettext("Found")], rows)
    return FormContext(about.facts, tables=[table])


def _present_screening(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """What was stated in this round."""
    one = queries.application(session, given["application_id"])
    stated = next(iter(queries.screenings(session, one.id, one.round)), None)
    if stated is None:
        return {}
    return {"attestations": ",".join(stated.attestations), "note": stated.note or ""}


def _proposal(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """The outcome and the reasons that the address names, and the letter made of them."""
    one = queries.application(session, given["application_id"])
    named = request.args if has_request_context() else None
    outcome = _member(Conclusion, named.get("outcome", "") if named else "") or Conclusion.APPROVE
    asked = named.getlist("reasons") if named else []
    reasons = [] if outcome is Conclusion.APPROVE else [reason for reason in Ground if reason.value in asked]
    letter = proposed_letter(
        outcome, reasons, name=one.name or "", number=one.number, language="ja" if one.language == "ja" else "en"
    )
    return {"outcome": outcome.value, "reasons": ",".join(reasons), "letter": letter}


def _member(kind: Any, value: str) -> Any:
    return next((one for one in kind if one.value == value), None)


def _letter(session: Session, command: ConcludeApplication, language: Language) -> FormContext:
    """What was checked, for who decides, and what is still missing."""
    view = queries.screening_view(session, command.application_id, clock.today())
    stated = view.screening
    attested = gettext(", ").join(one.label(language) for one in stated.attestations) if stated else "―"
    facts = [Fact(gettext("Stated in the screening"), attested or "―")]
    if stated is not None and stated.note:
        facts.append(Fact(gettext("Note of the screening"), lines_of_text(stated.note)))
    left = [one.label(language) for one in Attestation if stated is None or one not in stated.attestations]
    warnings = [gettext("Not stated: %(what)s", what=gettext(", ").join(left))] if left else []
    return FormContext(facts, warnings)


def _what_is_made(session: Session, command: Any, language: Language) -> FormContext:
    """What admitting makes of the application: tenant, contact, owners, acceptances."""
    one = queries.application(session, command.application_id)
    content = one.content
    required = queries.required_versions(session, clock.today())
    accepted = [title for version, title in required.items() if version in content.terms_version_ids]
    people = [f"{family} {given}（{email}）" for family, given, email in administrators(content)]
    contact = f"{content.contact_section or ''} {content.contact_name or ''}".strip()
    return FormContext(
        [
            Fact(gettext("Tenant to be registered"), f"{content.name or ''} {content.code or ''}".strip()),
            Fact(ContactPurpose.GENERAL.label(language), contact),
            Fact(gettext("Owners to be added"), gettext(", ").join(people)),
            Fact(gettext("Acceptances to be recorded"), gettext(", ").join(accepted) or "―"),
        ]
    )


def _first_day(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """The day applied for, where it is not over."""
    wanted = queries.application(session, given["application_id"]).content.first_day
    return {"first_day": wanted} if wanted is not None and wanted >= clock.today() else {}


def _to_one(given: Mapping[str, Any]) -> tuple[Label, str]:
    address = url_for("applications.application", application_id=given["application_id"])
    return Label("利用申請", "The application"), address


def _to_list(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("利用申請", "Applications"), url_for("applications.applications")


def _done(action: str) -> Any:
    return lambda command, result: url_for(
        "applications.application", application_id=command.application_id, done=action
    )


ENTRY_POINTS: Final = (
    EntryPoint(
        begin_application,
        Label("利用申請を代わりに作る", "Begin an application for somebody"),
        Label("下書きを作る", "Make the draft"),
        api=api("POST /applications"),
        cli=cli("application begin"),
        page=PageAddress(
            "/applications/new",
            "application_beginning",
            then=lambda command, result: url_for(
                "applications.application", application_id=result.application_id, done="begun"
            ),
            back=_to_list,
            intro=Label(
                "紙やメールで届いた申請を、代わりに入力するときに使います。申請者は公開の申請ページから自分で作れます。",
                "For an application that came on paper. Applicants make their own on the public page.",
            ),
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        remove_attachment,
        Label("利用申請の添付を削除する", "Remove a file from an application"),
        Label("削除する", "Remove"),
        api=api(
            "POST /applications/<application>/attachments/<attachment>/removal",
            application="application_id",
            attachment="attachment_id",
        ),
        cli=cli("application remove-file", "application_id", "attachment_id"),
        about=_about,
    ),
    EntryPoint(
        submit_application,
        Label("利用申請を提出する", "Submit an application"),
        Label("提出する", "Submit"),
        api=api("POST /applications/<application>/submission", application="application_id"),
        cli=cli("application submit", "application_id"),
        about=_about,
    ),
    EntryPoint(
        withdraw_application,
        Label("利用申請を取り下げる", "Withdraw an application"),
        Label("取り下げる", "Withdraw"),
        api=api("POST /applications/<application>/withdrawal", application="application_id"),
        cli=cli("application withdraw", "application_id"),
        page=PageAddress(
            "/applications/<uuid:application_id>/withdraw",
            "application_withdrawing",
            then=_done("withdrawn"),
            back=_to_one,
            intro=Label("申請者から取下げの申出があったときに使います。", "Where the applicant asked for it."),
            review_intro=Label("取下げは元に戻せません。", "This cannot be undone."),
            about=_about,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        resend_application_link,
        Label("申請のリンクを再送する", "Send the link to an application again"),
        Label("再送する", "Send again"),
        api=api("POST /applications/<application>/links", application="application_id"),
        cli=cli("application resend-link", "application_id"),
        page=PageAddress(
            "/applications/<uuid:application_id>/link",
            "application_link_resending",
            then=_done("link"),
            back=_to_one,
            review_intro=Label(
                "新しいリンクをメールで送ります。これまでのリンクは使えなくなります。",
                "A new link is mailed. The one before stops working.",
            ),
            about=_about,
        ),
    ),
    EntryPoint(
        screen_application,
        Label("利用申請を審査する", "Screen an application"),
        Label("記録する", "Record"),
        api=api("POST /applications/<application>/screenings", application="application_id"),
        cli=cli("application screen", "application_id"),
        page=PageAddress(
            "/applications/<uuid:application_id>/screen",
            "application_screening",
            then=_done("screened"),
            back=_to_one,
            intro=Label(
                "自動の確認の結果を見て、自分で確かめたことに印を付けてください。印は、あなたの名前で残ります。",
                "See what was checked by itself, and tick what you have checked. It is recorded with your name.",
            ),
            about=_about_screening,
            start=_present_screening,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        conclude_application,
        Label("利用申請の決定を提案する", "Propose the decision about an application"),
        Label("決定を提案する", "Propose the decision"),
        api=api("POST /applications/<application>/conclusion", application="application_id"),
        cli=cli("application conclude", "application_id"),
        page=PageAddress(
            "/applications/<uuid:application_id>/conclude",
            "application_concluding",
            then=_done("concluded"),
            back=_to_one,
            intro=Label(
                "通知文は自由に直せます。決定は、審査に関わっていない承認者が行います。",
                "You may change the letter. An approver who took no part in the screening decides.",
            ),
            review_intro=Label(
                "承認者が承認すると決定になり、通知文が申請者にメールで届きます。",
                "Once the approver approves, it is decided and the letter is mailed to the applicant.",
            ),
            about=_about,
            start=_proposal,
            consequences=_letter,
        ),
    ),
    EntryPoint(
        admit_applicant,
        Label("承認した団体の参加手続を始める", "Admit an approved applicant"),
        Label("参加手続を始める", "Start onboarding"),
        api=api("POST /applications/<application>/admission", application="application_id"),
        cli=cli("application admit", "application_id"),
        page=PageAddress(
            "/applications/<uuid:application_id>/admit",
            "application_admitting",
            then=lambda command, result: url_for("onboarding.onboarding", onboarding_id=result.onboarding_id),
            back=_to_one,
            intro=Label(
                "申請の内容で参加団体を登録し、参加手続を始めます。入力し直すものはありません。",
                "The tenant is registered with what the application says, and its onboarding begins.",
            ),
            review_intro=Label("登録される内容を確かめてください。", "Check what will be registered."),
            about=_about,
            start=_first_day,
            consequences=_what_is_made,
        ),
    ),
)
