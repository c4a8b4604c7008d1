"""The databases of each earlier release, restored and migrated: what they hold still verifies and reads as it did."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import secrets
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from psycopg import sql
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlmodel import col

from admin.app import create_app
from admin.bootstrap import settings_of
from admin.features.commands import COMMAND_MODULES
from admin.migrations.apply import migrate_url
from admin.operations import keycloak_distribution
from admin.operations.keycloak import EmbeddedKeycloak
from admin.operations.postgresql import KEYCLOAK, OWNER, client_program
from admin.operations.settings import Settings
from admin.workflows.job_handlers import handlers
from billing.allocation.calculation import compute
from billing.allocation.reading import read_allocation_input
from billing.costs.queries import cost_item
from billing.ledger.chart import CHART, AccountCode
from billing.ledger.tables import LedgerAccount
from billing.notices.queries import notice_pdf, notices
from billing.runs.preview import preview
from billing.runs.queries import RunFacts, runs
from billing.runs.states import RunKind, RunState
from billing.runs.tables import AllocationRun, AllocationShare
from governance import former_names
from governance.actors import Actor, ActorKind
from governance.audit.seal import seal
from governance.audit.tables import AuditEvent, AuditSeal
from governance.audit.writer import AuditOutcome
from governance.commands import collect_commands
from governance.events import Event
from governance.grants.tables import RoleGrant
from governance.idempotency.tables import IdempotencyKey
from governance.kernel.database import OPERATOR, db, dispose_engines, tenant_scope
from governance.kernel.digest import digest_of
from governance.kernel.errors import IdempotencyKeyReused
from governance.kernel.private_files import write_private
from governance.labels import label
from governance.outbox.tables import Job
from governance.permissions import OPERATOR_SCOPES, Permission, Role
from governance.rules.tables import RuleVersion
from tenancy import directory
from tenancy.keycloak.port import Identities
from tenancy.people.tables import Member
from tests import servers
from tests.admin.cli.command_line import Moyai
from tests.ports import find_free_port

pytestmark = pytest.mark.slow

HERE: Final = Path(__file__).parent
RELEASES: Final = sorted(path.name for path in HERE.iterdir() if (path / "recorded.json").exists())
BOOTSTRAP_CLIENT: Final = "moyai-bootstrap"
# Address of the dumped installation. Keycloak holds it, so that `configure` changes nothing but keys.
PORT: Final = "8800"
PUBLIC_URL: Final = f"http://localhost:{PORT}"

TABLES_RENAMED: Final[dict[str, str]] = {"tenant_move": "tenant_state_change"}
"""Former name → present name. Rows keep the names they were written with, `governance.former_names` reads those."""

AUDIT_KEY: Final = "audit_key_made_for_this_dump.hex"
"""Of a release that seals with a key: the dump holds seals that no other key verifies."""
AUDIT_TIPS: Final = "tips.json"

SEALER: Final = "seal"
"""What begins a keyed chain: named where an event names its command, and none itself."""

NO_KEYCLOAK: Final = cast(Identities, None)
"""Building the table of job handlers sends Keycloak no request."""

_SINCE_0_2_0: Final = {
    *("attributes.jwks.string", "enabled", "standardFlowEnabled", "resetPasswordAllowed", "resetCredentialsFlow"),
    *("smtpServer.auth", "smtpServer.user", "enabledEventTypes", "steps"),
    *("missing client moyai-cli", "missing flow moyai-reset"),
    *("foreign client scope offline_access", "foreign role offline_access"),
    *(f"orphan client moyai-console, default scope {scope}" for scope in ("email", "profile")),
    # What is known of people has a new attribute.
    *("name", "displayName", "validations.length.max", "permissions.view", "permissions.edit", "multivalued"),
    # Of realm master.
    *("bruteForceProtected", "eventsEnabled", "eventsExpiration"),
    *("adminEventsEnabled", "adminEventsDetailsEnabled", "attributes.adminEventsExpiration"),
    # Login and mails have a theme of ours, and the link of a mail ends at the console.
    *("loginTheme", "emailTheme", "attributes.moyai.example", "attributes.moyai.training", "redirectUris"),
    # The account that reads compares the realms themselves, too.
    *(
        f"missing {holder} moyai-reconciler, role realm-management:view-realm"
        for holder in ("client", "service account of")
    ),
    # A tenant's own identity provider: what lets in whom it names, and who writes and reads it.
    *("firstBrokerLoginFlow", "missing flow moyai-unknown-person", "missing flow moyai-after-identity-provider"),
    "missing client scope moyai-api, mapper identity provider",
    *(
        f"missing {holder} {account}, role realm-management:{right}"
        for holder in ("client", "service account of")
        for account, right in (
            ("moyai-people", "manage-identity-providers"),
            ("moyai-reconciler", "view-identity-providers"),
        )
    ),
    # Levels of a login, and when it was.
    *("attributes.acr.loa.map", "missing client scope moyai-api, mapper login time"),
    # Programs have scopes by subject; those of the operator's have an audience of their own.
    *(f"missing client scope {name}" for name in (*OPERATOR_SCOPES, "moyai-service")),
}
REPAIRED: Final[dict[str, set[str]]] = {"0.1.0": _SINCE_0_2_0, "0.2.0": _SINCE_0_2_0}
"""Release → what `moyai keycloak configure` writes: the new public keys, and changes of the specification (fields,
missing objects and those that are taken away)."""


# -- restoring


@dataclass(frozen=True)
class Upgraded:
    """A dump of one release, restored into a database of its own and migrated to the present schema."""

    release: str
    database: str
    urls: Mapping[str, str]

    @cached_property
    def recorded(self) -> dict[str, Any]:
        """`recorded.json`: the release's own answers about the database when it was dumped."""
        found: dict[str, Any] = json.loads((HERE / self.release / "recorded.json").read_text(encoding="utf-8"))
        return found

    @cached_property
    def retries(self) -> list[dict[str, Any]]:
        """`idempotency.json`: every command that was sent with a key (name, actor, key, request) and its answer."""
        found: list[dict[str, Any]] = json.loads((HERE / self.release / "idempotency.json").read_text(encoding="utf-8"))
        return found


def restore(server: servers.PostgreSQL, dump: Path, database: str, role: str) -> None:
    """Create `database`, owned by `role`, and restore the dump as that role.

    The rows go in as the owner: row-level security is forced before them in a dump, but enabled only after them.
    """
    with server.server.connect("postgres") as connection:
        name, owner = sql.Identifier(database), sql.Identifier(role)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(name, owner))
    to = ["--host=127.0.0.1", f"--port={server.port}", f"--username={role}", f"--dbname={database}"]
    done = subprocess.run(
        [str(client_program("psql")), *to, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"],
        input=gzip.decompress(dump.read_bytes()),
        env=dict(os.environ) | {"PGPASSWORD": server.server.passwords[role]},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def drop(server: servers.PostgreSQL, database: str) -> None:
    with server.server.connect("postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))


@pytest.fixture(scope="module", params=RELEASES)
def upgraded(request: pytest.FixtureRequest, postgresql: servers.PostgreSQL) -> Iterator[Upgraded]:
    release: str = request.param
    database = f"moyai_upgrade_{release.replace('.', '_')}"
    restore(postgresql, HERE / release / "moyai.sql.gz", database, OWNER)
    try:
        migrate_url(postgresql.owner_url(database))
        yield Upgraded(release, database, postgresql.urls(database))
    finally:
        drop(postgresql, database)


@pytest.fixture
def environment(upgraded: Upgraded, tmp_path: Path) -> dict[str, str]:
    """Settings of an installation on the upgraded database, with the audit log's key and tips where it was keyed."""
    settings = {"MOYAI_HOME": str(tmp_path / "home"), **upgraded.urls}
    if (key := HERE / upgraded.release / AUDIT_KEY).exists():
        settings |= {
            "MOYAI_AUDIT_KEY_FILE": str(tmp_path / "audit.key"),
            "MOYAI_AUDIT_TIPS_FILE": str(tmp_path / "tips"),
        }
        write_private(tmp_path / "audit.key", key.read_text(encoding="ascii"))
        write_private(tmp_path / "tips", (HERE / upgraded.release / AUDIT_TIPS).read_text(encoding="utf-8"))
    return settings


@pytest.fixture
def app(environment: dict[str, str]) -> Iterator[Flask]:
    """The whole application on the upgraded database, in its context: every command is known. No scope is set."""
    app = create_app(Settings.from_environment(environment))
    with app.app_context():
        yield app
        db.session.remove()
        dispose_engines()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """Reading as the operator: every tenant's rows."""
    with tenant_scope(OPERATOR):
        yield db.session()


@pytest.fixture
def moyai(environment: dict[str, str]) -> Moyai:
    """The command line on the upgraded database."""
    return Moyai(environment)


# -- the database


def test_every_row_is_there_after_the_migration(upgraded: Upgraded, postgresql: servers.PostgreSQL) -> None:
    with psycopg.connect(servers.libpq(postgresql.superuser_url), dbname=upgraded.database) as connection:
        for table, rows in upgraded.recorded["rows"].items():
            name = sql.Identifier(TABLES_RENAMED.get(table, table))
            assert connection.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone() == (rows,), table


def test_each_policy_is_that_of_a_new_database(upgraded: Upgraded, postgresql: servers.PostgreSQL) -> None:
    """Row-level security of an upgraded installation lets through what a new one's does, and reads its scope alike."""
    fresh = f"{upgraded.database}_fresh"
    with psycopg.connect(servers.libpq(postgresql.superuser_url), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                sql.Identifier(fresh), sql.Identifier(OWNER)
            )
        )
    try:
        migrate_url(postgresql.owner_url(fresh))
        assert policies(postgresql, upgraded.database) == policies(postgresql, fresh)
    finally:
        drop(postgresql, fresh)


def policies(server: servers.PostgreSQL, database: str) -> dict[tuple[str, str], tuple[object, ...]]:
    """What each policy says, by table and name."""
    with psycopg.connect(servers.libpq(server.superuser_url), dbname=database) as connection:
        found = connection.execute(
            "SELECT tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies"
        ).fetchall()
    assert found
    return {(row[0], row[1]): tuple(row[2:]) for row in found}


def test_the_books_hold(upgraded: Upgraded, moyai: Moyai) -> None:
    code, proof, _ = moyai("ledger", "verify")

    assert code == 0
    assert proof == proof | upgraded.recorded["ledger"]


def test_the_audit_log_verifies_and_ends_where_it_ended(upgraded: Upgraded, moyai: Moyai, session: Session) -> None:
    audit = upgraded.recorded["audit"]

    code, report, _ = moyai("audit", "verify")

    assert code == 0
    assert report["intact"]
    # A command refused by another test of this module is not sealed yet.
    assert report["records"] - report["unsealed"] == audit["records"]
    assert chain_heads(session) == audit["heads"]


def chain_heads(session: Session) -> dict[str, dict[str, Any]]:
    """The last link of each tenant's chain, by tenant."""
    links = session.execute(
        select(AuditSeal.tenant_id, AuditSeal.sequence, AuditSeal.chain_hash).order_by(AuditSeal.sequence)
    )
    return {str(stream): {"sequence": sequence, "chain_hash": chain} for stream, sequence, chain in links}


# -- runs


def test_the_runs_are_shown_as_they_were(upgraded: Upgraded, moyai: Moyai) -> None:
    for then in upgraded.recorded["allocations"]:
        code, now, _ = moyai("allocation", "show", str(then["fiscal_year"]))

        assert code == 0
        assert len(now["runs"]) == len(then["runs"])
        assert [run | before for run, before in zip(now["runs"], then["runs"], strict=True)] == now["runs"]


def test_a_run_is_named_by_the_changes_posted_before_it(upgraded: Upgraded, session: Session) -> None:
    found = session.scalars(select(AllocationRun).order_by(AllocationRun.fiscal_year, AllocationRun.number)).all()
    posted: Counter[int] = Counter()
    for run in found:
        assert run.revision == (posted[run.fiscal_year] if run.kind == RunKind.REVISION else 0)
        posted[run.fiscal_year] += run.state == RunState.POSTED
    shares = session.execute(select(AllocationShare.run_id, AllocationShare.revision).distinct())
    assert {(row.run_id, row.revision) for row in shares} == {(run.id, run.revision) for run in found}
    # What was decided stays: the triggers that were off for the migration are on again.
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(update(AllocationRun).values(revision=7))


def test_the_last_sign_in_is_that_of_the_audit_log(upgraded: Upgraded, session: Session) -> None:
    opened = select(AuditEvent.actor, func.max(AuditEvent.recorded_at)).where(
        AuditEvent.event == Event.SESSION_OPENED, AuditEvent.outcome == AuditOutcome.DONE
    )
    people = select(Member.person_id, Member.last_sign_in_at).where(Member.last_sign_in_at.is_not(None))

    signed_in = {str(person_id): at for person_id, at in session.execute(people)}

    assert signed_in == dict(session.execute(opened.group_by(AuditEvent.actor)).all())


def test_a_run_recomputed_from_its_stored_inputs_has_its_digest(upgraded: Upgraded, session: Session) -> None:
    """With the calculator of `moyai allocation compute`, from nothing but the stored run and rule versions."""
    stored = [run for then in upgraded.recorded["allocations"] for run in runs(session, then["fiscal_year"])]
    assert stored

    for run in stored:
        digest, shares_yen = recompute(session, run)

        assert digest == run.digest
        assert shares_yen == {share.code: share.share_yen for share in run.shares}


def recompute(session: Session, run: RunFacts) -> tuple[str, dict[str, int]]:
    """The run's digest and its shares in yen by code, computed rule by rule from the run's inputs."""
    inputs = session.scalars(select(AllocationRun.inputs).where(AllocationRun.id == run.id)).one()
    bodies = {str(version_id): body for version_id, body in session.execute(select(RuleVersion.id, RuleVersion.body))}
    labels = {label: UUID(tenant_id) for tenant_id, label in inputs["members"]}
    members = directory.tenants_by_id(session, list(labels.values()))
    kinds = {label: members[tenant_id].kind.value for label, tenant_id in labels.items()}
    outcome, shares_yen = [], dict.fromkeys((share.code for share in run.shares), 0)
    for rule in inputs["rules"]:
        body = bodies[rule["version_id"]]
        assert digest_of(body) == rule["body_hash"]
        allocation = compute(read_allocation_input(json.dumps(input_of(session, rule, body, kinds)).encode()))
        outcome.append(allocation.digest)
        for member, yen in allocation.shares_yen.items():
            shares_yen[member] += yen
    return digest_of({"form": "moyai.allocation-run/1", "inputs": inputs, "outcome": outcome}), shares_yen


def input_of(session: Session, rule: dict[str, Any], body: dict[str, Any], kinds: dict[str, str]) -> dict[str, Any]:
    """The object that `moyai allocation compute` reads, from a rule's stored inputs, its body, and members' kinds."""
    deductions = [(UUID(item), yen) for item, _, kind, yen in rule["items"] if kind != "cost"]
    weights: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "equal": lambda part: dict.fromkeys(kinds, 1),
        "equal_by_kind": lambda part: {label: part["weights"][kind] for label, kind in kinds.items()},
        "fixed": lambda part: part["weights"],
        "statistic": lambda part: {figure[1]: figure[3] for figure in rule["figures"] if figure[0] == part["name"]},
    }
    return {
        "total_yen": sum(yen for _, _, kind, yen in rule["items"] if kind == "cost"),
        "deductions_yen": [{"name": cost_item(session, item).name, "yen": yen} for item, yen in deductions],
        "unit_yen": body.get("unit_yen", 1),
        "rounding": body["rounding"],
        "operator_ratio": body.get("operator_ratio", 0),
        "components": [
            {"name": part["name"], "ratio": part["ratio"], "weights": weights[part["basis"].partition(":")[0]](part)}
            for part in body["components"]
        ],
    }


def test_a_preview_gives_the_shares_that_were_posted_last(upgraded: Upgraded, session: Session) -> None:
    """From the costs, the rules in force, the members of the year and their statistics in the migrated tables."""
    for then in upgraded.recorded["allocations"]:
        year = then["fiscal_year"]
        posted = [run for run in then["runs"] if run["state"] == "posted"][-1]

        now = preview(session, year, directory.members_of_year(session, year))

        assert not now.differs
        codes = {member.id: member.code for member in now.members}
        assert {codes[tenant_id]: yen for tenant_id, yen in now.shares_yen.items()} == posted["shares_yen"]


def test_a_notice_keeps_its_content_and_its_pdf(upgraded: Upgraded, moyai: Moyai, session: Session) -> None:
    for then in upgraded.recorded["notices"]:
        code, now, _ = moyai("notice", "list", str(then["fiscal_year"]))

        assert code == 0
        for row, before in zip(now["notices"], then["notices"], strict=True):
            # What is printed on notices from here on, those issued before do not have.
            printed = {"facts": row["facts"] | before["facts"]} if "facts" in before else {}
            assert row | before | printed == row
        for notice in notices(session, fiscal_year=then["fiscal_year"]):
            assert hashlib.sha256(notice_pdf(session, notice.id)).hexdigest() == notice.pdf_sha256


# -- names and keys


def test_every_retried_command_gives_the_answer_it_gave(upgraded: Upgraded, app: Flask) -> None:
    """The same actor, key and request: nothing is done a second time, and no audit event is added.

    What a result has since, such as what its dates were said to be, that version did not find out: it is null.
    """
    with tenant_scope(OPERATOR):
        stored = db.session.scalars(select(IdempotencyKey.key)).all()
        before = len(db.session.scalars(select(AuditEvent.id)).all())
    assert sorted(stored) == sorted(retry["key"] for retry in upgraded.retries)

    for retry in upgraded.retries:
        answer = json.loads(send_again(retry).model_dump_json())

        since = dict.fromkeys(answer.keys() - retry["answer"].keys())
        assert answer == retry["answer"] | since, retry["key"]
    with tenant_scope(OPERATOR):
        assert len(db.session.scalars(select(AuditEvent.id)).all()) == before


def test_a_stored_key_with_another_request_is_refused(upgraded: Upgraded, app: Flask) -> None:
    retry = next(retry for retry in upgraded.retries if retry["command"] == "record_cost")

    with pytest.raises(IdempotencyKeyReused):
        send_again(retry | {"request": retry["request"] | {"yen": 1}})


def send_again(retry: dict[str, Any]) -> Any:
    """Execute a recorded command by its present name and fields. Returns its result."""
    name = former_names.current_command(retry["command"])
    former = former_names.REQUESTS.get(name, former_names.FormerRequest(name))
    present_names = {then: now for now, then in former.fields.items()}
    request = {
        present_names.get(field, field): value
        for field, value in retry["request"].items()
        if field not in former.gone[0]
    }
    who = retry["actor"]
    actor = Actor(
        who["id"], ActorKind(who["kind"]), UUID(who["tenant_id"]), frozenset(Role(role) for role in who["roles"])
    )
    handler = collect_commands(COMMAND_MODULES)[name]
    return handler(handler.command_type.model_validate_json(json.dumps(request)), actor=actor, key=retry["key"])


def test_every_stored_name_has_a_label_in_both_languages(upgraded: Upgraded, session: Session) -> None:
    events = session.scalars(select(AuditEvent)).all()

    for event in {event.event for event in events}:
        assert_label_in_both_languages(Event(former_names.current_event(event)))
    for permission in {event.permission for event in events}:
        assert_label_in_both_languages(Permission(former_names.current_permission(permission)))
    for role in set(session.scalars(select(RoleGrant.role))):
        assert_label_in_both_languages(Role(role))
    keys = session.scalars(select(IdempotencyKey.command)).all()
    commands = {former_names.current_command(name) for name in {event.command for event in events} | set(keys)}
    assert commands - {SEALER} <= set(collect_commands(COMMAND_MODULES))
    jobs = {former_names.current_job_kind(name) for name in session.scalars(select(Job.name))}
    assert jobs <= set(handlers(NO_KEYCLOAK))
    assert all(CHART[AccountCode(code)].name for code in session.scalars(select(col(LedgerAccount.code))))
    assert {event.outcome for event in events} == set(AuditOutcome)
    assert {event.actor_kind for event in events} <= set(ActorKind)


def assert_label_in_both_languages(name: Permission | Event | Role) -> None:
    assert label(name, "ja")
    assert label(name, "en")


def test_the_audit_log_is_sealed_on_with_a_key(upgraded: Upgraded, app: Flask, session: Session, moyai: Moyai) -> None:
    """The worker's first round: every stream is sealed on with a key; what was sealed before stays as it was."""
    session.rollback()
    seal(settings_of(app).audit_files)

    code, report, _ = moyai("audit", "verify")

    assert (code, report["findings"], report["unsealed"]) == (0, [], 0)
    keyed = session.scalars(select(AuditSeal.tenant_id).where(AuditSeal.form != 1).distinct())
    assert {str(stream) for stream in keyed} == set(upgraded.recorded["audit"]["heads"])
    for stream, head in upgraded.recorded["audit"]["heads"].items():
        link = select(AuditSeal.chain_hash).where(
            AuditSeal.tenant_id == UUID(stream), AuditSeal.sequence == head["sequence"]
        )
        assert session.scalars(link).all() == [head["chain_hash"]]


# -- Keycloak


@pytest.fixture(scope="module")
def keycloak(
    upgraded: Upgraded, postgresql: servers.PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[servers.Keycloak]:
    """A Keycloak of this module on the restored realms; the session's own has realms of the same names.

    The dump holds no secret. The bootstrap client's is set here; Keycloak creates a realm's keys when it needs them.
    """
    database = f"keycloak_upgrade_{upgraded.release.replace('.', '_')}"
    restore(postgresql, HERE / upgraded.release / "keycloak.sql.gz", database, KEYCLOAK)
    secret = secrets.token_urlsafe(18)
    with psycopg.connect(servers.libpq(postgresql.superuser_url), dbname=database) as connection:
        updated = connection.execute("UPDATE client SET secret = %s WHERE client_id = %s", (secret, BOOTSTRAP_CLIENT))
        assert updated.rowcount == 1
    java = keycloak_distribution.java_home(None)
    port = find_free_port()
    server = EmbeddedKeycloak(
        distribution=keycloak_distribution.prepare(servers.KEPT, java=java, progress=print),
        java=java,
        url=f"http://localhost:{port}",
        port=port,
        management_port=find_free_port(),
        jdbc_url=f"jdbc:postgresql://127.0.0.1:{postgresql.port}/{database}",
        database_password=postgresql.server.passwords[KEYCLOAK],
        bootstrap_client_id=BOOTSTRAP_CLIENT,
        bootstrap_client_secret=secret,
    )
    running = servers.Keycloak(server, tmp_path_factory.mktemp("keycloak") / "keycloak.log")
    try:
        yield running
    finally:
        running.stop()
        drop(postgresql, database)


@pytest.mark.keycloak
def test_keycloak_is_in_sync_after_configure(upgraded: Upgraded, keycloak: servers.Keycloak, tmp_path: Path) -> None:
    """`moyai keycloak configure --replace-keys` writes what the specification has anew; `drift` is as recorded."""
    moyai = Moyai(
        {
            "MOYAI_HOME": str(tmp_path / "home"),
            "MOYAI_PORT": PORT,
            "MOYAI_PUBLIC_URL": PUBLIC_URL,
            **upgraded.urls,
            "KEYCLOAK_URL": keycloak.url,
            "MOYAI_KEYCLOAK_CLIENT_ID": BOOTSTRAP_CLIENT,
            "MOYAI_KEYCLOAK_CLIENT_SECRET": keycloak.administrator_client_secret,
        }
    )

    # The keys of the installation that was dumped are in no dump.
    assert moyai("keycloak", "configure")[1]["error"]["code"] == "keycloak.foreign_keys"
    code, configured, stderr = moyai("keycloak", "configure", "--replace-keys")
    drift_code, drift, _ = moyai("drift")

    assert (code, configured.get("in_sync")) == (0, True), (configured, stderr)
    written = {change.get("field", f"{change['kind']} {change['object']}") for change in configured["repaired"]}
    assert written == REPAIRED[upgraded.release]
    assert drift_code == 0, drift
    assert drift == upgraded.recorded["drift"]


# -- the dumps themselves

# Written in pieces, so that this module does not match itself. A private key in base64 begins with its DER header.
PRIVATE_KEY: Final = re.compile("BEGIN" + " (?:[A-Z]+ )?PRIVATE KEY|" + r"\bMI" + "I[A-Za-z0-9+/]{40}")
MACHINE_PATH: Final = re.compile(
    r"(^|[^A-Za-z0-9_.])/(?:wo" + r"rk|fa" + r"rm|ro" + r"ot|tm" + r"p|ho" + r"me/[a-z]+)/"
)


@pytest.mark.parametrize("release", RELEASES)
def test_a_dump_holds_no_secret(release: str) -> None:
    moyai, keycloak = (
        gzip.decompress((HERE / release / name).read_bytes()).decode("utf-8")
        for name in ("moyai.sql.gz", "keycloak.sql.gz")
    )

    for text in (moyai, keycloak):
        assert PRIVATE_KEY.search(text) is None
        assert MACHINE_PATH.search(text) is None
    assert copied(moyai, "web_session") == []
    assert {row["secret"] for row in copied(keycloak, "client")} == {NULL}
    assert {row["registration_token"] for row in copied(keycloak, "client")} == {NULL}
    for table in ("credential", "fed_user_credential", "server_config", "offline_user_session", "admin_event_entity"):
        assert copied(keycloak, table) == [], table
    settings = {row["name"] for row in copied(keycloak, "component_config") + copied(keycloak, "realm_smtp_config")}
    assert settings.isdisjoint({"privateKey", "secret", "password", "clientSecret"})


NULL: Final = "\\N"


def copied(dump: str, table: str) -> list[dict[str, str]]:
    """The rows of a table's COPY block: column → value as it is written in the dump."""
    block = re.search(rf"^COPY public\.{table} \((.+?)\) FROM stdin;\n(.*?)^\\\.$", dump, re.MULTILINE | re.DOTALL)
    assert block is not None, table
    columns = block[1].split(", ")
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in block[2].splitlines()]
