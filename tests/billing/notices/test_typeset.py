"""The paper itself: the right font, Japanese that can be read back, names that stay names, the same bytes."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import pytest
from pypdf import PdfReader

from billing.documents.typeset import font_folder, typeset
from billing.notices.issuer import IssuerFacts
from billing.notices.models import NoticePlan, PlannedNotice
from billing.notices.notice_content import Wording, addressed_to, notice_content, title_of
from billing.notices.states import NoticeKind, SealForm
from billing.runs.explanation import ShareExplanation
from billing.runs.queries import ShareFacts, WorkingFacts
from billing.runs.states import RunKind
from governance.kernel.errors import Conflict
from tests.factories import ISSUER

MADE_AT: Final = datetime(2025, 6, 2, 1, 0, tzinfo=UTC)
VERSION: Final = UUID(int=1)
WORDING: Final = Wording(
    issuer=IssuerFacts(**ISSUER.model_dump(), number=1, set_at=MADE_AT, set_by="test"),
    claim="共同利用基盤の令和7年度運営経費に係る負担金",
    is_example=False,
)
LINES: Final = [
    WorkingFacts(
        component="均等割",
        basis="equal",
        figure_date=None,
        figure_source=None,
        pool_yen=12_000_000,
        ratio="1/10",
        weight="1",
        weight_total="13",
        exact_yen="1200000/13",
        rule_version_id=VERSION,
    ),
    WorkingFacts(
        component="人口割",
        basis="statistic:population",
        figure_date=date(2020, 10, 1),
        figure_source="令和2年国勢調査",
        pool_yen=12_000_000,
        ratio="9/10",
        weight="738865",
        weight_total="1414240",
        exact_yen="498733875/88390",
        rule_version_id=VERSION,
    ),
]
# As the table stores it.
STORED_EXPLANATION: Final[dict[str, Any]] = {
    "rule": "運営経費負担規則",
    "version": 1,
    "version_id": str(VERSION),
    "body_hash": "sha256:" + "ab" * 32,
    "valid_from": "2025-04-01",
    "decided_by": "運営協議会",
    "decision_number": "令和7年度第1号",
    "decided_on": "2025-03-24",
    "pools": [{"label": "運営経費", "yen": 25_000_000}],
    "total_yen": 25_000_000,
    "deductions": [{"name": "交付金", "kind": "grant", "yen": 1_000_000}],
    "deductions_yen": 1_000_000,
    "operator_ratio": "1/2",
    "operator_yen": 12_000_000,
    "pool_yen": 12_000_000,
    "operator_residual_yen": 7,
    "members": 13,
    "rounding": "floor_total__residual_to_operator",
    "unit_yen": 1,
    "exact_yen": "658960837500/114907",
    "cut_yen": 5_734_731,
    "rank": None,
    "adjustment_yen": 0,
    "share_yen": 5_734_731,
}
SHARE: Final = ShareFacts(
    id=UUID(int=2),
    tenant_id=UUID(int=3),
    run_id=UUID(int=4),
    fiscal_year=2025,
    run_number=1,
    revision=0,
    kind=RunKind.ESTIMATE,
    digest="sha256:" + "cd" * 32,
    code="431001",
    name="熊本市",
    share_yen=5_734_731,
    previous_yen=0,
    divisions=(ShareExplanation.model_validate(STORED_EXPLANATION),),
    posted_at=MADE_AT,
)


def planned(share: ShareFacts) -> PlannedNotice:
    """The notice of a share whose former amount was notified."""
    amount_yen = share.difference_yen
    is_first = share.kind is RunKind.ESTIMATE
    return PlannedNotice(
        tenant_id=share.tenant_id,
        share_id=share.id,
        code=share.code,
        name=share.name,
        kind=NoticeKind.DEMAND if amount_yen > 0 else NoticeKind.UNCHANGED,
        title=title_of(amount_yen, is_first=is_first),
        notified_yen=share.previous_yen,
        share_yen=share.share_yen,
        amount_yen=amount_yen,
        due_on=date(2025, 6, 16) if amount_yen > 0 else None,
        is_first=is_first,
    )


def printed(
    share: ShareFacts = SHARE, wording: Wording = WORDING, lines: list[WorkingFacts] = LINES, *, is_sample: bool = False
) -> bytes:
    notice = planned(share)
    plan = NoticePlan(
        run_id=share.run_id,
        fiscal_year=2025,
        run_number=share.run_number,
        revision=share.revision,
        combined_runs=(),
        combined_revisions=(),
        issued_on=date(2025, 6, 2),
        due_on=notice.due_on,
        totals=(),
        notices=(notice,),
    )
    content = notice_content(share, notice, lines, wording, plan, is_sample=is_sample)
    return typeset("notice.typ", content, MADE_AT)


def share_with(**changed: Any) -> ShareFacts:
    return SHARE.model_copy(update=changed)


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_every_font_on_the_paper_is_noto_sans_jp_from_the_package() -> None:
    assert [font.name for font in font_folder().glob("*.ttf")] == ["NotoSansJP[wght].ttf"]

    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in PdfReader(io.BytesIO(printed())).pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    }

    assert fonts
    assert all("+NotoSansJP" in font for font in fonts)


def test_the_text_can_be_read_back_in_japanese() -> None:
    text = text_of(printed())

    for words in (
        "納入通知書",
        "熊本市長　様",
        "第 2025-01-431001 号",
        "令和7年6月2日（月）",
        "5,734,731円",
        "令和7年6月16日（月）",
        "所属年度",
        "令和7年度",
        "分担金及び負担金",
        "納入の請求の事由",
        "熊本県の指定金融機関",
        "▲1,000,000",
        "738,865 1,414,240",
        "658960837500/114907",
        "令和2年10月1日（木） 令和2年国勢調査",
        "運営協議会 令和7年度第1号 令和7年3月24日（月）",
        "納入すべき金額",
        "納入場所",
        "熊本県知事　肥後　太郎",
        "（公印省略）",
        "（款）分担金及び負担金　（項）負担金",
        "（目）総務費負担金",
        "デジタル戦略課",
        "負担額の内訳",
    ):
        assert words in text
    assert "例示データ" not in text
    assert "変更" not in text
    assert "納付" not in text


def test_a_seal_that_is_affixed_has_its_place() -> None:
    issuer = WORDING.issuer.model_copy(update={"seal": SealForm.AFFIXED})

    text = text_of(printed(wording=replace(WORDING, issuer=issuer)))

    assert "公印" in text
    assert "公印省略" not in text


def test_a_sample_is_marked_on_every_page_and_has_no_number() -> None:
    pages = PdfReader(io.BytesIO(printed(is_sample=True))).pages

    assert len(pages) == 2
    assert all("見本" in page.extract_text() for page in pages)
    assert "2025-01" not in text_of(printed(is_sample=True))


def test_the_example_is_marked_on_every_page() -> None:
    pages = PdfReader(io.BytesIO(printed(wording=replace(WORDING, is_example=True)))).pages

    assert len(pages) == 2
    assert all("例示データ" in page.extract_text() for page in pages)


def test_the_paper_is_tagged_a4_in_japanese_and_names_its_time() -> None:
    document = PdfReader(io.BytesIO(printed()))

    root = document.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]  # type: ignore[index]
    assert root["/Lang"].startswith("ja")  # type: ignore[index]
    assert "/StructTreeRoot" in root  # type: ignore[operator]
    assert [round(float(side)) for side in document.pages[0].mediabox[2:]] == [595, 842]
    assert document.metadata is not None
    assert document.metadata.title == "納入通知書 2025-01-431001"
    assert document.metadata.creation_date == MADE_AT


def test_the_same_facts_give_the_same_bytes() -> None:
    assert printed() == printed()
    assert printed() != printed(share_with(name="八代市"))


@pytest.mark.parametrize(
    "name", ["葛󠄀城市 髙﨑𠮷町", '#strong[x] $a$ <b> "quoted" \\n', "くまもとデータ連携基盤推進協議会", "あさぎり町"]
)
def test_a_name_stays_as_it_was_entered(name: str) -> None:
    assert addressed_to(name, ISSUER.addressee_form) in text_of(printed(share_with(name=name)))


def test_a_name_that_the_font_cannot_show_is_refused_and_not_printed_with_a_hole() -> None:
    with pytest.raises(Conflict) as refusal:
        printed(share_with(name="市役所😀"))

    assert refusal.value.code == "document.no_glyph"


def test_a_lower_share_is_a_change_and_asks_for_nothing() -> None:
    lower = share_with(kind=RunKind.REVISION, run_number=2, revision=1, share_yen=5_000_000, previous_yen=5_734_731)

    text = text_of(printed(lower))

    assert "負担金変更通知書" in text
    assert "▲734,731円" in text
    assert "変更の内容" in text
    assert "負担額の内訳" not in text
    assert "納期限" not in text
    assert "納入すべき金額" not in text
    assert "納入場所" not in text


def test_amounts_of_nothing_and_of_fifteen_digits_fit() -> None:
    nothing = text_of(printed(share_with(kind=RunKind.REVISION, revision=1, previous_yen=SHARE.share_yen)))
    most = text_of(printed(share_with(share_yen=999_999_999_999_999)))

    assert "0円" in nothing
    assert "負担額に変わりはありません" in nothing
    assert "999,999,999,999,999円" in most
