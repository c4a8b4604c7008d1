"""The register (台帳) of an access review as a document: each line, what was decided of it and why, and who signed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from billing.documents.typeset import typeset
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.era import format_day
from governance.kernel.models import ReadModel
from governance.permissions import Role, scope_wording
from tenancy.access_reviews.models import AccessReviewFacts, AccessReviewLineFacts
from tenancy.access_reviews.queries import access_review, review_lines
from tenancy.access_reviews.states import LineDecision, LineKind, ReviewState
from tenancy.people.queries import names_of_people

NOBODY_NAMED = "県の担当者"
"""Who decided or signed, where the reader sees no name: only people of the tenant do either."""


class RegisterContent(ReadModel):
    """What the document says; every cell is text as it is printed."""

    title: str
    name: str
    code: str
    as_of: str
    made_on: str
    state: str
    is_signed: bool
    facts: tuple[tuple[str, str], ...]
    totals: tuple[tuple[str, str], ...]
    people: tuple[tuple[str, ...], ...]
    clients: tuple[tuple[str, ...], ...]
    digest: str


def access_register_pdf(session: Session, tenant_id: UUID, review_id: UUID) -> bytes:
    """The register as PDF. Of a review that is signed it is the same whenever it is made: dated by the signature.

    Raises NotFound, and Conflict for a character that the font cannot show.
    """
    now = clock.now()
    review = access_review(session, tenant_id, review_id, clock.jst_date(now))
    lines = review_lines(session, tenant_id, review_id, now)
    accounts = {one.decided_by for one in lines} | {review.signed_by}
    names = names_of_people(session, {account for account in accounts if account is not None})
    made_at = review.signed_at or now
    return typeset("access_register.typ", _content(review, lines, names, made_at), made_at)


def _content(
    review: AccessReviewFacts,
    lines: Collection[AccessReviewLineFacts],
    names: Mapping[str, str],
    made_at: datetime,
) -> RegisterContent:
    signed = "（署名前）" if review.signed_at is None else _instant(review.signed_at)
    signer = "―" if review.signed_by is None else names.get(review.signed_by, NOBODY_NAMED)
    counted = [(decision.ja, f"{sum(one.decision is decision for one in lines):,}行") for decision in LineDecision]
    undecided = sum(one.decision is None for one in lines)
    return RegisterContent(
        title="権限の棚卸し 台帳",
        name=review.name,
        code=review.code or "―",
        as_of=format_day(review.as_of),
        made_on=format_day(clock.jst_date(made_at)),
        state=review.state.ja,
        is_signed=review.state is ReviewState.SIGNED,
        facts=(
            ("基準日", format_day(review.as_of)),
            ("開始", _instant(review.started_at)),
            ("署名の期限", format_day(review.due_on)),
            ("署名した日時", signed),
            ("署名した団体管理者", signer),
        ),
        totals=(("対象", f"{len(lines):,}行"), *counted, *((("未判断", f"{undecided:,}行"),) if undecided else ())),
        people=_rows((one for one in lines if one.kind is LineKind.PERSON), names),
        clients=_rows((one for one in lines if one.kind is LineKind.CLIENT), names),
        digest=review.digest or "―",
    )


def _rows(lines: Iterable[AccessReviewLineFacts], names: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            f"{number:,}",
            one.name,
            *((one.section or "―",) if one.kind is LineKind.PERSON else ()),
            _rights(one),
            _day(one.last_used_on),
            _decision(one),
            one.reason or "",
            "" if one.decided_by is None else names.get(one.decided_by, NOBODY_NAMED),
        )
        for number, one in enumerate(lines, start=1)
    )


def _rights(one: AccessReviewLineFacts) -> str:
    if one.kind is LineKind.CLIENT:
        return "、".join(scope_wording(scope).ja for scope in one.rights)
    return "、".join(Role(right).ja for right in one.rights) or Role.TENANT_MEMBER.ja


def _decision(one: AccessReviewLineFacts) -> str:
    if one.decision is None:
        return "未判断"
    roles = "、".join(role.ja for role in one.ended_roles)
    return f"{one.decision.ja}（{roles}）" if roles else one.decision.ja


def _day(day: date | None) -> str:
    return "なし" if day is None else f"{day.year}/{day.month}/{day.day}"


def _instant(instant: datetime) -> str:
    there = instant.astimezone(JST)
    return f"{format_day(there.date())} {there:%H:%M}"
