"""Municipalities to share costs: municipalities of Kumamoto that are active members, a rule that was adopted, a cost.

Figures are those of the census of 2020-10-01 for the municipalities of the published-rule example S13; which of them
take part is arbitrary.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from billing.costs.commands import DefineCostPool, RecordCost, define_cost_pool, record_cost
from billing.costs.states import ItemKind
from billing.runs.commands import (
    AllocationPrepared,
    ApproveAllocation,
    PrepareAllocation,
    approve_allocation,
    prepare_allocation,
)
from billing.runs.preview import Preview, preview
from billing.runs.states import RunKind
from governance.agreements.commands import AcceptAgreement, PublishAgreement, accept_agreement, publish_agreement
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.rules.commands import AdoptRule, DraftRule, adopt_rule, draft_rule
from tenancy import directory
from tenancy.directory import TenantKind, TenantState
from tenancy.tenants.commands import (
    ChangeTenantState,
    RegisterTenant,
    StatisticInput,
    change_tenant_state,
    register_tenant,
)
from tenancy.tenants.states import StatisticKind
from tests.actors import Actors

IN_FISCAL_YEAR_2025: Final = datetime(2025, 6, 2, 1, 0, tzinfo=UTC)
"""A Monday morning in Japan, within the fiscal year 2025."""

CENSUS_DAY: Final = date(2020, 10, 1)
CENSUS: Final = "令和2年国勢調査"

THIRTEEN: Final = {
    "431001": ("熊本市", 738865),
    "432024": ("八代市", 123067),
    "432041": ("荒尾市", 50832),
    "432067": ("玉名市", 64292),
    "432105": ("菊池市", 46416),
    "432113": ("宇土市", 36122),
    "432130": ("宇城市", 57032),
    "432156": ("天草市", 75783),
    "432164": ("合志市", 61772),
    "434035": ("大津町", 35187),
    "434043": ("菊陽町", 43337),
    "434434": ("益城町", 32510),
    "435317": ("苓北町", 7114),
}

EIGHT: Final = {
    "432032": ("人吉市", 31108),
    "432059": ("水俣市", 23557),
    "432083": ("山鹿市", 49025),
    "432121": ("上天草市", 24563),
    "432148": ("阿蘇市", 24930),
    "433683": ("長洲町", 15372),
    "434418": ("御船町", 16303),
    "434825": ("芦北町", 15681),
}

MOST_POPULOUS: Final = (
    ("431001", ("熊本市", 738865)),
    ("432024", ("八代市", 123067)),
    ("432156", ("天草市", 75783)),
    ("432067", ("玉名市", 64292)),
    ("432164", ("合志市", 61772)),
    ("432130", ("宇城市", 57032)),
    ("432041", ("荒尾市", 50832)),
    ("432083", ("山鹿市", 49025)),
    ("432105", ("菊池市", 46416)),
    ("434043", ("菊陽町", 43337)),
    ("432113", ("宇土市", 36122)),
    ("434035", ("大津町", 35187)),
    ("434434", ("益城町", 32510)),
    ("432032", ("人吉市", 31108)),
    ("432148", ("阿蘇市", 24930)),
    ("432121", ("上天草市", 24563)),
    ("432059", ("水俣市", 23557)),
    ("434418", ("御船町", 16303)),
    ("434825", ("芦北町", 15681)),
    ("433683", ("長洲町", 15372)),
    ("435147", ("あさぎり町", 14676)),
)
"""The 21 of the example, most people first: 13 take part, then the next eight come in."""

BODY: Final[dict[str, Any]] = {
    "components": [
        {"name": "均等割", "ratio": "1/10", "basis": "equal"},
        {
            "name": "人口割",
            "ratio": "9/10",
            "basis": "statistic:population",
            "basis_date": "2020-10-01",
            "source": "国勢調査",
        },
    ],
    "operator_ratio": "1/2",
    "rounding": "floor_total__residual_to_operator",
    "unit_yen": 1,
    "deductions": ["grant"],
    "inclusion": "members_of_year",
}


class BillingFactory:
    """Creates billing data through the commands, as people of the operator."""

    def __init__(self, actors: Actors) -> None:
        self.actors = actors
        self.ids: dict[str, UUID] = {}
        self._agreement: UUID | None = None

    def add_members(
        self, members: dict[str, tuple[str, int]], *, without_figure: Iterable[str] = (), since: date = date(2025, 4, 1)
    ) -> None:
        """Bring municipalities in as active members, each with its census population."""
        for code, (name, population) in members.items():
            figure = StatisticInput(
                kind=StatisticKind.POPULATION, value=str(population), basis_date=CENSUS_DAY, source=CENSUS
            )
            kinds = {"市": TenantKind.CITY, "町": TenantKind.TOWN, "村": TenantKind.VILLAGE}
            tenant_id = register_tenant(
                RegisterTenant(
                    code=code,
                    name=name,
                    kana="ダンタイ",
                    kind=kinds[name[-1]],
                    valid_from=since,
                    statistics=() if code in without_figure else (figure,),
                ),
                actor=self.actors.onboarding,
            ).tenant_id
            self.ids[code] = tenant_id
            self._accept(tenant_id, name)
            for state in (TenantState.SCREENING, TenantState.AGREED, TenantState.PROVISIONING, TenantState.ACTIVE):
                self.change_state(code, state)

    def change_state(self, code: str, to: TenantState, effective_on: date | None = None) -> None:
        """Move a member to another state."""
        change_tenant_state(
            ChangeTenantState(tenant_id=self.ids[code], to=to, reason="テスト", effective_on=effective_on),
            actor=self.actors.onboarding,
        )

    def draft(self, body: dict[str, Any] | None = None, valid_from: date = date(2025, 4, 1)) -> UUID:
        """Write a version of the rule down, and the pool that goes by it. Nobody has adopted it yet."""
        version = draft_rule(
            DraftRule(name="running-cost", label="運営経費負担規則", body=body or BODY, valid_from=valid_from),
            actor=self.actors.finance,
        )
        define_cost_pool(
            DefineCostPool(name="running", label="運営経費", rule="running-cost"), actor=self.actors.finance
        )
        return version.version_id

    def adopt(self, version_id: UUID, number: str = "令和7年度第1号") -> None:
        """Record the decision of the council."""
        adopt_rule(
            AdoptRule(
                version_id=version_id, decided_by="運営協議会", decision_number=number, decided_on=date(2025, 3, 24)
            ),
            actor=self.actors.finance,
        )

    def record(self, yen: int, kind: ItemKind = ItemKind.COST, name: str = "データ連携基盤運用保守") -> UUID:
        """Record a cost, or a deduction, of the fiscal year 2025."""
        return record_cost(
            RecordCost(fiscal_year=2025, pool="running", kind=kind, name=name, yen=yen, source="契約書第12号"),
            actor=self.actors.finance,
        ).item_id

    def preview(self) -> Preview:
        """What the year's split would be now."""
        with tenant_scope(OPERATOR):
            return preview(db.session(), 2025, directory.members_of_year(db.session(), 2025))

    def prepare(self, kind: RunKind = RunKind.ESTIMATE) -> AllocationPrepared:
        """Ask for approval of the year's split."""
        return prepare_allocation(PrepareAllocation(fiscal_year=2025, kind=kind), actor=self.actors.finance)

    def approve(self, prepared: AllocationPrepared) -> None:
        """Approve it as another person."""
        approve_allocation(
            ApproveAllocation(run_id=prepared.run_id, digest=prepared.digest), actor=self.actors.approver
        )

    def _accept(self, tenant_id: UUID, name: str) -> None:
        if self._agreement is None:
            self._agreement = publish_agreement(
                PublishAgreement(
                    name="joint-use",
                    title="共同利用協定",
                    language="ja",
                    text="共に使う。",
                    effective_from=date(2025, 4, 1),
                ),
                actor=self.actors.onboarding,
            ).version_id
        accept_agreement(
            AcceptAgreement(
                tenant_id=tenant_id,
                version_id=self._agreement,
                signer_name="山田 太郎",
                signer_title="首長",
                on_behalf_of=name,
                authority="首長",
                signed_on=date(2025, 4, 1),
            ),
            actor=self.actors.onboarding,
        )
