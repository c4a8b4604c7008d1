"""docs/API.md: every block of it is run as it stands there, against a real Keycloak and the served application."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from admin.operations.readiness import wait_until
from admin.workflows.webhooks import WebhookDelivery
from governance.audit.seal import seal
from governance.permissions import Role
from tests.admin.browser import Browser
from tests.admin.identity.test_device_login import confirm
from tests.admin.live_app import LiveApp, Person
from tests.admin.sample_receiver import SampleReceiver
from tests.database_rows import recorded, rows
from tests.tenancy.keycloak.installation import Installation

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = ROOT / "docs/API.md"
BLOCKS: Final = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


class Desk:
    """A machine of somebody's: a folder that it shares with the others, and a sign-in of its own."""

    def __init__(self, folder: Path, name: str, url: str, **environment: str) -> None:
        programs = folder / "bin"
        programs.mkdir(exist_ok=True)
        for program, words in (("moyai", "-m admin.cli"), ("python3", "")):
            path = programs / program
            path.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
            path.chmod(0o755)
        self.folder, self.url = folder, url
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "XDG_CONFIG_HOME": str(folder / name),
            "MOYAI_HOME": str(folder / "nothing"),
            **environment,
        }

    def begin(self, block: str) -> subprocess.Popen[str]:
        first = BLOCKS[0][1].replace("https://moyai.example", self.url)
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", first + block],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, block: str) -> str:
        """Standard output; exit code 0."""
        process = self.begin(block)
        stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, block + stdout + stderr
        return stdout

    def sign_in(self, block: str, person: Person) -> str:
        process = self.begin(block)
        assert process.stderr is not None
        address = next(found[0] for line in process.stderr if (found := re.search(r"http\S+user_code=\S+", line)))
        self._confirm(address, person)
        stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stdout + stderr
        return stdout

    def confirm(self, printed: str, person: Person) -> None:
        self._confirm(printed.strip(), person)

    def _confirm(self, address: str, person: Person) -> None:
        browser = Browser()
        assert confirm(browser, address, person).status_code == 200
        browser.close()


@pytest.mark.slow
def test_every_block_of_the_page_does_what_it_says(
    live_app: LiveApp, installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [kind for kind, _ in BLOCKS] == ["sh"] * 8 + ["python", "sh"] + ["sh", "sh", "python", "sh"]
    texts = [text for _, text in BLOCKS]
    _, log_in, ask, answered, make_key, register, decide, configure, program, run_program, *of_webhooks = texts
    assert len([line for line in program.splitlines() if line]) <= 20
    (tmp_path / "read_moyai.py").write_text(program, encoding="utf-8")
    requester = live_app.operator(Role.OPERATOR_ONBOARDING)
    security = live_app.operator(Role.OPERATOR_SECURITY)
    desk, office = (Desk(tmp_path, name, live_app.url) for name in ("desk", "office"))
    machine = Desk(
        tmp_path, "machine", live_app.url, **(installation.environment() | live_app.settings.as_environment())
    )

    # A person.
    assert str(requester.person_id) in desk.sign_in(log_in, requester)
    desk.confirm(desk.run(ask), requester)
    answers = desk.run(answered)
    assert str(requester.person_id) in answers
    assert "tenant_id" in answers.splitlines()[-1]
    assert recorded("tenant.registered")[-1].actor == str(requester.person_id)

    # A program.
    desk.run(make_key)
    assert (tmp_path / "finance.pem").stat().st_mode & 0o777 == 0o600
    desk.run(register)
    assert rows("service_client") == []
    office.sign_in(log_in, security)
    office.run(decide)
    machine.run(configure)
    client = json.loads((tmp_path / "decided.json").read_text())["result"]
    files = live_app.settings.audit_files
    with live_app.app.app_context():
        seal(files)

    first = desk.run(run_program)

    books, *events = first.splitlines()
    assert "items" in json.loads(books)
    assert [line for line in events if line.endswith("client.registered")]
    assert len(events) == len(set(events))
    # Again: nothing twice, and what is new since.
    assert desk.run(run_program).splitlines() == [books]
    live_app.factory.add_member("432105", "菊池市")
    with live_app.app.app_context():
        seal(files)
    assert not set(later := desk.run(run_program).splitlines()[1:]) & set(events)
    assert later

    # Without the scope: 403.
    denied = (tmp_path / "read_moyai.py").read_text(encoding="utf-8").replace("/ledger/books", "/costs")
    (tmp_path / "read_moyai.py").write_text(denied, encoding="utf-8")
    process = desk.begin(run_program)
    assert "Status/403" in process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert client["client_name"].startswith("svc-")

    # A webhook: two people, its secret once, and the page's own receiver takes what is sealed from then on.
    create, issue, _, run_receiver = of_webhooks
    approver = live_app.operator(Role.OPERATOR_APPROVER)
    office.run(create)
    assert rows("webhook") == []
    board = Desk(tmp_path, "board", live_app.url)
    board.sign_in(log_in, approver)
    board.run(decide)
    office.run(issue)
    webhook_id = UUID(json.loads((tmp_path / "decided.json").read_text())["result"]["webhook_id"])
    secret = json.loads((tmp_path / "secret.json").read_text())["secret"]
    served = SampleReceiver(tmp_path, secret, "siem.example.lg.jp")
    monkeypatch.setenv("SSL_CERT_FILE", str(served.authority.file))
    receiving = Desk(tmp_path, "receiving", live_app.url, PORT=str(served.port)).begin(run_receiver)
    try:
        assert wait_until(served.answers, seconds=20)
        with live_app.app.app_context():
            seal(files)
            WebhookDelivery(served.sender()).run(webhook_id)
    finally:
        receiving.terminate()
        printed = receiving.communicate(timeout=20)[0]
    delivered = [json.loads(line.partition(" ")[2])["type"] for line in printed.splitlines()]
    assert {"approval.decided", "webhook.created"} <= set(delivered)
    assert delivered[-1] == "webhook.secret_issued"
