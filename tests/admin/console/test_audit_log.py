"""The audit log in sentences: one row for each action, what it was about with a link, why, and filters by all of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from string import Formatter
from typing import Final

import pytest
from sqlalchemy import text

from admin.interface.audit_rows import group_by_action
from admin.interface.audit_sentences import FACTS, SENTENCES, sentence, sentence_of_many
from governance.audit.queries import events
from governance.audit.tables import BY_HAND
from governance.events import Event
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Message
from governance.permissions import Role
from tenancy.onboarding.commands import AdvanceStep, StartOnboarding, advance_step, start_onboarding
from tenancy.onboarding.step_actions import AGREEMENT_MISSING, KEYCLOAK_UNAVAILABLE, OWNER_MISSING
from tenancy.onboarding.steps import StepName, StepResult
from tenancy.people.commands import DisableMember, disable_member
from tenancy.people.queries import members
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit

VisitAs = Callable[[Role], Visit]

TAG: Final = re.compile(r"<[^>]+>")


def said(page: str) -> list[str]:
    """The sentences of the rows of a page."""
    return [unescape(TAG.sub("", one)) for one in re.findall(r'<span class="said">(.*?)</span>', page, re.DOTALL)]


def row_of(page: str, sentence: str) -> str:
    """The row of the page that has a sentence."""
    found = [row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if sentence in unescape(TAG.sub("", row))]
    assert len(found) == 1, found
    return str(found[0])


def stop(sample: ConsoleSample) -> str:
    """Suspend somebody of 熊本市 for a reason; returns the name."""
    owner = sample.people[Role.TENANT_OWNER]
    with tenant_scope(OPERATOR):
        found = members(db.session(), sample.tenant_id, clock.now())
        one = next(one for one in found if str(one.person_id) != owner.id and one.state in ("invited", "active"))
    command = DisableMember(tenant_id=sample.tenant_id, member_id=one.id, reason="人事異動")
    disable_member(command, actor=owner)
    return f"{one.family_name} {one.given_name}"


# ---- sentences ------------------------------------------------------------------------------------------------------


def test_every_placeholder_of_a_sentence_is_a_fact_or_a_name_in_both_languages() -> None:
    for event, one in SENTENCES.items():
        for variant in [*one.variants, *([one.many] if one.many else [])]:
            of = [{name for _, name, *_ in Formatter().parse(pair) if name} for pair in (variant.ja, variant.en)]
            assert of[0] == of[1], event
            assert of[0] <= {*FACTS, "object", "tenant", "count"}, event


def test_a_sentence_words_its_facts_in_the_readers_language() -> None:
    facts = {"from_state": "applied", "to_state": "screening", "digest": "sha256:00"}
    names = {"object": "熊本市", "tenant": "熊本市"}

    pieces = sentence(Event.TENANT_STATE_CHANGED, facts, names, "ja")

    assert "".join(piece.text for piece in pieces) == "熊本市の状態を「申請」から「審査中」に変えた"
    assert [piece.text for piece in pieces if piece.name == "object"] == ["熊本市"]
    english = "".join(piece.text for piece in sentence(Event.TENANT_STATE_CHANGED, facts, names, "en"))
    assert english.startswith("Changed the state of 熊本市 from ")
    assert "applied" not in "".join(piece.text for piece in pieces)


def test_a_role_is_said_with_whose_it_is_and_a_choice_without_when_it_is_possible() -> None:
    added = sentence(Event.MEMBER_ADDED, {"roles": ["operator-finance"]}, {"object": "肥後 花子"}, "ja")
    decided = sentence(Event.ONBOARDING_DECIDED, {"step": "people", "choice": "skip"}, {"tenant": "熊本市"}, "ja")

    assert "".join(piece.text for piece in added) == "肥後 花子を利用者に追加した（会計担当（県））"
    assert "".join(piece.text for piece in decided) == "熊本市の止まった手順「利用者」を「省く」に決めた"


def test_an_event_of_an_earlier_version_with_fewer_facts_says_its_label() -> None:
    assert [piece.text for piece in sentence(Event.QUOTA_DECIDED, {}, {}, "ja")] == ["利用枠の申請を決定した"]
    assert [piece.text for piece in sentence("gone.away", {}, {}, "ja")] == ["gone.away"]
    assert sentence_of_many(Event.MEMBER_DISABLED, 3, "ja") is None


# ---- rows -----------------------------------------------------------------------------------------------------------


def test_a_row_says_whom_it_was_about_and_why_and_leads_there(sample: ConsoleSample, visit_as: VisitAs) -> None:
    name = stop(sample)

    page = visit_as(Role.TENANT_OWNER).get("/audit")
    english = visit_as(Role.TENANT_OWNER).get("/audit?lang=en")

    sentence = f"{name}の利用を停止した（理由: 人事異動）"
    assert sentence in said(page.text)
    assert f'<a href="/tenants/{sample.tenant_id}/people">{name}</a>' in row_of(page.text, sentence)
    assert f"Suspended {name} (reason: 人事異動)" in said(english.text)
    assert "grants_ended" not in TAG.sub("", re.sub(r'<details class="raw">.*?</details>', "", page.text, flags=re.S))


def test_the_notices_of_one_command_are_one_row_with_its_parts(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = visit_as(Role.OPERATOR_AUDITOR).get("/audit?automatic=yes").text

    found = said(page)
    assert found.count("納入通知書を3通発行した") == 1
    row = row_of(page, "納入通知書を3通発行した")
    assert "八代市に納入通知書" in TAG.sub("", row)
    assert f'href="/notices/{sample.other_notice_id}"' in row
    assert not [one for one in found if "に納入通知書" in one]


def test_a_municipality_reads_its_own_part_and_that_it_was_the_prefectures_finance(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    page = visit_as(Role.TENANT_OWNER).get("/audit").text

    own = [one for one in said(page) if "に納入通知書" in one]
    assert len(own) == 1
    assert own[0].startswith("熊本市に納入通知書 ")
    assert "県の担当者（会計）" in page
    assert "他団体" not in page
    assert "八代市" not in page


def test_what_moyai_did_by_itself_is_shown_on_request(sample: ConsoleSample, visit_as: VisitAs) -> None:
    command = StartOnboarding(tenant_id=next(iter(sample.joining.values())))
    start_onboarding(command, actor=sample.factory.actors.onboarding)
    visit = visit_as(Role.OPERATOR_AUDITOR)
    with tenant_scope(OPERATOR):
        automatic = [
            event
            for event in events(db.session(), limit=1_000)
            if event.actor_kind == "system" and not event.actor.startswith("cli:")
        ]

    hidden, shown = visit.get("/audit").text, visit.get("/audit?automatic=yes").text

    assert "Moyai（自動処理）" not in hidden
    assert ("Moyai（自動処理）" in shown) == bool(automatic)


def test_what_was_refused_says_what_was_tried_and_why(sample: ConsoleSample, visit_as: VisitAs) -> None:
    actor = sample.people[Role.OPERATOR_ONBOARDING]
    applicant = sample.factory.register_applicant("434248", "小国町", population=6_000)
    with pytest.raises(Conflict):
        start_onboarding(StartOnboarding(tenant_id=applicant), actor=actor)

    found = said(visit_as(Role.OPERATOR_AUDITOR).get("/audit?outcome=refused").text)

    assert found == ["「参加手続の開始」は受け付けられなかった（理由: 「…」は「…」なので、参加手続を始められません。）"]


# ---- filters --------------------------------------------------------------------------------------------------------


def test_a_person_is_found_as_actor_and_as_object_and_a_stranger_is_not(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    name = stop(sample)
    visit = visit_as(Role.TENANT_OWNER)

    spaced, joined = visit.get(f"/audit?person={name}").text, visit.get(f"/audit?person={name.replace(' ', '')}").text
    nobody = visit.get("/audit?person=見知らぬ人").text

    assert f"{name}の利用を停止した（理由: 人事異動）" in said(spaced)
    assert said(spaced) == said(joined)
    assert all(name in one or name in row_of(spaced, one) for one in said(spaced))
    assert said(nobody) == []


def test_a_body_is_found_by_code_and_name_by_the_operator_alone(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_AUDITOR)
    by_code, by_name = visit.get("/audit?body=432024").text, visit.get("/audit?body=八代").text

    assert said(by_code) == said(by_name)
    assert said(by_code)
    assert not [one for one in said(by_code) if "熊本市" in one]
    assert said(visit.get("/audit?body=どこにもない町").text) == []
    others = visit_as(Role.TENANT_OWNER).get("/audit?body=八代").text
    assert said(others) == []
    assert 'name="body"' not in others


@pytest.mark.parametrize(("words", "found"), [("人事異動", True), ("停止", True), ("人事評価", False)])
def test_words_are_looked_for_in_what_was_done_and_why(
    sample: ConsoleSample, visit_as: VisitAs, words: str, found: bool
) -> None:
    name = stop(sample)

    page = visit_as(Role.TENANT_OWNER).get(f"/audit?text={words}").text

    assert (f"{name}の利用を停止した（理由: 人事異動）" in said(page)) == found


@pytest.mark.parametrize(
    ("step", "result", "reason", "awaited"),
    [
        (StepName.FIRST_OWNER, StepResult.MISSING, OWNER_MISSING, "県の入力待ち"),
        (StepName.AGREEMENT, StepResult.MISSING, AGREEMENT_MISSING, "市町村の入力待ち"),
        (StepName.ORGANIZATION, StepResult.UNREACHABLE, KEYCLOAK_UNAVAILABLE, "認証サービスの応答待ち"),
    ],
)
def test_a_step_that_waits_says_whom_it_waits_for(
    sample: ConsoleSample, visit_as: VisitAs, step: StepName, result: StepResult, reason: Message, awaited: str
) -> None:
    tenant_id, actors = sample.joining["432032"], sample.factory.actors
    begun = start_onboarding(StartOnboarding(tenant_id=tenant_id), actor=actors.onboarding).onboarding_id
    waits = AdvanceStep(tenant_id=tenant_id, onboarding_id=begun, step=step, fence=0, result=result, reason=reason.code)
    advance_step(waits, actor=actors.worker)

    page = visit_as(Role.OPERATOR_AUDITOR).get(f"/audit?subject={begun}&automatic=yes").text

    assert [one for one in said(page) if one.endswith(f"が「{awaited}」になった")]
    assert "待機中" not in page


def test_words_find_a_notice_by_its_number(sample: ConsoleSample, visit_as: VisitAs) -> None:
    with tenant_scope(OPERATOR):
        number = (
            db.session()
            .execute(text("SELECT number FROM notice WHERE id = :id"), {"id": sample.notice_id})
            .scalar_one()
        )

    page = visit_as(Role.OPERATOR_AUDITOR).get(f"/audit?text={number}").text

    assert [one for one in said(page) if number in one]
    assert "八代市" not in "".join(said(page))


def test_an_object_shows_all_that_was_done_to_it(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = visit_as(Role.OPERATOR_AUDITOR).get(f"/audit?subject={sample.joining['432032']}&automatic=yes").text

    assert said(page)[-1] == "人吉市を参加団体として登録した" or "人吉市" in said(page)[-1]
    assert not [one for one in said(page) if "多良木町" in one]


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("subject={other_id}", "1つの対象についての記録だけを表示しています。"),
        ("tenant={other_id}", "八代市の記録だけを表示しています。"),
        ("text=経費", ""),
    ],
)
def test_what_no_field_of_the_form_shows_of_a_filter_is_said(
    sample: ConsoleSample, visit_as: VisitAs, query: str, note: str
) -> None:
    page = visit_as(Role.OPERATOR_AUDITOR).get("/audit?" + query.format(other_id=sample.other_id)).text

    assert note in page
    assert ("すべての記録を見る" in page) is bool(note)


def test_pages_follow_each_other_without_a_gap_whatever_is_grouped(sample: ConsoleSample, visit_as: VisitAs) -> None:
    address, seen = "/audit?automatic=yes", 0
    visit = visit_as(Role.OPERATOR_AUDITOR)
    with tenant_scope(OPERATOR):
        every = events(db.session(), limit=10_000)
    while address:
        page = visit.get(address).text
        seen += len(said(page))
        found = re.search(r'rel="next" href="([^"]+)"', page)
        address = unescape(found[1]) if found else ""

    assert seen == len(group_by_action(every))
    assert seen < len(every)


def test_the_file_has_the_sentence_of_each_event(sample: ConsoleSample, visit_as: VisitAs) -> None:
    name = stop(sample)

    content = visit_as(Role.TENANT_OWNER).get("/audit.csv").data.decode("utf-8-sig")

    assert f"{name}の利用を停止した（理由: 人事異動）" in content
    assert "県の担当者（会計）" in content


# ---- many -----------------------------------------------------------------------------------------------------------

_ADD: Final = """
    INSERT INTO audit_event
    SELECT gen_random_uuid(), :tenant, now(), 'system:worker', 'system', :tenant, 'advance_step', 'onboarding.advanced',
        'tenancy:onboarding:advance', 'done', gen_random_uuid()::text, '{"step": "people", "state": "done"}', NULL
    FROM generate_series(1, 30000)
"""


@pytest.mark.slow
def test_filters_read_their_index_and_not_what_moyai_did_by_itself(sample: ConsoleSample) -> None:
    with tenant_scope(OPERATOR):
        session = db.session()
        session.execute(text(_ADD), {"tenant": sample.tenant_id})
        session.commit()
        session.execute(text("SET LOCAL enable_seqscan = off"))
        for index, condition in {
            "ix_audit_event_by_hand": str(BY_HAND),
            "ix_audit_event_actor": "actor = 'x'",
            "ix_audit_event_subject": "subject = 'x'",
            "ix_audit_event_event": "event = 'x'",
            "ix_audit_event_reason": f"facts ? 'reason' AND facts ->> 'reason' LIKE '%x%' AND {BY_HAND}",
        }.items():
            query = f"EXPLAIN SELECT id FROM audit_event WHERE {condition} ORDER BY id DESC LIMIT 51"
            plan = "\n".join(str(row[0]) for row in session.execute(text(query.replace(":", "\\:"))))
            assert index in plan, plan
        session.rollback()
