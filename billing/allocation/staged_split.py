"""The split of a pool: components by their weights, part years, stand-alone costs, ratios as they are printed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from billing.allocation.basis_weights import (
    NOBODY_IN_PERIOD,
    ComponentWeights,
    PartYear,
    component_weights,
    included,
    moments,
    month_label,
    newest_figure,
    part_years,
    presence,
    separable_costs,
)
from billing.allocation.exact_amounts import ExactAmounts
from billing.allocation.staged_state import StagedState
from billing.allocation.staged_workings import Input, figure_input, number_input, reduced
from governance.kernel.errors import Invalid
from governance.kernel.yen import printable
from governance.rules.split_components import Component, Factors, StagedAloneComponent
from governance.rules.stage_values import Joining
from governance.rules.stages import SplitStage, Stage


def split(state: StagedState, stage: SplitStage, at: str) -> None:
    """Share all that is left among the members, exactly."""
    if stage.ratios_as_printed is not False:
        _split_as_printed(state, stage, at)
        return
    total = state.rest
    taken: list[str] = []
    for place, component in enumerate(stage.components or ()):
        where = f"{at}.components[{place}]"
        ratio, said = state.value(component.ratio, "ratio", f"{where}.ratio")
        amount = total * ratio
        name = f"{stage.id}/{place + 1}"
        source = state.add(
            f"{name}/amount",
            stage.id,
            "product",
            [state.rest_source, said],
            amount,
            component=component.name or component.basis,
        )
        taken.extend(_share_component(state, stage, component, amount, source, name, where))
    state.lower_rest(stage, total, taken)


def _share_component(
    state: StagedState, stage: Stage, component: Component, amount: Fraction, source: str, name: str, at: str
) -> list[str]:
    """Share one component; gives the workings' ids of what it took from the rest."""
    if isinstance(component, StagedAloneComponent) and component.method == "scrb":
        return _share_scrb(state, stage, component, amount, source, name, at)
    weights = component_weights(state.case, component, at=at)
    factors = component.factors
    if factors is None:
        weight_rows = _weight_rows(state, stage, weights, component, name)
        return _take_shares(state, stage, weights.weights, amount, source, name, weight_rows)
    parts = part_years(state.case, factors)
    match factors.joining:
        case Joining.WEIGHT:
            weight_rows = _weight_rows(state, stage, weights, component, name)
            factored = weights.weights.times(ExactAmounts.of([part.factor for part in parts]))
            if not any(factored.numerators):
                raise Invalid(NOBODY_IN_PERIOD, field=at, period=state.year.shown)
            weight_rows = _factor_rows(state, stage, factored, parts, name, weight_rows)
            return _take_shares(state, stage, factored, amount, source, name, weight_rows)
        case Joining.PERIODS:
            return _share_periods(state, stage, component, weights, factors, amount, source, name, at)
        case Joining.DISCOUNT:
            return _share_with_discount(state, stage, component, weights, factors, parts, amount, source, name, at)
    raise AssertionError(factors)


def _weight_rows(
    state: StagedState, stage: Stage, weights: ComponentWeights, component: Component, name: str
) -> list[str]:
    if state.workings is None:
        return []
    rows = []
    runway = isinstance(component, StagedAloneComponent)
    alone: list[Input] = []
    if runway:
        alone = [figure_input(figure) for origin in weights.origins for figure in origin.figures]
    for position, code in enumerate(state.members):
        origin = weights.origins[position]
        exact = reduced(weights.weights.numerators[position], weights.weights.denominator)
        more: dict[str, Any] = {}
        inputs: list[Input] = []
        if position in weights.excluded:
            more["excluded_by"] = weights.excluded[position]
        elif runway:
            inputs = [*map(figure_input, origin.figures), *alone]
        elif origin.formula == "mean_of_shares":
            inputs = [number_input(value, kind) for kind, value in origin.numbers]
            more["figures"] = [figure_input(figure) for figure in origin.figures]
        else:
            inputs = [*map(figure_input, origin.figures)]
            inputs += [number_input(value, kind) for kind, value in origin.numbers]
        formula = "runway" if runway and position not in weights.excluded else origin.formula
        rows.append(state.add(f"{name}/weight/{code}", stage.id, formula, inputs, exact, member=code, **more))
    return rows


def _factor_rows(
    state: StagedState,
    stage: Stage,
    factored: ExactAmounts,
    parts: Sequence[PartYear],
    name: str,
    weight_rows: Sequence[str],
) -> list[str]:
    """The weights after the factors of part years: a row of its own for those whose factor is not 1."""
    if state.workings is None:
        return []
    rows = []
    for position, code in enumerate(state.members):
        part = parts[position]
        if part.factor == 1:
            rows.append(weight_rows[position])
            continue
        inputs = [weight_rows[position], number_input(part.time, "time"), number_input(part.waiver, "waiver")]
        exact = reduced(factored.numerators[position], factored.denominator)
        rows.append(state.add(f"{name}/factored/{code}", stage.id, "product", inputs, exact, member=code))
    return rows


def _take_shares(
    state: StagedState,
    stage: Stage,
    weights: ExactAmounts,
    amount: Fraction,
    source: str,
    name: str,
    weight_rows: Sequence[str],
) -> list[str]:
    shares = weights.shared(amount)
    rows = _share_rows(state, stage, weights, shares, source, name, weight_rows)
    state.give(shares, rows)
    return rows


def _share_rows(
    state: StagedState,
    stage: Stage,
    weights: ExactAmounts,
    shares: ExactAmounts,
    source: str,
    name: str,
    weight_rows: Sequence[str],
) -> list[str]:
    if state.workings is None:
        return []
    total = state.add(f"{name}/weights", stage.id, "sum", weight_rows, weights.total)
    return [
        state.add(
            f"{name}/share/{code}",
            stage.id,
            "share",
            (source, weight_rows[position], total),
            reduced(shares.numerators[position], shares.denominator),
            member=code,
        )
        for position, code in enumerate(state.members)
    ]


def _share_scrb(
    state: StagedState, stage: Stage, component: StagedAloneComponent, amount: Fraction, source: str, name: str, at: str
) -> list[str]:
    shares = separable_costs(state.case, component, amount, at=at)
    left_out = included(state.case, component.inclusion)
    codes = [code for position, code in enumerate(state.members) if position not in left_out]
    figures: list[Input] = (
        [
            figure_input(newest_figure(state.case, basis, code, component.at, at=at))
            for code in codes
            for basis in ("alone", "alone:without")
        ]
        if state.workings is not None
        else []
    )
    rows = []
    for position, code in enumerate(state.members):
        if position in left_out:
            row = state.add(
                f"{name}/share/{code}", stage.id, "excluded", [], Fraction(0), member=code, excluded_by="inclusion"
            )
        else:
            place = number_input(codes.index(code) + 1, "place")
            row = state.add(
                f"{name}/share/{code}", stage.id, "scrb", [source, place, *figures], shares[position], member=code
            )
        rows.append(row)
    state.give(ExactAmounts.of(shares), rows if state.workings is not None else [])
    return rows


def _share_periods(
    state: StagedState,
    stage: Stage,
    component: Component,
    weights: ComponentWeights,
    factors: Factors,
    amount: Fraction,
    source: str,
    name: str,
    at: str,
) -> list[str]:
    """Each part of the year is shared by those who take part in it; parts with the same members together."""
    whole = moments(state.year, factors.by)
    concerned = factors.members
    spans = [
        (0, whole - 1) if concerned is not None and code not in concerned else presence(state.year, factors, member)
        for code, member in state.case.members.items()
    ]
    weight_rows = _weight_rows(state, stage, weights, component, name)
    waivers = [part.waiver for part in part_years(state.case, factors)]
    starts = sorted({0} | {first for first, _ in spans} | {last + 1 for _, last in spans if last + 1 < whole})
    taken: list[ExactAmounts] = []
    sources: list[list[str]] = [[] for _ in state.members]
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else whole
        present = [first <= start <= last for first, last in spans]
        factor = ExactAmounts.of(
            [waiver if here else Fraction(0) for here, waiver in zip(present, waivers, strict=True)]
        )
        here = weights.weights.times(factor)
        if not any(here.numerators):
            raise Invalid(NOBODY_IN_PERIOD, field=at, period=month_label(state.year, factors.by, start))
        part = amount * Fraction(end - start, whole)
        label = f"{name}/period{number + 1}"
        part_source = state.add(
            f"{label}/amount",
            stage.id,
            "product",
            [source, number_input(Fraction(end - start, whole), "part_of_year")],
            part,
            from_month=month_label(state.year, factors.by, start),
        )
        parts = [PartYear(Fraction(int(is_here)), waiver) for is_here, waiver in zip(present, waivers, strict=True)]
        factor_rows = _factor_rows(state, stage, here, parts, label, weight_rows)
        shares = here.shared(part)
        for position, row in enumerate(_share_rows(state, stage, here, shares, part_source, label, factor_rows)):
            sources[position].append(row)
        taken.append(shares)
    total = ExactAmounts.sum_of(taken, len(state.members))
    rows = (
        [
            state.add(
                f"{name}/share/{code}",
                stage.id,
                "sum",
                sources[position],
                reduced(total.numerators[position], total.denominator),
                member=code,
            )
            for position, code in enumerate(state.members)
        ]
        if state.workings is not None
        else []
    )
    state.give(total, rows)
    return rows


def _share_with_discount(
    state: StagedState,
    stage: Stage,
    component: Component,
    weights: ComponentWeights,
    factors: Factors,
    parts: Sequence[PartYear],
    amount: Fraction,
    source: str,
    name: str,
    at: str,
) -> list[str]:
    weight_rows = _weight_rows(state, stage, weights, component, name)
    whole = weights.weights.shared(amount)
    whole_rows = _share_rows(state, stage, weights.weights, whole, source, f"{name}/whole", weight_rows)
    discounted = whole.times(ExactAmounts.of([part.factor for part in parts]))
    left = amount - discounted.total
    rows = []
    if state.workings is not None:
        for position, code in enumerate(state.members):
            part = parts[position]
            inputs = [whole_rows[position], number_input(part.time, "time"), number_input(part.waiver, "waiver")]
            exact = reduced(discounted.numerators[position], discounted.denominator)
            rows.append(state.add(f"{name}/share/{code}", stage.id, "product", inputs, exact, member=code))
    state.give(discounted, rows)
    left_row = state.add(f"{name}/discount", stage.id, "difference", [source, *rows], left)
    if factors.borne_by == "operator":
        state.operator += left
        state.operator_sources.append(left_row)
    elif factors.borne_by == "carry_over":
        state.carried += left
        state.carried_sources.append(left_row)
    else:
        position = state.position(factors.member, f"{at}.factors.member")
        bearer = [Fraction(0)] * len(state.members)
        bearer[position] = left
        state.shares.components.append(ExactAmounts.of(bearer))
        state.shares.sources[position].append(left_row)
    return [*rows, left_row]


def _split_as_printed(state: StagedState, stage: SplitStage, at: str) -> None:
    total = state.rest
    ratio_rows: list[str] = []
    if isinstance(stage.ratios_as_printed, dict):
        ratios = [Fraction(0)] * len(state.members)
        for code, printed in stage.ratios_as_printed.items():
            ratios[state.position(code, f"{at}.ratios_as_printed.{printable(code)}")] = printed
        if state.workings is not None:
            ratio_rows = [
                state.add(
                    f"{stage.id}/ratio/{code}",
                    stage.id,
                    "figure",
                    [number_input(ratios[position], "as_printed")],
                    ratios[position],
                    member=code,
                )
                for position, code in enumerate(state.members)
            ]
    else:
        ratios, ratio_rows = _rounded_ratios(state, stage, at)
    shares = ExactAmounts.of([total * ratio for ratio in ratios])
    rows = (
        [
            state.add(
                f"{stage.id}/share/{code}",
                stage.id,
                "product",
                [state.rest_source, ratio_rows[position]],
                shares.at(position),
                member=code,
            )
            for position, code in enumerate(state.members)
        ]
        if state.workings is not None
        else []
    )
    state.give(shares, rows)
    state.lower_rest(stage, shares.total, rows)


def _rounded_ratios(state: StagedState, stage: SplitStage, at: str) -> tuple[list[Fraction], list[str]]:
    """Each member's ratio over all components, rounded half up to the places that are printed."""
    scale = 10 ** (stage.places or 0)
    exact: list[ExactAmounts] = []
    sources: list[list[str]] = [[] for _ in state.members]
    for place, component in enumerate(stage.components or ()):
        where = f"{at}.components[{place}]"
        ratio, said = state.value(component.ratio, "ratio", f"{where}.ratio")
        name = f"{stage.id}/{place + 1}"
        source = state.add(f"{name}/ratio", stage.id, "figure", [said], ratio)
        weights = component_weights(state.case, component, at=where)
        values = weights.weights
        rows = _weight_rows(state, stage, weights, component, name)
        if component.factors is not None:
            parts = part_years(state.case, component.factors)
            values = values.times(ExactAmounts.of([part.factor for part in parts]))
            if not any(values.numerators):
                raise Invalid(NOBODY_IN_PERIOD, field=where, period=state.year.shown)
            rows = _factor_rows(state, stage, values, parts, name, rows)
        shares = values.shared(ratio)
        for position, row in enumerate(_share_rows(state, stage, values, shares, source, name, rows)):
            sources[position].append(row)
        exact.append(shares)
    total = ExactAmounts.sum_of(exact, len(state.members))
    ratios = [
        Fraction((2 * number * scale + total.denominator) // (2 * total.denominator), scale)
        for number in total.numerators
    ]
    rows = (
        [
            state.add(
                f"{stage.id}/ratio/{code}",
                stage.id,
                "printed",
                [*sources[position], number_input(stage.places or 0, "places")],
                ratios[position],
                member=code,
            )
            for position, code in enumerate(state.members)
        ]
        if state.workings is not None
        else []
    )
    return ratios, rows
