"""A backup of the running installation comes back in an empty home on other ports, and people sign in there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from admin.operations.settings import Settings
from tests.journeys.person import Person
from tests.journeys.stack import Stack
from tests.ports import find_free_port_range
from tests.servers import KEPT

pytestmark = pytest.mark.browser

KUMAMOTO = "431001"


def test_a_backup_comes_back_on_other_ports_and_people_sign_in_there(
    browser: Browser, own_stack: Stack, tmp_path: Path
) -> None:
    port = find_free_port_range()
    restored = Stack(
        Settings(
            home=tmp_path / "home", port=port, public_url=f"http://localhost:{port}", example=True, keycloak_kept=KEPT
        )
    )
    heads = {head["stream"]: head["text"] for head in own_stack.moyai("audit", "verify")["heads"]}

    saved = own_stack.moyai("backup", str(tmp_path / "backup"))
    report = restored.moyai("restore", str(tmp_path / "backup"))

    assert report == {"backup": saved, "audit_intact": True, "ledger_balanced": True, "in_sync": True}
    assert saved["keycloak"] is True
    assert saved["streams"] == len(heads) > 13
    assert saved["entries"] > 0
    try:
        restored.moyai("up")
        assert restored.moyai("drift")["in_sync"]
        assert restored.moyai("ledger", "verify")["balanced"]
        expected = [word for head in heads.values() for word in ("--expect", head)]
        assert restored.moyai("audit", "verify", *expected)["intact"]
        first = restored.moyai("audit", "list", "--event", "backup.restored")["events"]
        assert [event["facts"]["taken_at"] for event in first] == [re.sub(r"\+00:00$", "Z", saved["taken_at"])]
        # With the passwords of the first installation; `example accounts` on the second would set new ones.
        for role, tenant, page in (
            ("operator-auditor", "430005", "ホーム"),
            ("tenant-owner", KUMAMOTO, "熊本市のホーム"),
        ):
            account = own_stack.account(role, tenant)
            with Person(browser, restored) as person:
                person.sign_in(account, check=False)
                person.see(page, check=False)
                if account.is_operator:
                    assert person.open("/audit/verification") == 200
                    person.see("監査記録の検証")
        assert own_stack.moyai("status")["web"]["ready"]
    finally:
        restored.moyai("down")
    assert json.loads((tmp_path / "backup" / "manifest.json").read_text())["keycloak"]["rows"]["user_entity"] > 13
