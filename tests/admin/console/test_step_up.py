"""A decision that needs a fresh second factor: the page asks for it and keeps what was typed, the API says which."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from flask import Flask

from governance.approvals import approval_by_id
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.keycloak.port import Realm
from tests.admin.api.conftest import Caller
from tests.admin.conftest import PUBLIC_URL
from tests.admin.console.conftest import ConsoleSample
from tests.admin.issuer import Issuer
from tests.admin.visitors import Visit, visit


def decided(sample: ConsoleSample) -> bool:
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        return approval_by_id(db.session(), sample.approval_id).decision is not None


def shown(page: str, name: str) -> str:
    return str(re.findall(rf'name="{name}" value="([^"]*)"', page)[0])


def test_the_decision_waits_for_the_login_and_what_was_typed_is_there_afterwards(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    approver = sample.people[Role.OPERATOR_APPROVER]
    address = f"/approvals/{sample.approval_id}"
    before = visit(web, PUBLIC_URL, approver, with_second_factor=False)
    page = before.get(address).text
    fields = {
        "digest": shown(page, "digest"),
        "shown_digest": shown(page, "shown_digest"),
        "decision": "approved",
        "reason": "確認しました𠮷",
        "key": "decide",
    }

    answer = before.post(f"{address}/decide", data={"csrf_token": before.token, **fields})

    asked = urlsplit(answer.location)
    assert (answer.status_code, asked.path) == (303, "/login/step-up")
    assert parse_qs(asked.query)["next"] == [address]
    assert not decided(sample)

    after = visit_as(Role.OPERATOR_APPROVER)
    back = after.get(address)
    assert "確認しました𠮷" in back.text
    assert "確認しました𠮷" not in visit_as(Role.OPERATOR_FINANCE).get(address).text
    done = after.post(f"{address}/decide", data={"csrf_token": after.token, **fields})

    assert (done.status_code, decided(sample)) == (303, True)
    assert "done=approved" in done.location


def test_the_api_answers_which_login_is_needed(
    web: Flask, sample: ConsoleSample, issuer: Issuer, caller_as: Callable[[Role], Caller]
) -> None:
    approver = sample.people[Role.OPERATOR_APPROVER]
    path = f"/approvals/{sample.approval_id}"
    digest = caller_as(Role.OPERATOR_APPROVER).ask("GET", path).get_json()["digest"]
    weak = issuer.sign(
        issuer.claims(
            Realm.OPERATORS,
            sub=approver.id,
            sid=approver.id,
            acr="aal1",
            auth_time=int(clock.now().timestamp()),
            resource_access={"moyai-api": {"roles": [role.value for role in approver.roles]}},
        ),
        Realm.OPERATORS,
    )

    refused = Caller(web, PUBLIC_URL, weak, approver).send(
        f"{path}/decision", {"digest": digest, "decision": "approved"}
    )

    assert refused.status_code == 401
    assert refused.get_json()["code"] == "step_up.needed"
    assert refused.headers["WWW-Authenticate"] == (
        'Bearer realm="moyai", error="insufficient_user_authentication", '
        'error_description="This needs a login with a second factor within the last 10 minutes.", '
        'acr_values="aal2", max_age="600"'
    )
    assert not decided(sample)
