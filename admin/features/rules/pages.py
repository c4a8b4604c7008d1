"""負担金算定規程: what each version says in words, its draft in a form, and the decision that brings it into force."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.core.language import current_language, gettext
from admin.features.rules.entry_points import ENTRY_POINTS
from admin.features.rules.wording import (
    basis_date_text,
    narrow,
    ratio_text,
    read_basis_date,
    read_ratio,
    read_weight_name,
    weight_name,
)
from admin.interface.command_forms import add_forms, read_form
from admin.interface.forms import Form, new_name
from admin.interface.history import history
from admin.interface.kept_forms import restored_form
from admin.interface.lists import query_uuid
from admin.interface.pages import render_page, session
from billing.allocation.bases import Basis
from billing.costs.queries import cost_pools
from billing.runs.queries import runs_by_rule, shares_of_tenant
from governance.kernel import clock
from governance.kernel.errors import Invalid, message, not_found
from governance.kernel.labels import Label
from governance.kernel.split import Rounding
from governance.kernel.yen import printable
from governance.permissions import Permission
from governance.rules.commands import DraftRule, draft_rule
from governance.rules.cost_sharing import (
    BasisKind,
    DeductionKind,
    EqualByKindComponent,
    FixedComponent,
    RuleComponent,
    StatisticComponent,
    read_cost_sharing,
)
from governance.rules.queries import RuleVersionFacts, rule_by_name, rule_versions, version_by_id
from governance.rules.states import RuleState

pages = add_forms(Blueprint("rules", __name__, template_folder="templates"), ENTRY_POINTS)

NOT_WEIGHTS = message(
    "form.not_weights",
    ja="「{given}」は重みとして読めません。1行に1つ、「431001=60.00」または「市=100」の形で入力してください。",
    en="“{given}” is not a weight; write one per line, as 431001=60.00 or city=100.",
)
NOT_USED = message(
    "form.not_used_by_basis",
    ja="選んだ基準では使いません。空にしてください。",
    en="The chosen basis does not use this; leave it empty.",
)

_FORM_ROWS: Final = 6
"""How many components the form offers; a rule with more is drafted through the API or the command line."""

_PARTS: Final = ("name", "ratio", "basis", "basis_date", "source", "weights")
_USED_BY: Final = {
    "basis_date": (BasisKind.STATISTIC,),
    "weights": (BasisKind.EQUAL_BY_KIND, BasisKind.FIXED),
}
"""What only some bases need, and then they need it."""

_ERROR_PATH: Final = re.compile(r"body\.components\[(\d+)\](?:\.(\w+))?.*")


@dataclass(frozen=True, slots=True)
class RuleVersionView:
    """A version with its state today."""

    facts: RuleVersionFacts
    state: RuleState


@pages.get("/rules")
@requires(Permission.RULE_READ)
def rules() -> tuple[str, int]:
    """Every version of every rule, the newest first, with the decision that adopted it."""
    found = [_with_state(version) for version in rule_versions(session())]
    found.sort(key=lambda one: (one.facts.name, -one.facts.number))
    return render_page("rules/rules", versions=found)


@pages.get("/rules/<uuid:rule_version_id>")
@requires(Permission.RULE_READ)
def rule_version(rule_version_id: UUID) -> tuple[str, int]:
    """One version in words: what each component goes by, who bears the rest, and who decided it."""
    version = version_by_id(session(), rule_version_id)
    return _render_part(
        "rules/rule_version",
        version,
        cost_sharing=read_cost_sharing(version.body),
        done=request.args.get("done", ""),
    )


@pages.get("/rules/<uuid:rule_version_id>/related")
@requires(Permission.RULE_READ)
def rule_version_related(rule_version_id: UUID) -> tuple[str, int]:
    """The other versions of the rule, and what went by this one: runs, or a municipality's own shares."""
    version = version_by_id(session(), rule_version_id)
    actor, may_read = current_actor(), may(Permission.ALLOCATION_READ)
    rule_id = rule_by_name(session(), version.name)
    return _render_part(
        "rules/rule_version_related",
        version,
        part_title=gettext("Related"),
        versions=[_with_state(one) for one in reversed(rule_versions(session(), version.name))],
        runs=runs_by_rule(session(), version.id) if may_read and actor.is_operator else None,
        pools=[pool for pool in cost_pools(session()) if pool.rule_id == rule_id],
        shares=[
            share
            for share in shares_of_tenant(session(), actor.tenant_id)
            if version.id in {one.version_id for one in share.divisions}
        ]
        if may_read
        else None,
    )


@pages.get("/rules/<uuid:rule_version_id>/history")
@requires(Permission.AUDIT_READ)
def rule_version_history(rule_version_id: UUID) -> tuple[str, int]:
    """What was done about a version. It is in the operator's audit log, which no municipality reads."""
    version = version_by_id(session(), rule_version_id)
    if not current_actor().is_operator:
        raise not_found(what=Label("規程の版の履歴", "history of a rule version"), given=rule_version_id)
    return _render_part(
        "rules/rule_version_history", version, actions_shown=50, part_title=gettext("History"), is_wide=True
    )


@pages.route("/rules/draft", methods=["GET", "POST"])
@requires(Permission.RULE_DRAFT)
def rule_drafting() -> AnyResponse | tuple[str, int]:
    """A new rule, or with `?after=` the next version of one, which begins as a copy of it."""
    known = query_uuid("after")
    after = version_by_id(session(), known) if known is not None else None
    form = Form.from_request() if request.method == "POST" else restored_form() or _initial_form(after)
    if after is not None:
        form.values.update(name=after.name, label=after.label)
    if not form.is_restored:
        form.values["deductions"] = ",".join(_deductions() if request.method == "POST" else _deductions_of(after))
    if request.method == "POST" and form.step != "enter":
        body, row_numbers = _body(form)
        command = read_form(form, DraftRule, values={"body": body}, spell=lambda field: _field_of(field, row_numbers))
        if form.is_valid and command is not None:
            if not form.is_final:
                return render_page(
                    "rules/rule_drafting_confirm",
                    form=form,
                    cost_sharing=read_cost_sharing(command.body),
                    before=read_cost_sharing(after.body) if after is not None else None,
                    after=after,
                    valid_from=command.valid_from,
                    valid_until=command.valid_until,
                )
            with form.collect_errors():
                made = draft_rule(command, actor=current_actor(), key=form.key)
                return redirect(url_for("rules.rule_version", rule_version_id=made.version_id, done="drafted"), 303)
    return render_page(
        "rules/rule_drafting",
        form=form,
        after=after,
        rows=range(1, _FORM_ROWS + 1),
        bases=list(Basis),
        roundings=list(Rounding),
        deductions=list(DeductionKind),
    )


def _render_part(template: str, version: RuleVersionFacts, *, actions_shown: int = 5, **values: Any) -> tuple[str, int]:
    """A part of a version's page, with what every part has: its state, the version after it, and its last events."""
    following = [one for one in rule_versions(session(), version.name) if one.number > version.number]
    return render_page(
        template,
        version=_with_state(version),
        following=next(iter(following), None),
        record=history(version.id, current_actor().tenant_id, actions_shown),
        **values,
    )


def _with_state(version: RuleVersionFacts) -> RuleVersionView:
    return RuleVersionView(version, _state(version, clock.today()))


def _state(version: RuleVersionFacts, today: date) -> RuleState:
    if version.decision is None:
        return RuleState.DRAFT
    if version.valid_until is not None and version.valid_until <= today:
        return RuleState.OVER
    return RuleState.COMING if version.valid_from > today else RuleState.IN_FORCE


def _initial_form(after: RuleVersionFacts | None) -> Form:
    empty = {f"{part}_{row}": "" for row in range(1, _FORM_ROWS + 1) for part in _PARTS}
    if after is None:
        return Form.initial(
            **empty,
            **dict.fromkeys(("label", "valid_from", "valid_until"), ""),
            name=new_name(),
            operator_ratio="0",
            rounding=Rounding.FLOOR_TOTAL_TO_OPERATOR.value,
            unit_yen="1",
        )
    cost_sharing = read_cost_sharing(after.body)
    for row, part in enumerate(cost_sharing.components[:_FORM_ROWS], start=1):
        empty |= {f"{name}_{row}": text for name, text in _form_values(part).items()}
    return Form.initial(
        **empty,
        valid_from="",
        valid_until="",
        operator_ratio=ratio_text(cost_sharing.operator_ratio),
        rounding=cost_sharing.rounding.value,
        unit_yen=cost_sharing.unit_yen,
    )


def _form_values(part: RuleComponent) -> dict[str, str]:
    language = current_language()
    weights = part.weights if isinstance(part, EqualByKindComponent | FixedComponent) else {}
    return {
        "name": part.name,
        "ratio": ratio_text(part.ratio),
        "basis": part.basis_text,
        "basis_date": basis_date_text(part.basis_date, language) if isinstance(part, StatisticComponent) else "",
        "source": part.source or "",
        "weights": "\n".join(f"{weight_name(label, language)}={weight}" for label, weight in weights.items()),
    }


def _deductions() -> list[str]:
    return [kind for kind in request.form.getlist("deductions") if kind in DeductionKind.__members__.values()]


def _deductions_of(after: RuleVersionFacts | None) -> list[str]:
    return sorted(read_cost_sharing(after.body).deductions) if after is not None else []


def _body(form: Form) -> tuple[dict[str, Any], list[int]]:
    """The body the form says, and for each of its components the row it stands in."""
    components: list[dict[str, Any]] = []
    row_numbers: list[int] = []
    for row in range(1, _FORM_ROWS + 1):
        entered = {part: form.text(f"{part}_{row}").strip() for part in _PARTS}
        if not any(text for part, text in entered.items() if part != "basis"):
            continue
        component: dict[str, Any] = {
            part: form.required(f"{part}_{row}").strip() for part in ("name", "ratio", "basis")
        }
        component["ratio"] = read_ratio(component["ratio"])
        for part, bases in _USED_BY.items():
            if component["basis"].partition(":")[0] in bases:
                form.required(f"{part}_{row}")
            elif entered[part]:
                form.add_error(Invalid(NOT_USED, field=f"{part}_{row}"))
        if entered["basis_date"]:
            component["basis_date"] = read_basis_date(entered["basis_date"])
        if entered["source"]:
            component["source"] = entered["source"]
        if entered["weights"]:
            component["weights"] = _weights(form, row, entered["weights"])
        components.append(component)
        row_numbers.append(row)
    unit_yen = form.integer("unit_yen")
    body = {
        "components": components,
        "operator_ratio": read_ratio(form.text("operator_ratio")) or "0",
        "rounding": form.text("rounding"),
        "unit_yen": 1 if unit_yen is None else unit_yen,
        "deductions": _deductions(),
    }
    return body, row_numbers


def _weights(form: Form, row: int, entered: str) -> dict[str, str]:
    weights: dict[str, str] = {}
    for line in entered.splitlines():
        label, equals, weight = (piece.strip() for piece in narrow(line).partition("="))
        label = read_weight_name(label)
        if label and equals and label not in weights:
            weights[label] = weight
        elif line.strip():
            form.add_error(Invalid(NOT_WEIGHTS, field=f"weights_{row}", given=printable(line)))
    return weights


def _field_of(error_path: str, row_numbers: list[int]) -> str:
    if found := _ERROR_PATH.fullmatch(error_path):
        return f"{found[2] or 'basis'}_{row_numbers[int(found[1])]}"
    if error_path == "body.components":
        return f"ratio_{row_numbers[0]}" if row_numbers else "name_1"
    return error_path.removeprefix("body.")
