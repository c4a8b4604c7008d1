"""Entry points of the commands about rules. Drafting has a page of its own, with rows for the components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import ApiAddress, EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.formats import day_text
from governance.kernel.database import db
from governance.kernel.errors import Language
from governance.kernel.field_types import last_day
from governance.kernel.labels import Label
from governance.rules.commands import AdoptRule, adopt_rule, draft_rule, end_rule
from governance.rules.queries import RuleVersionFacts, rule_versions, version_by_id


def superseded_version(session: Session, version: RuleVersionFacts) -> RuleVersionFacts | None:
    """The adopted version that would end where this one begins, if there is one."""
    earlier = [
        other
        for other in rule_versions(session, version.name)
        if other.decision is not None
        and other.valid_from < version.valid_from
        and (other.valid_until is None or other.valid_until > version.valid_from)
    ]
    return max(earlier, key=lambda other: other.valid_from, default=None)


def _version(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The version that the address names. Raises NotFound."""
    version = version_by_id(session, given["version_id"])
    facts = [
        Fact(gettext("Rule"), version.label),
        Fact(gettext("Version"), str(version.number)),
        Fact(gettext("In force from"), day_text(version.valid_from)),
    ]
    return FormContext(facts)


def _undecided_version(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """As `_version`, with a warning where its decision is recorded already."""
    found = _version(session, given, language)
    is_decided = version_by_id(session, given["version_id"]).decision is not None
    return FormContext(found.facts, [gettext("Its decision has already been recorded.")] if is_decided else [])


def _ended_version(session: Session, command: AdoptRule, language: Language) -> FormContext:
    """The version that ends where this one begins."""
    version = version_by_id(session, command.version_id)
    ending = superseded_version(session, version)
    if ending is None:
        return FormContext()
    words = gettext(
        "version %(number)s, until %(last_day)s",
        number=ending.number,
        last_day=day_text(last_day(version.valid_from)),
    )
    return FormContext([Fact(gettext("Version that ends"), words)])


def _to_version(given: Mapping[str, Any]) -> tuple[Label, str]:
    version = version_by_id(db.session(), given["version_id"])
    address = url_for("rules.rule_version", rule_version_id=version.id)
    return Label(f"{version.label} 第{version.number}版", f"{version.label} v{version.number}"), address


ENTRY_POINTS: Final = (
    EntryPoint(
        draft_rule,
        Label("規程の版を起案する", "Draft a version of a rule"),
        Label("起案する", "Draft"),
        api=api("POST /rule-versions"),
        cli=cli("rule draft", "name"),
        hidden=frozenset({"kind"}),
    ),
    EntryPoint(
        adopt_rule,
        Label("議決を記録する", "Record the decision"),
        Label("適用する", "Bring into force"),
        api=ApiAddress("POST", "/rule-versions/<version>/adoption", {"version": "version_id"}),
        cli=cli("rule adopt", "version_id"),
        page=PageAddress(
            "/rules/<uuid:version_id>/adopt",
            "rule_adopting",
            then=lambda command, result: url_for(
                "rules.rule_version", rule_version_id=command.version_id, done="adopted"
            ),
            back=_to_version,
            intro=Label(
                "議事録のとおりに、機関、番号、日付を入力してください。",
                "Who decided, when, and the number of the decision, as in the minutes.",
            ),
            review_intro=Label(
                "適用開始日から、経費をこの版で按分します。", "It divides the costs from its first day."
            ),
            about=_undecided_version,
            consequences=_ended_version,
        ),
    ),
    EntryPoint(
        end_rule,
        Label("最終日を変える", "Change the last day"),
        Label("変更する", "Change"),
        api=ApiAddress("PUT", "/rule-versions/<version>/end", {"version": "version_id"}),
        cli=cli("rule end", "version_id"),
        page=PageAddress(
            "/rules/<uuid:version_id>/end",
            "rule_ending",
            then=lambda command, result: url_for(
                "rules.rule_version", rule_version_id=command.version_id, done="ended"
            ),
            back=_to_version,
            intro=Label("すでに過ぎた期間は変わりません。", "The past does not change."),
            about=_version,
            start=lambda session, given: {"valid_until": version_by_id(session, given["version_id"]).valid_until},
            is_reviewed=False,
        ),
    ),
)
