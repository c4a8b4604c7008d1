"""The settings: read from variables, refused by name, documented, used, and silent about their secrets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from requests.certs import where  # type: ignore[attr-defined]
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from admin.operations.settings import KeycloakAdministrator, Settings, variable_of
from governance.kernel.errors import Invalid

ROOT = Path(__file__).parents[2]
VARIABLES = {variable_of(name): name for name in Settings.model_fields}
EVERY_ONE = {
    "MOYAI_HOME": "/srv/moyai",
    "MOYAI_PORT": "9100",
    "MOYAI_PUBLIC_URL": "https://moyai.example.jp/moyai",
    "MOYAI_URL": "https://moyai-kumamoto.example.jp",
    "MOYAI_EXAMPLE": "1",
    "MOYAI_TRAINING": "0",
    "MOYAI_SECOND_FACTOR": "0",
    "DATABASE_URL": "postgresql+psycopg://moyai_app:hidden-1@db.example:5432/moyai?sslmode=require",
    "MOYAI_TENANT_DATABASE_URL": "postgresql+psycopg://moyai_tenant:hidden-5@db.example:5432/moyai?sslmode=require",
    "MOYAI_MIGRATION_URL": "postgresql+psycopg://moyai_owner:hidden-2@db.example/moyai",
    "MOYAI_BACKUP_URL": "postgresql+psycopg://moyai_backup:hidden-6@db.example/moyai",
    "KEYCLOAK_URL": "https://id.example.jp",
    "MOYAI_KEYCLOAK_CLIENT_ID": "moyai-setup",
    "MOYAI_KEYCLOAK_CLIENT_SECRET": "hidden-3",
    "SMTP_URL": "smtps://moyai:hidden-4@mail.example:465",
    "MOYAI_MAIL_FROM": "moyai@pref.example.lg.jp",
    "MOYAI_CA_FILE": where(),
    "MOYAI_KEYS_DIR": "/etc/moyai/keys",
    "MOYAI_SESSION_SECRET_FILE": "/etc/moyai/session.secret",
    "MOYAI_AUDIT_KEY_FILE": "/etc/moyai/audit.key",
    "MOYAI_AUDIT_TIPS_FILE": "/mnt/worm/tips.json",
    "MOYAI_AUDIT_TIPS_TO": "mailto:kansa@pref.example.lg.jp",
    "JAVA_HOME": "/opt/java",
    "KEYCLOAK_HOME": "/opt/keycloak",
    "MOYAI_KEYCLOAK_KEPT": "/var/cache/moyai",
    "MOYAI_BIND": "10.0.0.5",
    "MOYAI_WEB_PROCESSES": "4",
    "MOYAI_WEB_THREADS": "8",
    "MOYAI_PROXY_HOPS": "2",
    "MOYAI_ADDRESS_LIMIT": "900",
    "MOYAI_METRICS_FROM": "10.0.5.9/32,fd00::/8",
    "MOYAI_LOG_DAYS": "400",
    "MOYAI_PREFECTURES": "43,44",
}


def test_every_variable_survives_the_way_to_a_process_we_start() -> None:
    assert EVERY_ONE.keys() == VARIABLES.keys()

    settings = Settings.from_environment(EVERY_ONE)

    assert settings.as_environment() == EVERY_ONE
    assert Settings.from_environment(settings.as_environment()) == settings


def test_nothing_set_means_the_documented_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in EVERY_ONE.items():
        monkeypatch.setenv(name, text)

    # What is handed in counts, never what the process itself was started with.
    settings = Settings.from_environment(dict.fromkeys(VARIABLES, ""))

    documented = {"MOYAI_HOME": str(Path(".moyai").absolute()), "MOYAI_PORT": "8700", "MOYAI_PROXY_HOPS": "0"}
    documented |= {"MOYAI_PUBLIC_URL": "http://localhost:8700", "MOYAI_EXAMPLE": "0", "MOYAI_ADDRESS_LIMIT": "600"}
    documented |= {"MOYAI_BIND": "127.0.0.1", "MOYAI_WEB_PROCESSES": "1", "MOYAI_WEB_THREADS": "16"}
    documented |= {"MOYAI_METRICS_FROM": "127.0.0.0/8,::1/128", "MOYAI_LOG_DAYS": "366", "MOYAI_TRAINING": "0"}
    assert settings.as_environment() == documented
    assert settings.prefectures is None
    assert Settings.from_environment({}, example_default=True).example is True
    assert Settings.from_environment({"MOYAI_EXAMPLE": "0"}, example_default=True).example is False
    assert Settings.from_environment({"MOYAI_PORT": "9100"}).public_url == "http://localhost:9100"


@pytest.mark.parametrize(
    ("variable", "wrong"),
    [
        *(("MOYAI_PORT", wrong) for wrong in ("1023", "65531", "8700.0", "８７００", "-1", " 8700", "8_700", "087000")),
        *(("MOYAI_EXAMPLE", wrong) for wrong in ("yes", "true", "2", "１")),
        *(("MOYAI_TRAINING", wrong) for wrong in ("yes", "true", "2")),
        *(("MOYAI_SECOND_FACTOR", wrong) for wrong in ("no", "false", "0")),
        *(("MOYAI_PROXY_HOPS", wrong) for wrong in ("-1", "100", "1.0", "２", "one")),
        *(
            ("MOYAI_BIND", wrong)
            for wrong in ("localhost", "10.0.0", "10.0.0.5:8700", "*", "１０.0.0.5", "fe80::1%eth0")
        ),
        *(
            ("MOYAI_METRICS_FROM", wrong)
            for wrong in (
                "localhost",
                "10.0.0.5/8",
                "10.0.5.9;::1",
                "10.0.5.9, ::1",
                "*",
                "0.0.0.0/33",
                "１0.0.0.0/8",
                ",",
            )
        ),
        *(("MOYAI_LOG_DAYS", wrong) for wrong in ("365", "3661", "0", "-400", "400.0", "４００", "a year")),
        *(("MOYAI_WEB_PROCESSES", wrong) for wrong in ("0", "33", "-1", "1.5", "２", "auto")),
        *(("MOYAI_WEB_THREADS", wrong) for wrong in ("0", "20", "-1", "1.5", "８", "many")),
        *(("MOYAI_ADDRESS_LIMIT", wrong) for wrong in ("0", "-1", "100001", "6.5", "６００", "many")),
        *(
            ("MOYAI_PUBLIC_URL", wrong)
            for wrong in ("moyai.example", "ftp://x", "https://", "https://x:0", "http://x?y")
        ),
        *(("KEYCLOAK_URL", wrong) for wrong in ("id.example", "https://x#y", "http://x:99999")),
        *(("DATABASE_URL", wrong) for wrong in ("mysql://hidden@h/d", "postgresql+asyncpg://hidden@h/d", "hidden")),
        *(
            ("DATABASE_URL", f"postgresql://hidden{wrong}")
            for wrong in (
                "@h1,:5432/d",
                "@h1:x,h2/d",
                "@/d",
                "@/d?host=",
                "@/d?host=a,b,c&port=1,2",
                "@/d?host=a&port=x",
            )
        ),
        ("MOYAI_MIGRATION_URL", "sqlite:///hidden"),
        ("MOYAI_TENANT_DATABASE_URL", "sqlite:///hidden"),
        ("MOYAI_BACKUP_URL", "sqlite:///hidden"),
        *(("SMTP_URL", wrong) for wrong in ("http://hidden@mail", "smtp://", "mail.example:25")),
        *(
            (folder, __file__)
            for folder in ("MOYAI_HOME", "MOYAI_KEYS_DIR", "JAVA_HOME", "KEYCLOAK_HOME", "MOYAI_KEYCLOAK_KEPT")
        ),
        *((file, "/") for file in ("MOYAI_SESSION_SECRET_FILE", "MOYAI_AUDIT_KEY_FILE", "MOYAI_AUDIT_TIPS_FILE")),
        *(
            ("MOYAI_MAIL_FROM", wrong)
            for wrong in ("moyai", "moyai@localhost", "催合@pref.example.jp", "A <a@b.jp>", "a@b.jp, c@d.jp")
        ),
        *(("MOYAI_CA_FILE", wrong) for wrong in (__file__, "/nowhere/ca.pem", "/")),
        *(("MOYAI_AUDIT_TIPS_TO", wrong) for wrong in ("hidden", "syslog://", "mailto:", "mailto:a@b,c@d")),
        ("MOYAI_AUDIT_TIPS_TO", "mailto:kansa@pref.example.lg.jp"),
        *(("MOYAI_PREFECTURES", wrong) for wrong in ("48", "4", "43;44", "熊本")),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_name_of_its_variable(variable: str, wrong: str) -> None:
    with pytest.raises(Invalid) as refusal:
        Settings.from_environment({variable: wrong})

    assert refusal.value.field == variable
    assert variable in str(refusal.value)
    assert "hidden" not in str(refusal.value)


def test_only_the_example_goes_without_a_second_factor() -> None:
    for given, required in (({}, True), ({"MOYAI_SECOND_FACTOR": "1"}, True), ({"MOYAI_EXAMPLE": "0"}, True)):
        assert Settings.from_environment(given).requires_second_factor is required
    for given, required in (({}, False), ({"MOYAI_SECOND_FACTOR": "0"}, False), ({"MOYAI_SECOND_FACTOR": "1"}, True)):
        assert Settings.from_environment({"MOYAI_EXAMPLE": "1", **given}).requires_second_factor is required


@pytest.mark.parametrize(
    ("given", "kept", "conninfo"),
    [
        (
            "postgresql://app:pw@db1:5433,db2/moyai",
            "postgresql+psycopg://app:pw@/moyai?host=db1,db2&port=5433,5432",
            {"host": "db1,db2", "port": "5433,5432"},
        ),
        (
            "postgresql+psycopg://app:pw@db1,[::1]:5433/moyai?sslmode=require&target_session_attrs=read-write",
            "postgresql+psycopg://app:pw@/moyai?sslmode=require&target_session_attrs=read-write"
            "&host=db1,::1&port=5432,5433",
            {"host": "db1,::1", "port": "5432,5433", "target_session_attrs": "read-write", "sslmode": "require"},
        ),
        (
            "postgresql://app:pw@/moyai?host=/var/run/postgresql",
            "postgresql+psycopg://app:pw@/moyai?host=/var/run/postgresql",
            {"host": "/var/run/postgresql"},
        ),
    ],
)
def test_several_hosts_and_sockets_reach_libpq_and_sqlalchemy_alike(
    given: str, kept: str, conninfo: dict[str, str]
) -> None:
    settings = Settings.from_environment({"DATABASE_URL": given})

    assert settings.app_url == kept
    assert Settings.from_environment(settings.as_environment()).app_url == kept
    expected = conninfo | {"user": "app", "password": "pw", "dbname": "moyai"}
    assert conninfo_to_dict(kept.replace("postgresql+psycopg://", "postgresql://", 1)) == expected
    _, arguments = PGDialect_psycopg().create_connect_args(make_url(kept))  # type: ignore[no-untyped-call]
    assert {name: str(value) for name, value in arguments.items()} == expected


def test_half_of_the_administrator_names_the_missing_half() -> None:
    for given in ("MOYAI_KEYCLOAK_CLIENT_ID", "MOYAI_KEYCLOAK_CLIENT_SECRET"):
        with pytest.raises(Invalid) as refusal:
            Settings.from_environment({given: "one"})

        assert refusal.value.field in VARIABLES.keys() - {given}
        assert given in str(refusal.value)


def test_secrets_are_not_in_what_is_printed() -> None:
    settings = Settings.from_environment(EVERY_ONE)

    assert settings.keycloak_administrator == KeycloakAdministrator("moyai-setup", "hidden-3")
    for printed in (repr(settings), str(settings), f"{settings}", repr(settings.keycloak_administrator)):
        assert "hidden" not in printed
    assert "/srv/moyai" in repr(settings)


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    page = (ROOT / "docs" / "OPERATING.md").read_text(encoding="utf-8")
    table = page.partition("## Settings")[2].partition("\n## ")[0]
    documented = [name for row in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE) for name in row.split("`")[1::2]]

    assert sorted(documented) == sorted(VARIABLES)


def test_every_setting_is_used() -> None:
    listed = subprocess.run(["git", "ls-files", "admin"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    code = {name: (ROOT / name).read_text(encoding="utf-8") for name in listed.splitlines() if name.endswith(".py")}
    # In settings.py the fields count where the properties read them, after they have been declared.
    properties = code.pop("admin/operations/settings.py").partition("    @property")[2]

    unused = [
        field
        for field in VARIABLES.values()
        if not re.search(rf"\bself\.{field}\b", properties)
        and not any(re.search(rf"settings(?:\(\))?\.{field}\b", text) for text in code.values())
    ]
    assert unused == []
