"""Preferences: saved for the person who sends them, and read and changed by nobody else."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from governance.actors import Actor, ActorKind, command_line_actor
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.era import DateNotation
from governance.kernel.errors import NotAllowed
from governance.kernel.ids import new_id
from governance.permissions import OPERATOR_ROLES, ROLE_PERMISSIONS, TENANT_ROLES, TENANT_SCOPES, Permission, Role
from tenancy.preferences.commands import SavePreferences, save_preferences
from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.queries import saved_preferences
from tenancy.preferences.states import ScreenLanguage, TableDensity
from tests.actors import Actors, seed_operator
from tests.database_rows import recorded, rows
from tests.factories import Factory


@pytest.fixture
def factory(database: object) -> Factory:
    factory = Factory(Actors(seed_operator()))
    factory.add_member("431001", "熊本市")
    factory.add_member("432024", "八代市")
    return factory


def person(factory: Factory, code: str) -> Actor:
    return factory.actors.municipal(factory.ids[code])


def save(actor: Actor, **chosen: Any) -> None:
    save_preferences(SavePreferences(**dict(PreferencesFacts(**chosen))), actor=actor)


def saved_of(actor: Actor) -> PreferencesFacts | None:
    with tenant_scope(actor.tenant_scope):
        return saved_preferences(db.session(), actor.tenant_id, UUID(actor.id))


def test_everybody_who_signs_in_may_save_their_own_and_no_system_may() -> None:
    for role in TENANT_ROLES | OPERATOR_ROLES:
        assert Permission.PREFERENCES_SAVE in ROLE_PERMISSIONS[role], role
    assert Permission.PREFERENCES_SAVE not in ROLE_PERMISSIONS[Role.SYSTEM]
    assert not any(Permission.PREFERENCES_SAVE in allowed for allowed in TENANT_SCOPES.values())


def test_what_is_saved_is_the_senders_and_nobody_elses(factory: Factory) -> None:
    mine, colleague = person(factory, "431001"), person(factory, "431001")
    elsewhere = person(factory, "432024")
    save(colleague, date_notation=DateNotation.WESTERN)

    save(mine, language=ScreenLanguage.ENGLISH, table_density=TableDensity.DENSE)

    assert saved_of(mine) == PreferencesFacts(
        language=ScreenLanguage.ENGLISH, table_density=TableDensity.DENSE, date_notation=DateNotation.ERA
    )
    assert saved_of(colleague) == PreferencesFacts(date_notation=DateNotation.WESTERN)
    assert saved_of(elsewhere) is None
    assert len(rows("person_preferences")) == 2


def test_saving_again_replaces_them_and_saving_the_same_records_nothing(factory: Factory) -> None:
    mine = person(factory, "431001")
    save(mine, language=ScreenLanguage.ENGLISH)
    save(mine, language=ScreenLanguage.JAPANESE)
    events = len(recorded("preferences.saved"))

    save(mine, language=ScreenLanguage.JAPANESE)

    assert saved_of(mine) == PreferencesFacts()
    assert (events, len(recorded("preferences.saved"))) == (2, 2)
    assert len(rows("person_preferences")) == 1


def test_no_field_names_another_person() -> None:
    assert not {name for name in SavePreferences.model_fields if name.endswith("_id")}


def test_the_database_shows_no_tenant_the_preferences_of_another(factory: Factory) -> None:
    mine, elsewhere = person(factory, "431001"), person(factory, "432024")
    save(mine, language=ScreenLanguage.ENGLISH)
    theirs = text(
        "INSERT INTO person_preferences (id, tenant_id, person_id, language, date_notation, table_density, digest_mail,"
        " digest_since, saved_at) VALUES (:id, :tenant, :person, 'ja', 'era', 'dense', 'never', now(), now())"
    )

    with tenant_scope(elsewhere.tenant_id):
        seen = db.session().execute(text("SELECT count(*) FROM person_preferences")).scalar_one()
        changed = db.session().execute(text("UPDATE person_preferences SET language = 'ja'"))
        with pytest.raises(DBAPIError, match="row-level security"):
            db.session().execute(theirs, {"id": new_id(), "tenant": mine.tenant_id, "person": new_id()})
        db.session().rollback()

    assert (seen, getattr(changed, "rowcount", None)) == (0, 0)
    assert saved_of(mine) == PreferencesFacts(language=ScreenLanguage.ENGLISH)


def test_neither_a_system_nor_the_machines_command_line_has_preferences(factory: Factory) -> None:
    tenant_id = factory.ids["431001"]
    system = Actor(str(new_id()), ActorKind.CLIENT, tenant_id, frozenset(), frozenset({Permission.PREFERENCES_SAVE}))
    for actor in (system, command_line_actor(factory.actors.operator_tenant)):
        with pytest.raises(NotAllowed) as refused:
            save(actor)
        assert refused.value.code == "preferences.of_people"
    with tenant_scope(OPERATOR):
        assert rows("person_preferences") == []
