"""Entry points of a person's answer to a tenant that asks: API route, command line and form of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.guard import current_actor
from admin.core.language import gettext
from admin.identity.memberships import as_asked, asked_as, consent_requests_of
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from governance.kernel.clock import JST
from governance.kernel.errors import Language
from governance.kernel.field_types import JST_DATE
from governance.kernel.labels import Label
from tenancy.people.consents import decline_consent, give_consent


def _who_asks(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Which tenant asks, as what, and until when. Raises NotFound, also for what somebody else is asked."""
    asked_as(current_actor(), given["member_id"])
    asked = (one for one in consent_requests_of(current_actor()) if one.member_id == given["member_id"])
    found = next(asked, None)
    if found is None:
        return FormContext(warnings=[gettext("You have answered this already.")])
    roles = gettext(", ").join(role.label(language) for role in found.roles)
    facts = [Fact(gettext("Organization that asks you"), found.tenant_name), Fact(gettext("Roles"), roles or "―")]
    if found.expires_at is not None:
        until = found.expires_at.astimezone(JST)
        facts.append(Fact(gettext("Answer until"), f"{JST_DATE.show(until.date(), language)} {until:%H:%M}"))
    return FormContext(facts)


def _who_asks_for_consent(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """As `_who_asks`, with the way to decline. Raises NotFound."""
    address = url_for("memberships.consent_declining", member_id=given["member_id"])
    return replace(_who_asks(session, given, language), actions=[(gettext("Decline"), address)])


def _back(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("利用できる団体", "Your organizations"), url_for("memberships.memberships")


ENTRY_POINTS: Final = (
    EntryPoint(
        give_consent,
        Label("この団体の利用者になることを承諾する", "Become a member of this organization"),
        Label("承諾する", "Accept"),
        api=api("POST /consent-requests/<member>/consent", member="member_id"),
        cli=cli("membership consent", "member_id"),
        page=PageAddress(
            "/memberships/<uuid:member_id>/consent",
            "consent_giving",
            then=lambda command, result: url_for("memberships.memberships", done="consented"),
            back=_back,
            intro=Label(
                "承諾すると、今のアカウントとパスワードのまま、この団体も利用できます。"
                "団体ごとに役割が決まり、一方の役割はもう一方では使えません。",
                "You use this organization, too, with the account and the password you have. Each organization gives "
                "its own roles; those of one allow nothing in the other.",
            ),
            about=_who_asks_for_consent,
            is_reviewed=False,
        ),
        acts_as=as_asked,
    ),
    EntryPoint(
        decline_consent,
        Label("この団体の利用者になることを辞退する", "Decline to become a member of this organization"),
        Label("辞退する", "Decline"),
        api=api("POST /consent-requests/<member>/refusal", member="member_id"),
        cli=cli("membership decline", "member_id"),
        page=PageAddress(
            "/memberships/<uuid:member_id>/decline",
            "consent_declining",
            then=lambda command, result: url_for("memberships.memberships", done="declined"),
            back=_back,
            intro=Label(
                "依頼した団体には、辞退したことだけが伝わります。",
                "The organization that asked learns that you declined, and nothing else.",
            ),
            about=_who_asks,
            is_reviewed=False,
        ),
        acts_as=as_asked,
    ),
)
