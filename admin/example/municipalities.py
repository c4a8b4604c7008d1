"""Which municipalities take part in the example: a rule over the census, since the real list is not published."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from tenancy.tenants.municipality_columns import SOURCE_OF
from tenancy.tenants.states import StatisticKind

FILE: Final = Path(__file__).with_name("kumamoto_municipalities.csv")

FIRST: Final = 13
SECOND: Final = 8

CENSUS_DAY: Final = date(2020, 10, 1)
BASIS_DATES: Final = {
    StatisticKind.POPULATION: CENSUS_DAY,
    StatisticKind.HOUSEHOLDS: CENSUS_DAY,
    # 令和3年度's index is a figure of the whole fiscal year, known at its end.
    StatisticKind.FISCAL_INDEX: date(2022, 3, 31),
}
_CENSUS: Final = "令和2年国勢調査（e-Stat 社会・人口統計体系）; 例示データ"
SOURCES: Final = {
    StatisticKind.POPULATION: _CENSUS,
    StatisticKind.HOUSEHOLDS: _CENSUS,
    StatisticKind.FISCAL_INDEX: "総務省 令和3年度 主要財政指標; 例示データ",
}

# The file does not say of which day the area is, so it is left out.
_COLUMNS: Final = ("code6", "name_ja", "kana", "name_en", "kind", "population_2020", "households_2020", "fiscal_index")


@dataclass(frozen=True, slots=True)
class Municipality:
    """One row of the file."""

    code: str
    name: str
    population: int
    row: tuple[str, ...]


def by_population() -> list[Municipality]:
    """All municipalities of the file, the most populous first; the lower code first where two are equal."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [
        Municipality(
            row["code6"], row["name_ja"], int(row["population_2020"]), tuple(row[column] for column in _COLUMNS)
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (-one.population, one.code))


def first_members() -> list[Municipality]:
    """The 13 that take part from the beginning."""
    return by_population()[:FIRST]


def second_members() -> list[Municipality]:
    """The 8 that come in with the cohort of the fiscal year."""
    return by_population()[FIRST : FIRST + SECOND]


def next_member() -> Municipality:
    """The one that applies to take part after these."""
    return by_population()[FIRST + SECOND]


def as_csv(municipalities: Sequence[Municipality]) -> bytes:
    """A file of these alone, for the import."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow((*_COLUMNS, *(f"{kind.value}{SOURCE_OF}" for kind in SOURCES)))
    writer.writerows((*one.row, *SOURCES.values()) for one in municipalities)
    return out.getvalue().encode()
