"""負担金算定規程: what each version says in words, its draft in a form, and the decision that brings it into force."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.core.language import current_language, gettext
from admin.features.rules.entry_points import ENTRY_POINTS
from admin.features.rules.member_names import names_of_members
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
from governance.kernel.errors import Invalid, Language, message, not_found
from governance.kernel.labels import Label
from governance.kernel.split import Rounding
from governance.kernel.yen import printable
from governance.permissions import Permission
from governance.rules.body import is_of_stages, read_as_stages, read_rule_body
from governance.rules.commands import DraftRule, draft_rule
from governance.rules.comparison import RuleComparison, compare_rules
from governance.rules.cost_sharing import (
    BasisKind,
    CostSharing,
    DeductionKind,
    EqualByKindComponent,
    FixedComponent,
    RuleComponent,
    StatisticComponent,
    read_cost_sharing,
)
from governance.rules.queries import (
    RuleVersionFacts,
    compare_versions,
    rule_by_name,
    rule_versions,
    version_by_id,
)
from governance.rules.sentences import NOT_READ, parse, render, rule_text
from governance.rules.stages import StagedRule, read_staged_rule
from governance.rules.states import RuleState
from governance.rules.templates import rule_templates

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

    @property
    def is_of_stages(self) -> bool:
        """Whether it is a list of stages, which no allocation goes by yet."""
        return is_of_stages(self.facts.body)


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
        **_read_body(version.body),
        done=request.args.get("done", ""),
    )


@pages.get("/rules/<uuid:rule_version_id>/changes")
@requires(Permission.RULE_READ)
def rule_version_changes(rule_version_id: UUID) -> tuple[str, int]:
    """What changed to this version from another, stage by stage and in words: from the one before, or `?base=`."""
    version = version_by_id(session(), rule_version_id)
    others = [one for one in rule_versions(session()) if one.id != version.id]
    base = next((one for one in others if one.id == query_uuid("base")), _version_before(version, others))
    comparison = None
    if base is not None:
        names = names_of_members(session())
        comparison = compare_versions(session(), base.id, version.id, current_language(), names)
    return _render_part(
        "rules/rule_version_changes",
        version,
        part_title=gettext("What changed"),
        others=others,
        base=base,
        comparison=comparison,
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
    if after is not None and is_of_stages(after.body):
        return redirect(url_for("rules.rule_writing", after=after.id), 303)
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


@pages.route("/rules/write", methods=["GET", "POST"])
@requires(Permission.RULE_DRAFT)
def rule_writing() -> AnyResponse | tuple[str, int]:
    """A rule in sentences, which are read as stages: new, from a template, or with `?after=` the next version."""
    known = query_uuid("after")
    after = version_by_id(session(), known) if known is not None else None
    names = names_of_members(session())
    form = Form.from_request() if request.method == "POST" else restored_form() or _initial_text(after, names)
    if after is not None:
        form.values.update(name=after.name, label=after.label)
    if request.method == "POST" and form.step != "enter":
        rule = _read_text(form, names)
        body = {} if rule is None else rule.canonical()
        # Where the text is refused the other fields are still read, so that all errors stand there at once.
        command = read_form(form, DraftRule, values={"body": body}, spell=_field_of_text)
        if form.is_valid and command is not None and rule is not None:
            if not form.is_final:
                return render_page(
                    "rules/rule_writing_confirm",
                    form=form,
                    rule_text=rule_text(rule, current_language(), names),
                    after=after,
                    comparison=_changes_from(after, rule, names),
                    valid_from=command.valid_from,
                    valid_until=command.valid_until,
                )
            with form.collect_errors():
                made = draft_rule(command, actor=current_actor(), key=form.key)
                return redirect(url_for("rules.rule_version", rule_version_id=made.version_id, done="drafted"), 303)
    return render_page("rules/rule_writing", form=form, after=after, templates=rule_templates())


def _initial_text(after: RuleVersionFacts | None, names: Mapping[str, str]) -> Form:
    """The form with the sentences of the version it follows, or of the template that the address names."""
    asked = request.args.get("template", "")
    template = next((one for one in rule_templates() if one.id == asked), None)
    language = current_language()
    label, text = "", ""
    if after is not None:
        text = render(read_as_stages(after.body), language, names)
    elif template is not None:
        label = template.title.ja if language == "ja" else template.title.en
        text = render(read_staged_rule(template.body), language, names)
    return Form.initial(name=new_name(), label=label, valid_from="", valid_until="", text=text)


def _read_text(form: Form, names: Mapping[str, str]) -> StagedRule | None:
    """The rule that the text says, in the reader's language or the other; None where `form` now has an error."""
    text = form.required("text")
    language = current_language()
    other: Language = "en" if language == "ja" else "ja"
    if not text.strip():
        return None
    try:
        return parse(text, language, names)
    except Invalid as refused:
        try:
            return parse(text, other, names)
        except Invalid as other_refused:
            # What one grammar read and the rule's own checks refused says more than what a grammar could not read.
            is_read = other_refused.message is not NOT_READ and refused.message is NOT_READ
            form.add_error((other_refused if is_read else refused).at("text"))
            return None


def _field_of_text(error_path: str) -> str:
    return "text" if error_path.startswith("body") else error_path


def _changes_from(after: RuleVersionFacts | None, rule: StagedRule, names: Mapping[str, str]) -> RuleComparison | None:
    if after is None:
        return None
    return compare_rules(read_as_stages(after.body), rule, current_language(), names)


def _read_body(body: dict[str, Any]) -> dict[str, Any]:
    """What the page of a version shows of its body: the table of components, or the sentences of its stages."""
    found = read_rule_body(body)
    if isinstance(found, CostSharing):
        return {"cost_sharing": found}
    return {"rule_text": rule_text(found, current_language(), names_of_members(session()))}


def _version_before(version: RuleVersionFacts, others: Sequence[RuleVersionFacts]) -> RuleVersionFacts | None:
    """The version of the same rule with the next lower number."""
    earlier = [one for one in others if one.name == version.name and one.number < version.number]
    return max(earlier, key=lambda one: one.number, default=None)


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
