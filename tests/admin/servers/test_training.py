"""A training installation: of its own servers, marked in its home and on its pages, and the only one emptied."""

from __future__ import annotations

from pathlib import Path

import pytest

from admin.app import create_app
from admin.operations.settings import Settings
from admin.operations.training import delete_contents, mark_training
from governance.kernel.errors import Conflict, Invalid
from tests.admin.cli.command_line import Moyai
from tests.journeys.stack import Stack
from tests.ports import find_free_port_range
from tests.servers import KEPT


def training_at(home: Path) -> Settings:
    return Settings(home=home, example=True, training=True)


def tree(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


@pytest.fixture
def real_home(tmp_path: Path) -> Path:
    """A home with things of a real installation in it."""
    home = tmp_path / "real"
    (home / "postgresql" / "data").mkdir(parents=True)
    (home / "postgresql" / "data" / "PG_VERSION").write_text("18")
    (home / "secrets").write_text("{}")
    return home


def test_a_training_installation_is_an_example_unless_that_is_denied() -> None:
    assert Settings.from_environment({"MOYAI_TRAINING": "1"}).example is True
    with pytest.raises(Invalid) as refused:
        Settings.from_environment({"MOYAI_TRAINING": "1", "MOYAI_EXAMPLE": "0"})
    assert (refused.value.code, refused.value.field) == ("settings.training_is_example", "MOYAI_EXAMPLE")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://moyai_app@db.example/moyai"),
        ("KEYCLOAK_URL", "https://id.example"),
        ("MOYAI_KEYS_DIR", "/etc/moyai/keys"),
        ("MOYAI_SESSION_SECRET_FILE", "/etc/moyai/session.secret"),
        ("MOYAI_AUDIT_KEY_FILE", "/etc/moyai/audit.key"),
        ("MOYAI_AUDIT_TIPS_FILE", "/mnt/worm/tips.json"),
    ],
)
def test_it_shares_no_server_and_no_key_with_another(name: str, value: str) -> None:
    assert Settings.from_environment({name: value, "MOYAI_EXAMPLE": "1"})
    with pytest.raises(Invalid) as refused:
        Settings.from_environment({name: value, "MOYAI_TRAINING": "1"})
    assert (refused.value.code, refused.value.field) == ("settings.training_stands_alone", name)


def test_an_empty_home_is_marked_and_stays_marked(tmp_path: Path) -> None:
    settings = training_at(tmp_path / "home")
    # What a start makes before anything else is in it.
    (settings.home / "run").mkdir(parents=True)
    (settings.home / "logs").mkdir()

    mark_training(settings)
    (settings.home / "secrets").write_text("{}")
    mark_training(settings)

    assert settings.training_mark.is_file()


def test_a_home_with_anything_in_it_becomes_no_training_installation(real_home: Path) -> None:
    before = tree(real_home)

    with pytest.raises(Conflict) as refused:
        mark_training(training_at(real_home))

    assert (refused.value.code, refused.value.field) == ("training.other_installation", "MOYAI_HOME")
    assert tree(real_home) == before


def test_a_training_home_is_not_started_as_anything_else(tmp_path: Path) -> None:
    settings = training_at(tmp_path / "home")
    mark_training(settings)

    with pytest.raises(Conflict) as refused:
        mark_training(Settings(home=settings.home, example=True))

    assert (refused.value.code, refused.value.field) == ("training.is_training", "MOYAI_TRAINING")


@pytest.mark.parametrize(("training", "code"), [("0", "training.not_set"), ("1", "training.other_installation")])
def test_any_other_installation_is_not_emptied(real_home: Path, training: str, code: str) -> None:
    before = tree(real_home)
    moyai = Moyai({"MOYAI_HOME": str(real_home), "MOYAI_EXAMPLE": "1", "MOYAI_TRAINING": training})

    assert moyai.refusal("training", "reset", "--yes")[:2] == (1, code)

    assert tree(real_home) == before


def test_without_the_word_training_a_marked_home_is_not_emptied_either(tmp_path: Path) -> None:
    settings = training_at(tmp_path / "home")
    mark_training(settings)
    (settings.home / "secrets").write_text("{}")

    with pytest.raises(Conflict):
        delete_contents(Settings(home=settings.home, example=True))

    assert (settings.home / "secrets").exists()


def test_nothing_is_deleted_before_somebody_said_yes(tmp_path: Path) -> None:
    settings = training_at(tmp_path / "home")
    mark_training(settings)
    (settings.home / "secrets").write_text("{}")
    before = tree(settings.home)

    code, _, _ = Moyai({"MOYAI_HOME": str(settings.home), "MOYAI_TRAINING": "1"}).text("training", "reset")

    assert code == 130
    assert tree(settings.home) == before


def test_everything_goes_but_the_mark_and_the_built_keycloak(tmp_path: Path) -> None:
    settings = training_at(tmp_path / "home")
    mark_training(settings)
    for folder in ("postgresql/data", "keys", "logs", "keycloak-26.7.4/bin"):
        (settings.home / folder).mkdir(parents=True)
        (settings.home / folder / "file").write_text("x")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (settings.home / "linked").symlink_to(outside)

    delete_contents(settings)

    assert {path.name for path in settings.home.iterdir()} == {"training", "keycloak-26.7.4"}
    assert (outside / "kept").exists()


@pytest.mark.application
@pytest.mark.parametrize("training", [True, False])
def test_every_page_of_it_says_so(tmp_path: Path, training: bool) -> None:
    app = create_app(
        Settings.from_environment(
            {"MOYAI_HOME": str(tmp_path), "MOYAI_EXAMPLE": "1", "MOYAI_TRAINING": str(int(training))}
        )
    )

    page = app.test_client().get("/nothing-here?lang=ja").text

    assert ("研修環境" in page) is training
    assert ("例示データ" in page) is not training


@pytest.mark.keycloak
@pytest.mark.slow
def test_reset_brings_a_training_installation_back_to_its_beginning(tmp_path: Path) -> None:
    port = find_free_port_range()
    stack = Stack(
        Settings(
            home=tmp_path / "home",
            port=port,
            public_url=f"http://localhost:{port}",
            keycloak_kept=KEPT,
            example=True,
            training=True,
        )
    )
    tmp_path.chmod(0o711)
    try:
        first = stack.moyai("training", "reset", "--yes")
        stack.moyai(
            "tenant",
            "register",
            "--code",
            "433641",
            "--kind",
            "town",
            "--name",
            "玉東町",
            "--kana",
            "ギョクトウマチ",
            "--valid-from",
            "2026-04-01",
        )
        tenants = stack.moyai("tenant", "list")
        assert "433641" in str(tenants)

        again = stack.moyai("training", "reset", "--yes")

        assert first == again == {"home": str(tmp_path / "home"), "url": stack.url, "active": 13}
        assert "433641" not in str(stack.moyai("tenant", "list"))
        assert stack.moyai("audit", "verify")["intact"]
        assert stack.moyai("drift")["in_sync"]
    finally:
        stack.moyai("down")
