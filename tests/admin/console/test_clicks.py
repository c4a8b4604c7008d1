"""From the first page to each of the commonest actions in at most three clicks, as the person who does them.

Home is no click; following a link or sending a search form is one. What a closed `<details>` hides (the menu of a
narrow screen, one's own menu in the header) costs one more: that it is opened.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin, urlsplit

import pytest

from billing.runs.commands import DraftRevision, draft_revision
from billing.runs.states import RunKind
from governance.permissions import Role
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit

MAX_CLICKS: Final = 3


@dataclass(frozen=True)
class Action:
    """Something a role does often: in words, and the address of its form, page or file; `*` is one of many."""

    words: str
    address: str

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.address).replace(r"\*", r"[^/]+?") + "$")


ACTIONS: Final[dict[Role, tuple[Action, ...]]] = {
    Role.OPERATOR_ONBOARDING: (
        Action("参加団体を登録する", "/tenants/new"),
        Action("参加団体をファイルから登録する", "/tenants/import"),
        Action("参加団体の登録内容を変える", "/tenants/*/edit"),
        Action("参加団体の状態を進める", "/tenants/*/state"),
        Action("統計値を登録する", "/tenants/*/statistics/record"),
        Action("連絡先を登録する", "/tenants/*/contacts/*"),
        Action("利用者を追加する", "/tenants/*/people/new"),
        Action("参加期を定める", "/define-cohort"),
        Action("参加計画を見て手続を始める", "/cohorts/*/plan"),
        Action("1団体の参加手続を始める", "/tenants/*/onboarding"),
        Action("参加手続の止まった手順の扱いを決める", "/onboardings/*"),
        Action("利用プランを割り当てる", "/tenants/*/plan"),
        Action("利用枠の申請を決定する", "/quota-requests/*"),
        Action("協定を公示する", "/agreements/publish"),
        Action("協定に同意していない団体に催促する", "/agreements/*/remind"),
        Action("お知らせを出す", "/announcements/new"),
    ),
    Role.OPERATOR_FINANCE: (
        Action("経費を登録する", "/costs/record"),
        Action("経費の登録を取り消す", "/costs/*/withdraw"),
        Action("負担金算定規程の案を作る", "/rules/draft"),
        Action("規程の施行を申請する", "/rules/*/adopt"),
        Action("按分を試算する", "/allocations/prepare"),
        Action("作られた按分の案を提出する", "/allocations/*/submit"),
        Action("納入通知書を発行する", "/allocations/*/notices"),
        Action("納入通知書をまとめてPDFで取り出す", "/allocations/*/notices.pdf"),
        Action("仕訳を記帳する", "/ledger/*/entries/post"),
        Action("会計年度を締め切る", "/ledger/years/*/state"),
    ),
    Role.OPERATOR_APPROVER: (
        Action("按分を承認する", "/allocations/*/approve"),
        Action("申請を承認する・差し戻す", "/approvals/*/decide"),
    ),
    Role.OPERATOR_AUDITOR: (
        Action("操作の記録を取り出す", "/audit.csv"),
        Action("操作の記録を検証する", "/audit/verification"),
        Action("団体の負担額の算定根拠を見る", "/shares/*"),
        Action("元帳を取り出す", "/ledger/*/entries.csv"),
    ),
    Role.TENANT_OWNER: (
        Action("利用者を追加する", "/tenants/*/people/new"),
        Action("利用者を停止する", "/tenants/*/people/*/disable"),
        Action("連携システムを登録する", "/tenants/*/clients/new"),
        Action("利用枠の変更を申請する", "/tenants/*/quotas/request"),
        Action("協定に同意する", "/tenants/*/agreements/*"),
    ),
    Role.TENANT_FINANCE: (
        Action("負担額と算定根拠を見る", "/shares/*"),
        Action("納入通知書をPDFで開く", "/notices/*.pdf"),
        Action("負担金の台帳を取り出す", "/ledger/*/contributions.csv"),
    ),
}


class Page(HTMLParser):
    """The addresses that a page leads to, each with the clicks it takes, and those that its forms are sent to."""

    def __init__(self, address: str, text: str) -> None:
        super().__init__()
        self._address, self._closed, self._depth = address, [False], 0
        self.leads: list[tuple[str, int]] = []
        self.sends: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "details":
            self._closed.append(self._closed[-1] or "open" not in given)
        elif tag == "a" and given.get("href"):
            self._lead(given["href"] or "")
        elif tag == "form" and (given.get("method") or "get").lower() == "get":
            self._lead(given.get("action") or "")
        elif tag == "form":
            self.sends.add(self._path(given.get("action") or ""))
        elif tag == "button" and given.get("formaction"):
            self.sends.add(self._path(given["formaction"] or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "details":
            self._closed.pop()

    def _lead(self, address: str) -> None:
        there = urlsplit(urljoin(self._address, address))
        if not there.scheme and not there.netloc and there.path.startswith("/"):
            self.leads.append((there._replace(fragment="").geturl(), 1 + self._closed[-1]))

    def _path(self, address: str) -> str:
        return urlsplit(urljoin(self._address, address)).path


_ONE_OF_MANY: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_NO_PAGE: Final = re.compile(r"\.(pdf|csv|xlsx|json|txt|zip)$|^/(login|logout|api|static|backoffice|help)")
_OF_A_KIND: Final = 6
"""How many pages of a kind are opened: which one of many leads on depends on its state."""


@dataclass
class Walk:
    """Where a person comes to from home: address → the fewest clicks."""

    visit: Visit
    clicks: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        opened: dict[str, int] = {}
        ahead = deque([("/", 0)])
        while ahead:
            address, taken = ahead.popleft()
            path = urlsplit(address).path
            if self.clicks.setdefault(path, taken) < taken and "?" not in address:
                continue
            kind = _ONE_OF_MANY.sub("*", path) + ("?" if "?" in address else "")
            if taken > MAX_CLICKS or _NO_PAGE.search(path) or opened.setdefault(kind, 0) >= _OF_A_KIND:
                continue
            opened[kind] += 1
            answer = self.visit.get(address)
            self.answers[path] = answer.status_code
            if answer.status_code == 200 and answer.mimetype == "text/html":
                page = Page(address, answer.text)
                for one in page.sends:
                    self.clicks[one] = min(taken, self.clicks.get(one, taken))
                ahead.extend(self._next(page.leads, taken))

    def _next(self, leads: list[tuple[str, int]], taken: int) -> Iterator[tuple[str, int]]:
        for address, costs in leads:
            path = urlsplit(address).path
            if taken + costs < self.clicks.get(path, MAX_CLICKS + 1) or ("?" in address and taken + costs < MAX_CLICKS):
                self.clicks[path] = min(taken + costs, self.clicks.get(path, MAX_CLICKS + 1))
                yield address, taken + costs

    def to(self, action: Action) -> int | None:
        """The fewest clicks to what the action's address names; None where it is further than anybody looked."""
        found = [clicks for path, clicks in self.clicks.items() if action.pattern.match(path)]
        return min(found, default=None)


@pytest.fixture
def busy(sample: ConsoleSample) -> ConsoleSample:
    """What each action is about: something to approve, to submit, to notify, to adopt, to accept, to decide."""
    factory = sample.factory
    factory.start_onboarding(sample.joining["432032"])
    factory.publish(date(2025, 7, 1), "第1条 目的の変更")
    factory.draft()
    factory.record(1_200_000, name="追加の経費")
    factory.approve(factory.prepare(RunKind.REVISION))
    factory.record(2_400_000, name="さらに追加の経費")
    return sample


def test_the_commonest_actions_are_forty() -> None:
    assert sum(map(len, ACTIONS.values())) == 40
    for role, actions in ACTIONS.items():
        assert len({one.address for one in actions}) == len(actions), role


@pytest.mark.parametrize("role", ACTIONS, ids=str)
def test_from_home_no_common_action_is_further_than_three_clicks(
    busy: ConsoleSample, visit_as: Callable[[Role], Visit], role: Role
) -> None:
    finance = busy.factory.actors.finance
    if role is Role.OPERATOR_FINANCE:
        draft_revision(DraftRevision(fiscal_year=2025), actor=finance)
    else:
        busy.factory.prepare(RunKind.REVISION)

    walk = Walk(visit_as(role))

    taken = {one.words: walk.to(one) for one in ACTIONS[role]}

    assert {words: clicks for words, clicks in taken.items() if clicks is None or clicks > MAX_CLICKS} == {}
    assert {path: status for path, status in walk.answers.items() if status != 200} == {}
