"""The bases that a form offers for a component of a rule, with their wording."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class Basis(LabelledEnum):
    """A basis (按分基準) as a rule's body writes it: its kind, and for a statistic which one."""

    EQUAL = "equal", "均等", "equal"
    EQUAL_BY_KIND = "equal_by_kind", "種別ごとの均等", "equal by kind"
    FIXED = "fixed", "協議で定めた割合", "agreed ratio"
    POPULATION = "statistic:population", "人口", "population"
    HOUSEHOLDS = "statistic:households", "世帯数", "households"
    AREA_KM2 = "statistic:area_km2", "面積", "area"
    FISCAL_INDEX = "statistic:fiscal_index", "財政力指数", "fiscal index"
