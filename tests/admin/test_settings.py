"""The settings: read from variables, refused by name, documented, used, and silent about their secrets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

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
    "MOYAI_SECOND_FACTOR": "0",
    "DATABASE_URL": "postgresql+psycopg://moyai_app:hidden-1@db.example:5432/moyai?sslmode=require",
    "MOYAI_TENANT_DATABASE_URL": "postgresql+psycopg://moyai_tenant:hidden-5@db.example:5432/moyai?sslmode=require",
    "MOYAI_MIGRATION_URL": "postgresql+psycopg://moyai_owner:hidden-2@db.example/moyai",
    "MOYAI_BACKUP_URL": "postgresql+psycopg://moyai_backup:hidden-6@db.example/moyai",
    "KEYCLOAK_URL": "https://id.example.jp",
    "MOYAI_KEYCLOAK_CLIENT_ID": "moyai-setup",
    "MOYAI_KEYCLOAK_CLIENT_SECRET": "hidden-3",
    "SMTP_URL": "smtps://moyai:hidden-4@mail.example:465",
    "MOYAI_AUDIT_KEY_FILE": "/etc/moyai/audit.key",
    "MOYAI_AUDIT_TIPS_FILE": "/mnt/worm/tips.json",
    "MOYAI_AUDIT_TIPS_TO": "mailto:kansa@pref.example.lg.jp",
    "JAVA_HOME": "/opt/java",
    "KEYCLOAK_HOME": "/opt/keycloak",
    "MOYAI_KEYCLOAK_KEPT": "/var/cache/moyai",
    "MOYAI_PROXY_HOPS": "2",
    "MOYAI_ADDRESS_LIMIT": "900",
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
        *(("MOYAI_SECOND_FACTOR", wrong) for wrong in ("no", "false", "0")),
        *(("MOYAI_PROXY_HOPS", wrong) for wrong in ("-1", "100", "1.0", "２", "one")),
        *(("MOYAI_ADDRESS_LIMIT", wrong) for wrong in ("0", "-1", "100001", "6.5", "６００", "many")),
        *(
            ("MOYAI_PUBLIC_URL", wrong)
            for wrong in ("moyai.example", "ftp://x", "https://", "https://x:0", "http://x?y")
        ),
        *(("KEYCLOAK_URL", wrong) for wrong in ("id.example", "https://x#y", "http://x:99999")),
        *(("DATABASE_URL", wrong) for wrong in ("mysql://hidden@h/d", "postgresql+asyncpg://hidden@h/d", "hidden")),
        ("MOYAI_MIGRATION_URL", "sqlite:///hidden"),
        ("MOYAI_TENANT_DATABASE_URL", "sqlite:///hidden"),
        ("MOYAI_BACKUP_URL", "sqlite:///hidden"),
        *(("SMTP_URL", wrong) for wrong in ("http://hidden@mail", "smtp://", "mail.example:25")),
        *((folder, __file__) for folder in ("MOYAI_HOME", "JAVA_HOME", "KEYCLOAK_HOME", "MOYAI_KEYCLOAK_KEPT")),
        *((file, "/") for file in ("MOYAI_AUDIT_KEY_FILE", "MOYAI_AUDIT_TIPS_FILE")),
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
