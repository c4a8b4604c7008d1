"""運用ルール: what each version says in words, its draft in a form, and the decision that brings it into force."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import asks, current_actor
from admin.interface.forms import Form
from admin.interface.labels import WORDS
from admin.interface.lists import chosen_id
from admin.interface.pages import session, show
from governance.kernel import clock
from governance.kernel.errors import Invalid, Refused, reason
from governance.kernel.split import Rounding
from governance.kernel.yen import shown
from governance.permissions import Permission
from governance.rules.commands import AdoptRule, DraftRule, EndRule, adopt_rule, draft_rule, end_rule
from governance.rules.cost_sharing import BasisKind, CostSharing, DeductionKind, RuleComponent, read_cost_sharing
from governance.rules.queries import VersionFacts, rule_versions, version_by_id

pages = Blueprint("rules", __name__, template_folder="templates")

NOT_WEIGHTS = reason(
    "form.not_weights",
    ja="「{given}」は重みとして読めません。1行に1つ、「431001=60.00」または「city=100」の形で入力してください。",
    en="“{given}” is no weight; write one a line, as 431001=60.00 or city=100.",
)
NOT_USED = reason(
    "form.not_used_by_basis",
    ja="選んだ基準では使いません。空にしてください。",
    en="The basis that was chosen does not use this; leave it empty.",
)

_ROWS: Final = 6
"""How many components the form has room for; a rule with more is drafted through the API or the command line."""

_PARTS: Final = ("name", "ratio", "basis", "basis_date", "source", "weights")
_USED_BY: Final = {
    "basis_date": (BasisKind.STATISTIC,),
    "weights": (BasisKind.EQUAL_BY_KIND, BasisKind.FIXED),
}
"""What only some bases need, and then they need it."""

_AT_FAULT: Final = re.compile(r"body\.components\[(\d+)\](?:\.(\w+))?.*")


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """A version with where it stands today: `draft`, `coming`, `in_force` or `over`."""

    facts: VersionFacts
    state: str


@pages.get("/rules")
@asks(Permission.RULE_READ)
def rules() -> tuple[str, int]:
    """Every version of every rule, the newest first, with the decision that adopted it."""
    found = [_shown(version) for version in rule_versions(session())]
    found.sort(key=lambda one: (one.facts.name, -one.facts.number))
    return show("rules/rules", versions=found)


@pages.get("/rules/<uuid:rule_version_id>")
@asks(Permission.RULE_READ)
def rule_version(rule_version_id: UUID) -> tuple[str, int]:
    """One version in words: what each component goes by, who bears the rest, and who decided it."""
    version = version_by_id(session(), rule_version_id)
    return show(
        "rules/rule_version",
        version=_shown(version),
        says=read_cost_sharing(version.body),
        done=request.args.get("done", ""),
    )


@pages.route("/rules/draft", methods=["GET", "POST"])
@asks(Permission.RULE_DRAFT)
def rule_drafting() -> AnyResponse | tuple[str, int]:
    """A new rule, or with `?after=` the next version of one, which begins as a copy of it."""
    known = chosen_id("after")
    after = version_by_id(session(), known) if known is not None else None
    form = Form.sent() if request.method == "POST" else _fresh(after)
    if after is not None:
        form.values.update(name=after.name, label=after.label)
    form.values["deductions"] = ",".join(_deductions() if request.method == "POST" else _said_deductions(after))
    if request.method == "POST" and form.step != "enter":
        name, label = form.needed("name"), form.needed("label")
        form.needed("valid_from")
        valid_from, valid_until = form.day("valid_from"), form.day("valid_until")
        body, places = _body(form)
        says = _read(form, body, places)
        if form.is_right and says is not None and valid_from is not None:
            if not form.is_final:
                return show(
                    "rules/rule_drafting_confirm",
                    form=form,
                    says=says,
                    before=read_cost_sharing(after.body) if after is not None else None,
                    after=after,
                    valid_from=valid_from,
                    valid_until=valid_until,
                )
            with form.refusing():
                made = draft_rule(
                    DraftRule(name=name, label=label, body=body, valid_from=valid_from, valid_until=valid_until),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(url_for("rules.rule_version", rule_version_id=made.version_id, done="drafted"), 303)
    return show(
        "rules/rule_drafting",
        form=form,
        after=after,
        rows=range(1, _ROWS + 1),
        bases=WORDS["basis"],
        roundings=list(Rounding),
        deductions=list(DeductionKind),
    )


@pages.route("/rules/<uuid:rule_version_id>/adopt", methods=["GET", "POST"])
@asks(Permission.RULE_ADOPT)
def rule_adopting(rule_version_id: UUID) -> AnyResponse | tuple[str, int]:
    """Who decided it, under which number, and when; the version before it ends where this one begins."""
    version = version_by_id(session(), rule_version_id)
    fresh = Form.fresh(decided_by="", decision_number="", decided_on="")
    form = Form.sent() if request.method == "POST" else fresh
    if request.method == "POST" and form.step != "enter":
        decided_by, number = form.needed("decided_by"), form.needed("decision_number")
        form.needed("decided_on")
        decided_on = form.day("decided_on")
        if form.is_right and decided_on is not None:
            if not form.is_final:
                return show(
                    "rules/rule_adopting_confirm",
                    form=form,
                    version=version,
                    says=read_cost_sharing(version.body),
                    decided_on=decided_on,
                    ending=_ended_by(version),
                )
            with form.refusing():
                adopt_rule(
                    AdoptRule(
                        version_id=version.id, decided_by=decided_by, decision_number=number, decided_on=decided_on
                    ),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(url_for("rules.rule_version", rule_version_id=version.id, done="adopted"), 303)
    return show("rules/rule_adopting", form=form, version=version)


@pages.route("/rules/<uuid:rule_version_id>/end", methods=["GET", "POST"])
@asks(Permission.RULE_END)
def rule_ending(rule_version_id: UUID) -> AnyResponse | tuple[str, int]:
    """The first day on which an adopted version no longer holds; empty leaves it open."""
    version = version_by_id(session(), rule_version_id)
    form = Form.sent() if request.method == "POST" else Form.fresh(valid_until=version.valid_until)
    if request.method == "POST":
        valid_until = form.day("valid_until")
        if form.is_right:
            with form.refusing():
                end_rule(EndRule(version_id=version.id, valid_until=valid_until), actor=current_actor(), key=form.key)
                return redirect(url_for("rules.rule_version", rule_version_id=version.id, done="ended"), 303)
    return show("rules/rule_ending", form=form, version=version)


def _shown(version: VersionFacts) -> ShownVersion:
    return ShownVersion(version, _state(version, clock.today()))


def _state(version: VersionFacts, today: date) -> str:
    if version.adoption is None:
        return "draft"
    if version.valid_until is not None and version.valid_until <= today:
        return "over"
    return "coming" if version.valid_from > today else "in_force"


def _ended_by(version: VersionFacts) -> VersionFacts | None:
    """The adopted version that would end where this one begins, if there is one."""
    earlier = [
        other
        for other in rule_versions(session(), version.name)
        if other.adoption is not None
        and other.valid_from < version.valid_from
        and (other.valid_until is None or other.valid_until > version.valid_from)
    ]
    return max(earlier, key=lambda other: other.valid_from, default=None)


def _fresh(after: VersionFacts | None) -> Form:
    empty = {f"{part}_{row}": "" for row in range(1, _ROWS + 1) for part in _PARTS}
    if after is None:
        return Form.fresh(
            **empty,
            **dict.fromkeys(("name", "label", "valid_from", "valid_until"), ""),
            operator_ratio="0",
            rounding=Rounding.FLOOR_TOTAL_TO_OPERATOR.value,
            unit_yen="1",
        )
    said = read_cost_sharing(after.body)
    for row, part in enumerate(said.components[:_ROWS], start=1):
        empty |= {f"{name}_{row}": text for name, text in _as_typed(part).items()}
    return Form.fresh(
        **empty,
        valid_from="",
        valid_until="",
        operator_ratio=said.operator_ratio,
        rounding=said.rounding.value,
        unit_yen=said.unit_yen,
    )


def _as_typed(part: RuleComponent) -> dict[str, str]:
    return {
        "name": part.name,
        "ratio": str(part.ratio),
        "basis": part.basis_text,
        "basis_date": part.basis_date.text if part.basis_date else "",
        "source": part.source or "",
        "weights": "\n".join(f"{label}={weight}" for label, weight in part.weights.items()),
    }


def _deductions() -> list[str]:
    return [kind for kind in request.form.getlist("deductions") if kind in DeductionKind.__members__.values()]


def _said_deductions(after: VersionFacts | None) -> list[str]:
    return sorted(read_cost_sharing(after.body).deductions) if after is not None else []


def _body(form: Form) -> tuple[dict[str, Any], list[int]]:
    """The body the form says, and for each of its components the row it stands in."""
    components: list[dict[str, Any]] = []
    places: list[int] = []
    for row in range(1, _ROWS + 1):
        typed = {part: form.text(f"{part}_{row}").strip() for part in _PARTS}
        if not any(text for part, text in typed.items() if part != "basis"):
            continue
        component: dict[str, Any] = {part: form.needed(f"{part}_{row}").strip() for part in ("name", "ratio", "basis")}
        for part, bases in _USED_BY.items():
            if component["basis"].partition(":")[0] in bases:
                form.needed(f"{part}_{row}")
            elif typed[part]:
                form.refuse(Invalid(NOT_USED, field=f"{part}_{row}"))
        component |= {part: typed[part] for part in ("basis_date", "source") if typed[part]}
        if typed["weights"]:
            component["weights"] = _weights(form, row, typed["weights"])
        components.append(component)
        places.append(row)
    unit_yen = form.whole("unit_yen")
    body = {
        "components": components,
        "operator_ratio": form.text("operator_ratio").strip() or "0",
        "rounding": form.text("rounding"),
        "unit_yen": 1 if unit_yen is None else unit_yen,
        "deductions": _deductions(),
    }
    return body, places


def _weights(form: Form, row: int, typed: str) -> dict[str, str]:
    weights: dict[str, str] = {}
    for line in typed.splitlines():
        label, equals, weight = (piece.strip() for piece in line.partition("="))
        if label and equals and label not in weights:
            weights[label] = weight
        elif line.strip():
            form.refuse(Invalid(NOT_WEIGHTS, field=f"weights_{row}", given=shown(line)))
    return weights


def _read(form: Form, body: dict[str, Any], places: list[int]) -> CostSharing | None:
    """The rule as the body says it; what is wrong is told at the field of the row it stands in."""
    if not form.is_right:
        return None
    try:
        return read_cost_sharing(body)
    except Refused as refused:
        refused.field = _field_of(refused.field or "", places)
        form.refuse(refused)
        return None


def _field_of(at_fault: str, places: list[int]) -> str:
    if found := _AT_FAULT.fullmatch(at_fault):
        return f"{found[2] or 'basis'}_{places[int(found[1])]}"
    if at_fault == "body.components":
        return f"ratio_{places[0]}" if places else "name_1"
    return at_fault.removeprefix("body.")
