"""What is checked of an application by itself, from facts that are handed in. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from governance.kernel.errors import DomainError
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from tenancy.applications.content import ApplicationContent, accepted_versions, mail_addresses
from tenancy.applications.states import CheckName, CheckResult, NetworkEgress

_LOCAL_GOVERNMENT: Final = ".lg.jp"


class Check(ReadModel):
    """One check: what it came to and what was found, in both languages; an empty `note` says nothing."""

    name: CheckName
    result: CheckResult
    note: str = ""
    note_en: str = ""


@dataclass(frozen=True, slots=True)
class ApplicationEvidence:
    """The facts that checks need. `listed_name` is the name of the municipality under the code, None for none.

    `ineligible` is why the code or its absence does not fit the kind; `tenant` the tenant there already is, `others`
    the numbers of other open applications of the same body, `required` the versions that must be accepted, by title.
    """

    listed_name: str | None
    ineligible: DomainError | None
    tenant: str | None
    others: Sequence[int]
    required: dict[UUID, str]
    attachments: int
    today: date


def checks(content: ApplicationContent, facts: ApplicationEvidence) -> list[Check]:
    """Every check with what it came to, in the order of `CheckName`."""
    return [
        _check(CheckName.CODE, *_code(content, facts)),
        _check(CheckName.NOT_A_TENANT, *_not_a_tenant(facts)),
        _check(CheckName.NO_OTHER, *_no_other(facts)),
        _check(CheckName.MAIL_DOMAIN, *_mail_domain(content)),
        _check(CheckName.TERMS, *_terms(content, facts)),
        _check(CheckName.DECLARATION, CheckResult.PASSES if content.declares_no_antisocial else CheckResult.FAILS),
        _check(CheckName.FIRST_DAY, *_first_day(content, facts)),
        _check(CheckName.EGRESS, *_egress(content)),
        _check(CheckName.ATTACHMENT, CheckResult.PASSES if facts.attachments else CheckResult.LOOK),
    ]


def failing(found: Sequence[Check]) -> list[CheckName]:
    """The checks that keep an application from being approved."""
    return [one.name for one in found if one.result is CheckResult.FAILS]


_Found = tuple[CheckResult, Label] | tuple[CheckResult]


def _check(name: CheckName, result: CheckResult, note: Label = Label("", "")) -> Check:  # noqa: B008 - frozen
    return Check(name=name, result=result, note=note.ja, note_en=note.en)


def _code(content: ApplicationContent, facts: ApplicationEvidence) -> _Found:
    if facts.ineligible is not None:
        return CheckResult.FAILS, Label(facts.ineligible.text("ja"), facts.ineligible.text("en"))
    if content.kind is None or not content.kind.is_municipality:
        return (CheckResult.NOT_APPLICABLE,)
    if facts.listed_name is None:
        return CheckResult.LOOK, Label("一覧にないコードです", "The list does not have this code")
    if facts.listed_name != content.name:
        return CheckResult.LOOK, Label(
            f"一覧の名称は「{facts.listed_name}」です", f"The list calls it {facts.listed_name}"
        )
    return (CheckResult.PASSES,)


def _not_a_tenant(facts: ApplicationEvidence) -> _Found:
    if facts.tenant is None:
        return (CheckResult.PASSES,)
    return CheckResult.FAILS, Label(f"登録済み: {facts.tenant}", f"Registered: {facts.tenant}")


def _no_other(facts: ApplicationEvidence) -> _Found:
    if not facts.others:
        return (CheckResult.PASSES,)
    numbers = ", ".join(map(str, facts.others))
    return CheckResult.LOOK, Label(f"受付番号 {numbers}", f"Number {numbers}")


def _mail_domain(content: ApplicationContent) -> _Found:
    if content.kind is None or not content.kind.is_municipality:
        return (CheckResult.NOT_APPLICABLE,)
    elsewhere = [one for one in mail_addresses(content) if not one.lower().endswith(_LOCAL_GOVERNMENT)]
    if not elsewhere:
        return (CheckResult.PASSES,)
    return CheckResult.LOOK, Label("、".join(elsewhere), ", ".join(elsewhere))


def _terms(content: ApplicationContent, facts: ApplicationEvidence) -> _Found:
    accepted = accepted_versions(content)
    missing = [title for version, title in facts.required.items() if version not in accepted]
    if not facts.required:
        return (CheckResult.NOT_APPLICABLE,)
    if not missing:
        return (CheckResult.PASSES,)
    return CheckResult.FAILS, Label("、".join(missing), ", ".join(missing))


def _first_day(content: ApplicationContent, facts: ApplicationEvidence) -> _Found:
    if content.first_day is None or content.first_day >= facts.today:
        return (CheckResult.PASSES,)
    return CheckResult.LOOK, Label("参加手続を始めるときに改めます", "It is set anew when onboarding starts")


def _egress(content: ApplicationContent) -> _Found:
    if content.egress_addresses:
        return (CheckResult.PASSES,)
    is_open = content.egress is NetworkEgress.VARIABLE
    return (CheckResult.NOT_APPLICABLE,) if is_open else (CheckResult.LOOK,)
