"""A client that openapi-python-client makes of the served document: it lists, creates, pages and reads a PDF."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from tests.admin.api.conftest import MEMBERS, Caller
from tests.factories import ALL_BUT_APPROVER

PAGE: Final = Path(__file__).parents[3] / "docs/API.md"
GENERATE: Final = re.findall(r"^~~~sh\n(.*?)^~~~$", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)

USE: Final = """
import json, os
from moyai_client import AuthenticatedClient
from moyai_client.api.notices import get_notice_pdf, list_notices
from moyai_client.api.tenants import get_contact, get_tenant, list_tenants, record_contact, register_tenant
from moyai_client.models import ContactPurpose, Problem, RecordContact, RegisterTenant, TenantKind

client = AuthenticatedClient(base_url=os.environ["MOYAI"], token=os.environ["TOKEN"], raise_on_unexpected_status=True)
said = {}

listed = list_tenants.sync(client=client, operator=False)
said["listed"] = [one.code for one in listed.items]

body = RegisterTenant(kind=TenantKind.CITY, code="432083", name="山鹿市", kana="ヤマガシ")
made = register_tenant.sync_detailed(client=client, body=body, idempotency_key="register-1")
again = register_tenant.sync_detailed(client=client, body=body, idempotency_key="register-1")
said["made"] = [made.status_code, made.parsed.tenant_id == again.parsed.tenant_id]
said["name"] = get_tenant.sync("432083", client=client).name
wrong = RegisterTenant(kind=TenantKind.CITY, code="432084", name="山鹿市", kana="ヤマガシ")
refused = register_tenant.sync(client=client, body=wrong, idempotency_key="register-2")
said["refused"] = [isinstance(refused, Problem), refused.status, refused.code, refused.field]

pages, cursor = [], None
while True:
    more = {} if cursor is None else {"cursor": cursor}
    page = list_tenants.sync(client=client, operator=False, limit=2, **more)
    pages.append([one.code for one in page.items])
    cursor = page.next_cursor
    if cursor is None:
        break
said["pages"] = pages

contact = RecordContact(section="財政課", name="山田", email="zaisei@example.jp")
finance = ContactPurpose.FINANCE
record_contact.sync("432083", finance, client=client, body=contact)
etag = get_contact.sync_detailed("432083", finance, client=client).headers["ETag"]
changed = RecordContact(section="会計課", name="山田", email="kaikei@example.jp")
said["edits"] = [
    record_contact.sync_detailed("432083", finance, client=client, body=changed, if_match=etag).status_code,
    record_contact.sync_detailed("432083", finance, client=client, body=contact, if_match=etag).status_code,
]

notice = list_notices.sync(client=client).items[0]
pdf = get_notice_pdf.sync(notice.id, client=client)
said["pdf"] = pdf.payload.read(5).decode()
print(json.dumps(said))
"""


@pytest.mark.slow
def test_a_generated_client_lists_creates_pages_edits_and_reads_a_pdf(
    tmp_path: Path, callers: Callable[..., Caller], member: UUID, served: str
) -> None:
    (generate,) = GENERATE
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    made = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", generate],
        cwd=tmp_path,
        env=dict(os.environ) | {"PATH": programs, "MOYAI": served},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    # Nothing of the document is left out of the client.
    assert "WARNING" not in made.stdout + made.stderr
    caller = callers(*sorted(ALL_BUT_APPROVER))

    used = subprocess.run(
        [sys.executable, "-c", USE],
        env=dict(os.environ) | {"PYTHONPATH": str(tmp_path), "MOYAI": served, "TOKEN": caller.token or ""},
        capture_output=True,
        text=True,
    )

    assert used.returncode == 0, used.stderr
    codes = sorted(MEMBERS)
    assert json.loads(used.stdout) == {
        "listed": codes,
        "made": [201, True],
        "name": "山鹿市",
        "refused": [True, 422, "code.check_digit", "code"],
        "pages": [[codes[0], "432083"], codes[1:]],
        "edits": [200, 412],
        "pdf": "%PDF-",
    }
