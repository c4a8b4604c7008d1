"""The content of a notice, made of a share, its workings and the command's wording. Pure.

The contents are those of 地方自治法施行令 154条3項, and the workings (算定根拠) behind the amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from billing.costs.states import ItemKind
from billing.documents.formatting import (
    NO_VALUE,
    basis_label,
    format_exact,
    format_ratio,
    format_unrounded_yen,
    rounding_label,
)
from billing.notices.issuer import IssuerFacts
from billing.notices.models import (
    LabelledText,
    NoticeContent,
    NoticeDivision,
    NoticeLine,
    NoticePlan,
    PlannedNotice,
)
from billing.notices.states import AddresseeForm, SealForm
from billing.runs.explanation import ShareExplanation
from billing.runs.queries import ShareFacts, WorkingFacts
from billing.runs.states import run_name
from governance.kernel.era import format_day
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.yen import format_amount, format_yen

_DEDUCTIONS: Final = {
    ItemKind.GRANT: "交付金等",
    ItemKind.OTHER_REVENUE: "その他の収入",
    ItemKind.CARRY_OVER: "繰越金",
}


@dataclass(frozen=True, slots=True)
class Wording:
    """The wording common to all notices of one run."""

    issuer: IssuerFacts
    claim: str
    """納入の請求の事由"""
    is_example: bool


def number_of(share: ShareFacts) -> str:
    """The notice's number: fiscal year, run and code, such as 2025-01-431001. Unique, and the same for each attempt."""
    return f"{share.fiscal_year}-{share.run_number:02d}-{share.code}"


def notice_content(
    share: ShareFacts,
    planned: PlannedNotice,
    workings: Sequence[WorkingFacts],
    wording: Wording,
    plan: NoticePlan,
    *,
    is_sample: bool = False,
) -> NoticeContent:
    """Everything that is printed, worded in Japanese. A sample has no number."""
    year = FiscalYear(share.fiscal_year)
    amount_yen = planned.amount_yen
    issuer = wording.issuer
    number = "見本" if is_sample else number_of(share)
    return NoticeContent(
        title=planned.title,
        example="例示データ" if wording.is_example else None,
        sample="見本" if is_sample else None,
        number=number,
        issued_on=format_day(plan.issued_on),
        document_number=f"{issuer.document_symbol}第 {'　' * 8 if is_sample else number} 号",
        addressee=share.name,
        addressed_to=addressed_to(share.name, issuer.addressee_form),
        code=share.code,
        issuer=f"{issuer.office}　{issuer.holder}",
        seal="（公印省略）" if issuer.seal is SealForm.OMITTED else None,
        seal_field="公印" if issuer.seal is SealForm.AFFIXED else None,
        sentence=_sentence(planned),
        amount_label=_amount_label(planned),
        amount=format_yen(amount_yen),
        due_on=format_day(planned.due_on) if planned.due_on else None,
        particulars=(
            ("所属年度", year.label),
            ("歳入科目", _budget_head(issuer)),
            ("納入の請求の事由" if amount_yen > 0 else "通知の事由", wording.claim),
            ("算定の回", _run_label(share, planned, plan)),
            *([("納入先", issuer.payee), ("納入場所", issuer.payable_at)] if amount_yen > 0 else []),
            ("問合せ先", _contact(issuer)),
        ),
        change=None
        if planned.is_first
        else (
            ("変更前の負担額", format_amount(planned.notified_yen)),
            ("変更後の負担額", format_amount(share.share_yen)),
            ("増減額（今回の通知額）", format_amount(amount_yen)),
        ),
        breakdown=_breakdown(share, workings) if planned.is_first else None,
        divisions=tuple(
            _rule_allocation(explanation, [line for line in workings if line.rule_version_id == explanation.version_id])
            for explanation in share.divisions
        ),
        share=format_amount(share.share_yen),
        no_divisions=f"貴団体は{year.label}の負担団体ではなくなったため、負担額は 0 円です。",
        digest=share.digest,
    )


def addressed_to(name: str, form: AddresseeForm) -> str:
    """The addressee as printed: a city, town or village by its head where the record says so."""
    if form is AddresseeForm.HEAD and name.endswith(("市", "町", "村", "区")):
        return f"{name}長　様"
    return f"{name}　御中"


def title_of(amount_yen: int, *, is_first: bool) -> str:
    """納入通知書 where yen are due; otherwise the name of a notice of the decision or of its change."""
    if amount_yen > 0:
        return "納入通知書"
    return "負担金決定通知書" if is_first else "負担金変更通知書"


def _amount_label(planned: PlannedNotice) -> str:
    if planned.amount_yen > 0:
        return "納入すべき金額"
    return "負担額" if planned.is_first else "変更による増減額"


def _sentence(planned: PlannedNotice) -> str:
    if planned.is_first:
        if planned.amount_yen > 0:
            return "次のとおり負担金を納入してください。"
        return "次のとおり負担額を決定しました。納入の必要はありません。"
    if planned.amount_yen > 0:
        return "負担額の変更により、次のとおり増額分の負担金を納入してください。"
    if planned.amount_yen == 0:
        return "算定の変更後も、貴団体の負担額に変わりはありません。納入の必要はありません。"
    return "負担額が次のとおり減額になりました。納入済みの額との差額の取扱いは、別に通知します。"


def _run_label(share: ShareFacts, planned: PlannedNotice, plan: NoticePlan) -> str:
    """Which of the year's splits it states, as 第1回変更. A member's first notice is no change, whatever the run is."""
    if plan.combined_revisions:
        together = "、".join(run_name(one).ja for one in plan.combined_revisions)
        return f"{share.run_name.ja}（{together}と合わせて通知）"
    return "年度途中の算定" if planned.is_first and share.revision else share.run_name.ja


def _breakdown(share: ShareFacts, workings: Sequence[WorkingFacts]) -> tuple[LabelledText, ...]:
    """What the share is made of, in whole yen that add up to it: each component cut to the yen, then the rest."""
    rules = {explanation.version_id: explanation.rule for explanation in share.divisions}
    rows = [
        (
            f"{rules[line.rule_version_id]}：{line.component}" if len(rules) > 1 else line.component,
            int(Fraction(line.exact_yen)),
        )
        for line in workings
    ]
    if rest := share.share_yen - sum(yen for _, yen in rows):
        rows.append(("端数の処理", rest))
    return (*((name, format_amount(yen)) for name, yen in rows), ("負担額", format_amount(share.share_yen)))


def _budget_head(issuer: IssuerFacts) -> str:
    parts = (
        ("款", issuer.budget_title),
        ("項", issuer.budget_chapter),
        ("目", issuer.budget_item),
        ("節", issuer.budget_subitem),
    )
    return "　".join(f"（{part}）{name}" for part, name in parts)


def _contact(issuer: IssuerFacts) -> str:
    """Whom to ask: section and person, below them telephone and mail address."""
    name = f"　担当 {issuer.contact_name}" if issuer.contact_name else ""
    email = f"　メール {issuer.contact_email}" if issuer.contact_email else ""
    return f"{issuer.contact_section}{name}\n電話 {issuer.contact_phone}{email}"


def _rule_allocation(explanation: ShareExplanation, lines: list[WorkingFacts]) -> NoticeDivision:
    exact = Fraction(explanation.exact_yen)
    return NoticeDivision(
        rule=f"{explanation.rule} 第{explanation.version}版",
        pool_rows=(
            *((f"経費：{pool.label}", format_amount(pool.yen)) for pool in explanation.pools),
            *(
                (f"控除：{item.name}（{_DEDUCTIONS[item.kind]}）", format_amount(-item.yen))
                for item in explanation.deductions
            ),
            (f"運営者の負担（{format_ratio(explanation.operator_ratio)}）", format_amount(-explanation.operator_yen)),
        ),
        pool=format_amount(explanation.pool_yen),
        members=f"{explanation.members:,}",
        lines=tuple(
            NoticeLine(
                component=line.component,
                basis=basis_label(line.basis),
                ratio=format_ratio(line.ratio),
                weight=format_exact(line.weight),
                weight_total=format_exact(line.weight_total),
                figure_date=format_day(line.figure_date) if line.figure_date else NO_VALUE,
                source=line.figure_source or "負担金算定規程による",
                yen=format_unrounded_yen(line.exact_yen),
                exact=_fraction(Fraction(line.exact_yen)),
            )
            for line in lines
        ),
        exact_total=format_unrounded_yen(explanation.exact_yen),
        exact_fraction=_fraction(exact),
        rounding=rounding_label(explanation.rounding, explanation.unit_yen),
        cut=format_amount(explanation.cut_yen),
        rank=f"{explanation.rank:,}番目" if explanation.rank is not None else NO_VALUE,
        adjustment=format_amount(explanation.adjustment_yen),
        share=format_amount(explanation.share_yen),
        grounds=(
            ("算定規程", f"{explanation.rule} 第{explanation.version}版 {_day(explanation.valid_from)}から適用"),
            ("議決", f"{explanation.decided_by} {explanation.decision_number} {_day(explanation.decided_on)}"),
            ("規程本文の照合番号", explanation.body_hash),
        ),
    )


def _day(day: date | None) -> str:
    return format_day(day) if day else NO_VALUE


def _fraction(value: Fraction) -> str | None:
    """The exact value where two decimal places do not hold it."""
    return None if (value * 100).denominator == 1 else str(value)
