"""Entry points of the commands about agreements.

The pages that publish and accept show the text of a version and are written by hand; the one that reminds is derived.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import has_request_context, request, url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import ApiAddress, EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.formats import era_date
from admin.interface.reminders import about_reminders
from governance.agreements.commands import accept_agreement, publish_agreement
from governance.agreements.queries import is_asked_for, version
from governance.kernel import clock
from governance.kernel.database import db
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy.acceptances.commands import AgreementReminded, RemindOfAgreement, remind_of_agreement
from tenancy.acceptances.models import AcceptanceStatus
from tenancy.acceptances.queries import acceptance_statuses, has_accepted
from tenancy.acceptances.states import AcceptanceState
from tenancy.people.queries import count_owners
from tenancy.reminders import plan_reminders


def _asked_version(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The version and until when it is to be accepted. Raises NotFound."""
    asked = version(session, given["version_id"])
    number = gettext("v%(number)s", number=asked.number)
    facts = [
        Fact(gettext("Agreement"), f"{asked.title} {number}"),
        Fact(gettext("Due by"), era_date(asked.effective_from)),
    ]
    if is_asked_for(session, asked.id, clock.today()):
        return FormContext(facts)
    return FormContext(facts, [gettext("Nobody is asked to accept this version.")])


def _without_acceptance(session: Session, version_id: UUID) -> list[AcceptanceStatus]:
    return acceptance_statuses(session, version_id, clock.today(), state=AcceptanceState.NOT_ACCEPTED)


def _tenants_to_remind(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    return [(str(one.tenant_id), one.name) for one in _without_acceptance(session, given["version_id"])]


def _chosen_tenants(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """Those that the address names, `?tenant_ids=` for each, are chosen; all of them where it names none."""
    named = set(request.args.getlist("tenant_ids")) if has_request_context() else set()
    offered = [value for value, _ in _tenants_to_remind(session, given, "ja")]
    return {"tenant_ids": ",".join([one for one in offered if one in named] or offered)}


def _whom_it_reaches(session: Session, command: RemindOfAgreement, language: Language) -> FormContext:
    """Each tenant that gets a mail, with how many owners, and those left out with the reason."""
    today = clock.today()
    owners = count_owners(session, clock.now())
    statuses = acceptance_statuses(session, command.version_id, today)
    plan = plan_reminders(statuses, command.tenant_ids, owners, today, done=has_accepted)
    return about_reminders(plan, owners, language)


def _to_status(command: RemindOfAgreement, result: AgreementReminded) -> str:
    reminded, left_out = len(result.reminded), len(result.left_out)
    return url_for("agreements.acceptances", version_id=command.version_id, reminded=reminded, left_out=left_out)


def _back_to_status(given: Mapping[str, Any]) -> tuple[Label, str]:
    title = version(db.session(), given["version_id"]).title
    return (
        Label(f"{title} 同意の状況", f"{title}: who has accepted"),
        url_for("agreements.acceptances", version_id=given["version_id"]),
    )


ENTRY_POINTS: Final = (
    EntryPoint(
        publish_agreement,
        Label("協定の版を公開する", "Publish a version of an agreement"),
        Label("公開する", "Publish"),
        api=api("POST /agreement-versions"),
        cli=cli("agreement publish", "name", "text"),
    ),
    EntryPoint(
        accept_agreement,
        Label("同意を登録する", "Record that a named signer accepted a version for a tenant"),
        Label("登録する", "Record"),
        api=api("POST /tenants/<tenant>/acceptances", tenant="tenant_id"),
        cli=cli("agreement accept", "tenant_id", "version_id"),
    ),
    EntryPoint(
        remind_of_agreement,
        Label("協定への同意を催促する", "Remind tenants that have not accepted a version"),
        Label("催促する", "Remind"),
        api=ApiAddress("POST", "/agreement-versions/<version>/reminders", {"version": "version_id"}),
        cli=cli("agreement remind", "version_id"),
        page=PageAddress(
            "/agreements/<uuid:version_id>/remind",
            "agreement_reminding",
            then=_to_status,
            back=_back_to_status,
            intro=Label(
                "同意していない団体の団体管理者に、メールで知らせます。1 団体に 1 日 1 回までです。",
                "The owners of tenants that have not accepted get an email, once a day at most.",
            ),
            review_intro=Label(
                "送り先を確かめてください。送ったメールは取り消せません。",
                "Check who gets the email; it cannot be taken back.",
            ),
            about=_asked_version,
            choices={"tenant_ids": _tenants_to_remind},
            start=_chosen_tenants,
            consequences=_whom_it_reaches,
        ),
    ),
)
