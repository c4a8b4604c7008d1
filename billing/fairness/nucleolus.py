"""The nucleolus: the division whose worst-treated coalition is treated best, then the second worst, and so on.

One linear program a level: min ε with x(S) − c(S) ≤ ε for the coalitions still free, x(N) = c(N), xᵢ ≤ c(i). HiGHS
(in floats) proposes a basis; its equations are solved in fractions, every constraint is tested in integers and the
prices are tested for their sign, which proves the optimum. Where the proposal is off, the simplex method goes on from
it in fractions. Coalitions with a positive price are tight in every optimum: these are fixed, and whatever they span.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import Any, Final

import highspy
import numpy as np

from billing.fairness.game import TableGame, subset_sums

MAX_PLAYERS: Final = 12

Vector = tuple[Fraction, ...]


@dataclass(frozen=True)
class Nucleolus:
    """The division by player, and the excess of the worst-treated coalition: above 0 the core is empty."""

    shares: tuple[Fraction, ...]
    worst_excess: Fraction


def nucleolus(game: TableGame, *, individually_rational: bool = True) -> Nucleolus | None:
    """The nucleolus, or without individual rationality the pre-nucleolus; None where no division is rational.

    Raises ValueError for more than MAX_PLAYERS players.
    """
    count = len(game.players)
    if count > MAX_PLAYERS:
        raise ValueError(f"at most {MAX_PLAYERS} players")
    everybody = (1 << count) - 1
    if count == 1:
        return Nucleolus((game.cost(1),), Fraction(0))
    alone = [game.costs[1 << place] for place in range(count)]
    if individually_rational and sum(alone) < game.costs[everybody]:
        return None
    fixed: list[tuple[int, int, Fraction]] = [(everybody, 0, Fraction(game.costs[everybody]))]
    free = list(range(1, everybody))
    worst: Fraction | None = None
    x: Vector = ()
    while len(fixed) < count:
        level = _Level(count, free, game.costs, fixed, alone if individually_rational else None)
        x, epsilon, prices = level.solve()
        worst = epsilon if worst is None else worst
        for row, price in prices:
            if price > 0 and _rank([*(mask for mask, _, _ in fixed), row.mask], count) > len(fixed):
                fixed.append((row.mask, 0, sum((x[p] for p in range(count) if row.mask >> p & 1), Fraction(0))))
        free = _outside_span(free, [mask for mask, _, _ in fixed], count)
        if not free:
            break
    shares = (
        _solve([_unit(mask, count) for mask, _, _ in fixed], [value for _, _, value in fixed])
        if (len(fixed) == count)
        else x
    )
    scaled = tuple(share / game.scale for share in shares)
    return Nucleolus(scaled, (worst or Fraction(0)) / game.scale)


@dataclass(frozen=True, slots=True)
class _Row:
    """One constraint: x(mask) − ε·excess ≤ value, or = value."""

    mask: int
    excess: int
    value: Fraction
    is_equation: bool


class _Level:
    """The linear program of one level. Its variables are x of each player, then ε."""

    def __init__(
        self,
        count: int,
        free: Sequence[int],
        costs: Sequence[int],
        fixed: Sequence[tuple[int, int, Fraction]],
        alone: Sequence[int] | None,
    ) -> None:
        self.count = count
        self.rows = [_Row(mask, 0, value, True) for mask, _, value in fixed]
        self.rows += [_Row(mask, 1, Fraction(costs[mask]), False) for mask in free]
        if alone is not None:
            self.rows += [_Row(1 << place, 0, Fraction(cost), False) for place, cost in enumerate(alone)]
        self.largest = max(1, max(map(abs, costs)))

    def solve(self) -> tuple[Vector, Fraction, list[tuple[_Row, Fraction]]]:
        """The division, its ε, and the price of each active inequality."""
        basis = self._independent(self._proposed())
        for _ in range(10_000):
            point = _solve([self._coefficients(row) for row in basis], [row.value for row in basis])
            prices = self._prices(basis)
            wrong = next((place for place, row in enumerate(basis) if not row.is_equation and prices[place] < 0), None)
            broken = self._broken(point)
            if wrong is None and broken is None:
                active = [(row, price) for row, price in zip(basis, prices, strict=True) if not row.is_equation]
                return point[: self.count], point[self.count], active
            if wrong is None and broken is not None:
                basis = self._dual_step(basis, prices, broken)
            elif broken is None and wrong is not None:
                basis = self._primal_step(basis, point, wrong)
            else:
                # Neither feasible nor priced right: begin where every price is right, one row after the other.
                basis = self._priced_basis()
        raise ArithmeticError("the simplex method did not end")

    def _coefficients(self, row: _Row) -> Vector:
        return (*_unit(row.mask, self.count), Fraction(-row.excess))

    def _proposed(self) -> list[_Row]:
        """The rows that HiGHS has at their bound."""
        highs = highspy.Highs()  # type: ignore[no-untyped-call]
        highs.silent()
        highs.setOptionValue("threads", 1)
        count = self.count + 1
        infinity = highspy.kHighsInf
        highs.addVars(count, np.full(count, -infinity), np.full(count, infinity))
        highs.changeColCost(self.count, 1.0)
        upper = np.array([float(row.value / self.largest) for row in self.rows])
        lower = np.where([row.is_equation for row in self.rows], upper, -infinity)
        masks = np.array([row.mask for row in self.rows], dtype=np.int64)
        matrix = ((masks[:, None] >> np.arange(self.count)) & 1).astype(np.float64)
        excess = np.array([[-float(row.excess)] for row in self.rows])
        matrix = np.hstack([matrix, excess])
        used = matrix != 0
        starts = np.concatenate(([0], np.cumsum(used.sum(axis=1))[:-1])).astype(np.int32)
        columns = np.nonzero(used)[1].astype(np.int32)
        highs.addRows(len(self.rows), lower, upper, len(columns), starts, columns, matrix[used])
        highs.run()
        status = highs.getBasis().row_status
        basic = highspy.HighsBasisStatus.kBasic
        return [row for row, of_row in zip(self.rows, status, strict=True) if of_row != basic or row.is_equation]

    def _independent(self, proposed: Sequence[_Row]) -> list[_Row]:
        """As many independent rows as variables: equations first, the proposed ones, then any that fit."""
        basis: list[_Row] = []
        space = _Space()
        ordered = [row for row in self.rows if row.is_equation] + list(proposed) + self.rows
        for row in ordered:
            if len(basis) == self.count + 1:
                break
            if space.add(self._coefficients(row)):
                basis.append(row)
        return basis

    def _priced_basis(self) -> list[_Row]:
        """A basis whose prices are right: S and N∖S share the price of ε; the rest has price 0."""
        equations = [row for row in self.rows if row.is_equation]
        free = [row for row in self.rows if row.excess]
        space = _Space()
        basis = []
        for row in equations:
            if space.add(self._coefficients(row)):
                basis.append(row)
        # The last row that completes the space of x makes ε; a balanced pair does it with prices of 1/2 each.
        by_mask = {row.mask: row for row in free}
        everybody = (1 << self.count) - 1
        for row in free:
            other = by_mask.get(everybody & ~row.mask)
            if other is None:
                continue
            trial = _Space([self._coefficients(one) for one in basis])
            if trial.add(self._coefficients(row)) and trial.add(self._coefficients(other)):
                pair = [*basis, row, other]
                for more in self.rows:
                    if len(pair) == self.count + 1:
                        break
                    if trial.add(self._coefficients(more)):
                        pair.append(more)
                if len(pair) == self.count + 1 and all(
                    price >= 0 or row.is_equation for row, price in zip(pair, self._prices(pair), strict=True)
                ):
                    return pair
        raise ArithmeticError("no basis with right prices was found")

    def _prices(self, basis: Sequence[_Row]) -> Vector:
        """λ with Σ λ·row = −(0, …, 0, 1): an optimum's are 0 or more on inequalities."""
        columns = [self._coefficients(row) for row in basis]
        transposed = [tuple(column[place] for column in columns) for place in range(self.count + 1)]
        return _solve(transposed, [Fraction(0)] * self.count + [Fraction(-1)])

    def _broken(self, point: Vector) -> _Row | None:
        """The constraint that a point breaks most; None where it keeps all. In whole numbers."""
        common = lcm(*(value.denominator for value in point))
        whole = [value.numerator * (common // value.denominator) for value in point]
        sums = subset_sums(whole[: self.count])
        epsilon = whole[self.count]
        worst = Fraction(0)
        found: _Row | None = None
        for row in self.rows:
            value = row.value * common
            over = sums[row.mask] - row.excess * epsilon - value
            if over > worst and not row.is_equation:
                worst, found = over, row
        return found

    def _dual_step(self, basis: list[_Row], prices: Vector, entering: _Row) -> list[_Row]:
        """Exchange a row for the broken one, keeping the prices right."""
        columns = [self._coefficients(row) for row in basis]
        transposed = [tuple(column[place] for column in columns) for place in range(self.count + 1)]
        parts = _solve(transposed, list(self._coefficients(entering)))
        ratios = [
            (prices[place] / part, place)
            for place, part in enumerate(parts)
            if part > 0 and not basis[place].is_equation
        ]
        if not ratios:
            raise ArithmeticError("the linear program has no solution")
        _, leaving = min(ratios)
        return [*basis[:leaving], *basis[leaving + 1 :], entering]

    def _primal_step(self, basis: list[_Row], point: Vector, leaving: int) -> list[_Row]:
        """Leave a row whose price is wrong, and go along the edge to the next constraint."""
        columns = [self._coefficients(row) for row in basis]
        slack = [Fraction(-1) if place == leaving else Fraction(0) for place in range(len(basis))]
        direction = _solve(columns, slack)
        best: tuple[Fraction, int] | None = None
        for place, row in enumerate(self.rows):
            coefficients = self._coefficients(row)
            rise = sum((a * d for a, d in zip(coefficients, direction, strict=True)), Fraction(0))
            if row.is_equation or rise <= 0:
                continue
            slack_left = row.value - sum((a * x for a, x in zip(coefficients, point, strict=True)), Fraction(0))
            if best is None or (slack_left / rise, place) < best:
                best = (slack_left / rise, place)
        if best is None:
            raise ArithmeticError("the linear program has no end")
        return [*basis[:leaving], *basis[leaving + 1 :], self.rows[best[1]]]


class _Space:
    """The span of vectors, grown one by one."""

    def __init__(self, vectors: Sequence[Vector] = ()) -> None:
        self._reduced: list[tuple[int, Vector]] = []
        for vector in vectors:
            self.add(vector)

    def add(self, vector: Vector) -> bool:
        """Add a vector; False where the space holds it already."""
        rest = list(vector)
        for pivot, row in self._reduced:
            factor = rest[pivot]
            if factor:
                rest = [a - factor * b for a, b in zip(rest, row, strict=True)]
        pivot = next((place for place, value in enumerate(rest) if value), -1)
        if pivot < 0:
            return False
        self._reduced.append((pivot, tuple(value / rest[pivot] for value in rest)))
        return True

    @property
    def rank(self) -> int:
        return len(self._reduced)


def _unit(mask: int, count: int) -> Vector:
    return tuple(Fraction(mask >> place & 1) for place in range(count))


def _rank(masks: Sequence[int], count: int) -> int:
    return _Space([_unit(mask, count) for mask in masks]).rank


def _outside_span(masks: Sequence[int], fixed: Sequence[int], count: int) -> list[int]:
    """The coalitions that the fixed ones do not determine: those not orthogonal to all that is orthogonal to these."""
    null = _null_space([_unit(mask, count) for mask in fixed], count)
    if not null:
        return []
    of_player = np.array(null, dtype=object).T
    members: Any = (np.array(masks, dtype=np.int64)[:, None] >> np.arange(count)) & 1
    if np.abs(of_player).max() < 2**40:
        products = members @ of_player.astype(np.int64)
    else:
        products = members.astype(object) @ of_player
    return [mask for mask, row in zip(masks, products, strict=True) if any(row)]


def _null_space(rows: Sequence[Vector], count: int) -> list[list[int]]:
    """Whole vectors that span what is orthogonal to the rows."""
    matrix = [list(row) for row in rows]
    pivots: list[int] = []
    for column in range(count):
        place = next((n for n in range(len(pivots), len(matrix)) if matrix[n][column]), None)
        if place is None:
            continue
        at = len(pivots)
        matrix[at], matrix[place] = matrix[place], matrix[at]
        lead = matrix[at][column]
        matrix[at] = [value / lead for value in matrix[at]]
        for n, row in enumerate(matrix):
            if n != at and row[column]:
                factor = row[column]
                matrix[n] = [a - factor * b for a, b in zip(row, matrix[at], strict=True)]
        pivots.append(column)
    found = []
    for column in range(count):
        if column in pivots:
            continue
        vector = [Fraction(0)] * count
        vector[column] = Fraction(1)
        for place, pivot in enumerate(pivots):
            vector[pivot] = -matrix[place][column]
        common = lcm(*(value.denominator for value in vector))
        whole = [value.numerator * (common // value.denominator) for value in vector]
        shrink = gcd(*whole)
        found.append([value // shrink for value in whole])
    return found


def _solve(rows: Sequence[Vector], values: Sequence[Fraction]) -> Vector:
    """The one solution of as many independent equations as unknowns, in fractions. Raises ArithmeticError otherwise."""
    matrix = [[*row, value] for row, value in zip(rows, values, strict=True)]
    size = len(matrix)
    for column in range(size):
        place = next((n for n in range(column, size) if matrix[n][column]), None)
        if place is None:
            raise ArithmeticError("the equations are not independent")
        matrix[column], matrix[place] = matrix[place], matrix[column]
        lead = matrix[column][column]
        matrix[column] = [value / lead for value in matrix[column]]
        for n in range(size):
            if n != column and matrix[n][column]:
                factor = matrix[n][column]
                matrix[n] = [a - factor * b for a, b in zip(matrix[n], matrix[column], strict=True)]
    return tuple(row[size] for row in matrix)
