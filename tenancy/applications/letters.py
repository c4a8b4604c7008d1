"""The letter to an applicant as it is proposed: the person who screens may change every word. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy.applications.states import Conclusion, Ground

_OPENING: Final = {
    Conclusion.APPROVE: Label(
        "{name} から申請のあった利用（受付番号 {number}）を承認しました。\n続いて参加手続を行います。",
        "The application of {name} (number {number}) has been approved.\nOnboarding follows.",
    ),
    Conclusion.SEND_BACK: Label(
        "{name} から申請のあった利用（受付番号 {number}）について、次の点の補正をお願いします。",
        "Please correct the application of {name} (number {number}) as follows.",
    ),
    Conclusion.REJECT: Label(
        "{name} から申請のあった利用（受付番号 {number}）は、次の理由により承認しないこととしました。",
        "The application of {name} (number {number}) has not been approved, for these reasons.",
    ),
}
_CLOSING: Final = {
    Conclusion.APPROVE: Label(
        "団体管理者の方に、利用者登録のお知らせをメールで送ります。",
        "Your administrators will get an invitation by mail.",
    ),
    Conclusion.SEND_BACK: Label(
        "申請のページで内容を直して、もう一度提出してください。",
        "Correct it on the page of the application and submit it again.",
    ),
    Conclusion.REJECT: Label(
        "ご不明の点は、県の担当者に問い合わせてください。", "If you have questions, ask the operator."
    ),
}


def proposed_letter(
    outcome: Conclusion, reasons: Collection[Ground], *, name: str, number: int, language: Language
) -> str:
    """The text of the letter: an opening, a line for each reason, a closing."""
    lines = [_OPENING[outcome].text(language).format(name=name, number=number), ""]
    if reasons:
        bullet = "・" if language == "ja" else "- "
        lines += [f"{bullet}{reason.label(language)}" for reason in Ground if reason in reasons]
        lines.append("")
    lines.append(_CLOSING[outcome].text(language))
    return "\n".join(lines) + "\n"
