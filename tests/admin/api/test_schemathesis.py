"""The API as a stranger would try it, by its own document: schemathesis sends what that allows and what it forbids."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from admin.features import api_routes
from admin.interface.api_routes import PREFIX
from governance.kernel import clock
from governance.permissions import ROLE_PERMISSIONS, Permission, Role
from tests.admin.api.conftest import Caller
from tests.admin.issuer import Issuer
from tests.factories import ALL_BUT_APPROVER

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.slow
@pytest.mark.parametrize(
    "roles",
    [ALL_BUT_APPROVER, {Role.OPERATOR_APPROVER}, {Role.TENANT_OWNER, Role.TENANT_MEMBER}],
    ids=["operator", "approver", "tenant_owner"],
)
def test_every_answer_is_one_that_the_document_names(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    issuer: Issuer,
    callers: Callable[..., Caller],
    member: UUID,
    served: str,
    roles: frozenset[Role],
) -> None:
    # A run with many examples takes longer than a token lasts.
    monkeypatch.setitem(issuer.whose, "exp", int(clock.now().timestamp()) + 3_600)
    caller = callers(*sorted(roles), of=member if Role.TENANT_OWNER in roles else None)
    # What somebody may not call at all is refused before it is read: test_matrix.py walks through that.
    allowed = frozenset[Permission]().union(*(ROLE_PERMISSIONS[role] for role in roles))
    operations = [route.name for route in api_routes() if route.permission in allowed]
    report = tmp_path / "report.json"
    program = Path(sys.executable).with_name("schemathesis")
    configuration = tmp_path / CONFIGURATION.name
    text = CONFIGURATION.read_text(encoding="utf-8")
    examples = request.config.getoption("--api-examples")
    # A phase's own mode goes before an option of the program.
    configuration.write_text(text.replace('mode = "positive"', 'mode = "all"') if examples else text, encoding="utf-8")
    command = [str(program), "--config-file", str(configuration), "--no-color"]
    command += ["run", f"{served}{PREFIX}/openapi.json", "--report-json-path", str(report)]
    command += [word for name in operations for word in ("--include-operation-id", name)]
    if examples:
        command += ["--max-examples", examples]

    done = subprocess.run(
        command,
        env=dict(os.environ)
        | {"SCHEMATHESIS_HOOKS": "tests.admin.api.schemathesis_checks", "PYTHONPATH": os.pathsep.join(sys.path)}
        | {"MOYAI_TEST_TOKEN": caller.token or "", "MOYAI_TEST_TENANT": str(member)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text(encoding="utf-8"))
    assert (found["complete"], found["failures"]) == (True, [])
    assert found["operations"]["tested"] == len(operations)
    assert {name for name, phase in found["phases"].items() if phase["status"] == "success"} == {
        "coverage",
        "fuzzing",
        "stateful",
    }
    # Most of what is sent must have been judged, or the run says nothing.
    assert found["test_cases"]["generated"] - found["test_cases"]["without_checks"] > 5 * len(operations)
