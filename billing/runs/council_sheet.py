"""議会用の1枚: one municipality's share on one A4 sheet, with what changed and why, for its council. Pure.

What it says comes from the share and the one before it, both with their explanations; no other member's row is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from uuid import UUID

from sqlalchemy.orm import Session

from billing.documents.formatting import NO_VALUE, basis_label, format_exact, format_ratio, format_unrounded_yen
from billing.documents.typeset import typeset
from billing.runs.queries import ShareFacts, WorkingFacts, share_by_id, shares_of_tenant, workings_of_share
from governance.kernel import clock
from governance.kernel.era import format_day
from governance.kernel.errors import not_found
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.installation import IS_EXAMPLE
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.kernel.yen import format_yen

LabelledText = tuple[str, str]


class CouncilLine(ReadModel):
    """One component of the share, as the sheet prints it."""

    component: str
    ratio: str
    weight: str
    weight_total: str
    yen: str


class CouncilSheet(ReadModel):
    """Everything the sheet prints, worded in Japanese. `reasons` is empty where there is nothing to compare with."""

    title: str
    example: str | None
    name: str
    made_on: str
    amounts: tuple[LabelledText, ...]
    reasons: tuple[str, ...]
    lines: tuple[CouncilLine, ...]
    rounding: str
    grounds: tuple[LabelledText, ...]


def council_sheet_pdf(session: Session, share_id: UUID) -> bytes:
    """The sheet of a posted share as PDF (A4, one page). Raises NotFound, also for a share that is not posted."""
    share = share_by_id(session, share_id)
    if share.posted_at is None:
        raise not_found(what=Label("按分の負担額", "allocation share"), given=share_id)
    now = clock.now()
    workings = workings_of_share(session, share.tenant_id, share.id).items
    before = share_before(share, shares_of_tenant(session, share.tenant_id))
    sheet = council_sheet(share, before, workings, format_day(clock.jst_date(now)), is_example=IS_EXAMPLE.get())
    return typeset("council_sheet.typ", sheet, now)


def share_before(share: ShareFacts, shares: Sequence[ShareFacts]) -> ShareFacts | None:
    """The share posted before: of the same year, else the last of the year before; None where there is neither."""
    earlier = [
        one
        for one in shares
        if (one.fiscal_year, one.run_number) < (share.fiscal_year, share.run_number)
        and one.fiscal_year >= share.fiscal_year - 1
    ]
    return max(earlier, key=lambda one: (one.fiscal_year, one.run_number), default=None)


def council_sheet(
    share: ShareFacts,
    before: ShareFacts | None,
    workings: Sequence[WorkingFacts],
    made_on: str,
    *,
    is_example: bool = False,
) -> CouncilSheet:
    """What is printed of a share, against the one before it."""
    year = FiscalYear(share.fiscal_year)
    rest = share.share_yen - sum(int(Fraction(line.exact_yen)) for line in workings)
    return CouncilSheet(
        title=f"{year.label} 負担金の額について",
        example="例示データ" if is_example else None,
        name=share.name,
        made_on=made_on,
        amounts=tuple(_amounts(share, before)),
        reasons=tuple(_reasons(share, before)) if before is not None else (),
        lines=tuple(
            CouncilLine(
                component=f"{line.component}（{basis_label(line.basis)}）",
                ratio=format_ratio(line.ratio),
                weight=format_exact(line.weight),
                weight_total=format_exact(line.weight_total),
                yen=format_unrounded_yen(line.exact_yen),
            )
            for line in workings
        ),
        rounding=f"端数を処理した後の負担額は {format_yen(share.share_yen)}です（端数の処理 {format_yen(rest)}）。",
        grounds=tuple(_grounds(share)),
    )


def _amounts(share: ShareFacts, before: ShareFacts | None) -> Iterator[LabelledText]:
    yield "負担額", format_yen(share.share_yen)
    if before is None:
        yield "前の額", NO_VALUE
        return
    label = "変更前の額" if before.fiscal_year == share.fiscal_year else "前年度の額"
    yield label, format_yen(before.share_yen)
    difference = share.share_yen - before.share_yen
    yield "増減額", format_yen(difference)
    if before.share_yen:
        yield "増減率", f"{_percent(Fraction(difference, before.share_yen))}%"


def _reasons(share: ShareFacts, before: ShareFacts) -> Iterator[str]:
    """What the share is made of and is not as it was, in the order of the calculation."""
    cost, cost_before = (sum(one.total_yen for one in each.divisions) for each in (share, before))
    pool, pool_before = (sum(one.pool_yen for one in each.divisions) for each in (share, before))
    members, members_before = (max((one.members for one in each.divisions), default=0) for each in (share, before))
    rules, rules_before = ({(one.rule, one.version) for one in each.divisions} for each in (share, before))
    if cost != cost_before:
        yield f"経費の総額が {format_yen(cost_before)}から {format_yen(cost)}に変わりました。"
    if pool != pool_before:
        yield f"市町村で按分する額が {format_yen(pool_before)}から {format_yen(pool)}に変わりました。"
    if members != members_before:
        yield f"負担する団体が {members_before}団体から {members}団体に変わりました。"
    if rules != rules_before:
        yield f"負担金算定規程が変わりました（{'、'.join(f'{name} 第{number}版' for name, number in sorted(rules))}）。"
    if (cost, pool, members, rules) == (cost_before, pool_before, members_before, rules_before):
        yield "経費・団体数・規程は変わらず、按分の基準となる統計値が変わりました。"


def _grounds(share: ShareFacts) -> Iterator[LabelledText]:
    for one in share.divisions:
        yield "算定規程", f"{one.rule} 第{one.version}版（{format_day(one.valid_from)}から適用）"
        if one.decided_by and one.decided_on:
            yield "議決", f"{one.decided_by} {one.decision_number or ''}（{format_day(one.decided_on)}）"


def _percent(value: Fraction) -> str:
    """A ratio in percent to one decimal, half away from zero; below zero with ▲."""
    tenths = (2 * abs(value) * 1000 + 1) // 2
    sign = "▲" if value < 0 and tenths else ""
    return f"{sign}{tenths // 10}.{tenths % 10}"
