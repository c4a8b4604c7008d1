"""The workings of a case of stages: a flat list in which each entry names what it was made of, what it needs first.

An entry is `{id, stage, member?, formula, inputs, exact, …}`. An input is the id of an earlier entry or a figure
`{value, …}`. From the list alone everything can be computed again: `docs/recompute_workings.py` does, and says each
formula.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import gcd
from typing import Any

from billing.allocation.staged_case import FigureEntry
from governance.rules.yearly import Reference

Row = dict[str, Any]
Input = str | dict[str, Any]


class Workings:
    """Collects entries; refuses an id that was used, so that each entry is one fact."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._ids: set[str] = set()
        self._used: set[str] = set()

    def add(
        self,
        id: str,
        stage: str,
        formula: str,
        inputs: Iterable[Input],
        exact: Fraction | str,
        *,
        member: str | None = None,
        reference: Reference | None = None,
        **more: Any,
    ) -> str:
        """Add an entry and give its id."""
        if id in self._ids:
            raise ArithmeticError(f"two workings of one id: {id}")
        self._ids.add(id)
        row: Row = {"id": id, "stage": stage}
        inputs = list(inputs)
        self._used.update(one for one in inputs if isinstance(one, str))
        if member is not None:
            row["member"] = member
        row |= {"formula": formula, "inputs": inputs, "exact": exact if isinstance(exact, str) else str(exact)}
        row |= more
        if reference is not None:
            row["reference"] = reference.model_dump(exclude_none=True)
        self.rows.append(row)
        return id

    def close(self) -> None:
        """The last entry: it names each that no other one does, so that none can be left out unseen."""
        last = [row["id"] for row in self.rows if row["id"] not in self._used]
        self.add("complete", "end", "complete", last, Fraction(len(self.rows)))


def reduced(numerator: int, denominator: int) -> str:
    """The text of a reduced fraction, without making a Fraction of it."""
    if denominator == 1:
        return str(numerator)
    common = gcd(numerator, denominator)
    if common == denominator:
        return str(numerator // common)
    return f"{numerator // common}/{denominator // common}"


def figure_input(figure: FigureEntry) -> Input:
    """A figure as an input of the workings, with its provenance."""
    found = {"value": str(figure.value), "basis": figure.basis, "date": figure.on.isoformat()}
    for name in ("unit", "source", "document", "entered_by", "checked_by"):
        text = getattr(figure, name)
        if text is not None:
            found[name] = text
    return found


def number_input(value: Fraction | int, name: str, **more: Any) -> Input:
    """A number of the rule or of the year as an input: what it is, and its value."""
    return {"value": str(value), "name": name, **more}
