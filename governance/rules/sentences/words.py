"""What the rule's own names are called in its sentences: statistics, metrics of use, kinds of members and of money.

A name without a word here is written as itself, in quotation marks.
"""

from __future__ import annotations

from typing import Final

from governance.kernel.labels import Label

STATISTICS: Final[dict[str, Label]] = {
    "statistic:population": Label("人口", "population"),
    "statistic:population_65plus": Label("65歳以上人口", "population aged 65 or over"),
    "statistic:households": Label("世帯", "households"),
    "statistic:area_km2": Label("面積", "area"),
    "statistic:fiscal_index": Label("財政力指数", "fiscal index"),
    "statistic:standard_fiscal_need": Label("基準財政需要額", "standard fiscal need"),
    "statistic:fire_service_fiscal_need": Label("消防費基準財政需要額", "standard fiscal need for fire services"),
    "statistic:local_tax_revenue": Label("地方税収入額", "local tax revenue"),
    "statistic:staff": Label("職員数", "staff"),
}
METRICS: Final[dict[str, Label]] = {
    "usage:api_calls": Label("API利用回数", "API calls"),
    "usage:users": Label("利用者数", "users"),
    "usage:storage_gib": Label("保存容量", "storage"),
    "usage:visits": Label("受診者数", "patients"),
    "usage:consultations": Label("相談件数", "consultations"),
    "usage:delivered_volume": Label("搬入量", "volume delivered"),
}
SHORT_METRICS: Final[dict[str, Label]] = {"usage:api_calls": Label("利用回数", "number of calls")}
"""How a metric is called when it comes up again in the same sentence."""

KINDS: Final[dict[str, Label]] = {
    "city": Label("市", "city"),
    "town": Label("町", "town"),
    "village": Label("村", "village"),
    "prefecture": Label("都道府県", "prefecture"),
    "designated_city": Label("政令指定都市", "designated city"),
    "ward": Label("特別区", "special ward"),
}
DEDUCTED: Final[dict[str, Label]] = {
    "grant": Label("国県支出金", "grants"),
    "specific_revenue": Label("特定財源", "specific revenue"),
    "carry_over": Label("繰越金", "carry-over"),
    "other": Label("その他の収入", "other revenue"),
}
