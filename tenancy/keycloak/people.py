"""People of the tenants and of the operator: users named by Moyai's own id, unmanaged, joined to what they may do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from governance.kernel.errors import Conflict, Invalid, NotFound, reason
from governance.permissions import OPERATOR_ROLES
from tenancy.keycloak.adoption import create_or_adopt
from tenancy.keycloak.connection import Absent, NoAnswer, RealmConnection, Taken
from tenancy.keycloak.organizations import ROLE_GROUP_MISSING, Organizations, RoleCatalogue, fits
from tenancy.keycloak.port import (
    MANAGED_BY,
    TENANT_ROLE_GROUPS,
    Deed,
    Ensured,
    OperatorFacts,
    OperatorIntent,
    PersonFacts,
    PersonIntent,
)
from tenancy.keycloak.representations import (
    attribute,
    merged,
    operator_facts,
    person_body,
    person_changes,
    person_facts,
)
from tenancy.keycloak.side_by_side import SideBySide
from tenancy.keycloak.specification.shared import CONSOLE_CLIENT

PASSWORD_MAIL_SECONDS = 24 * 60 * 60

EMAIL_TAKEN = reason(
    "keycloak.email_taken",
    ja="メールアドレス {email} は既に別の利用者が使っています。",
    en="The address {email} is used by somebody else already.",
    hint_ja="別のアドレスにするか、Keycloak でその利用者を確かめてください。",
    hint_en="Use another address, or look at that user in Keycloak.",
)
PERSON_NOT_OURS = reason(
    "keycloak.person_not_ours",
    ja="利用者 {username} は Keycloak にありますが、この参加団体のものではありません。",
    en="The user {username} exists in Keycloak and is not this tenant's.",
    hint_ja="Keycloak で確かめてください。Moyai が作っていないものは変えません。",
    hint_en="Look at it in Keycloak. Moyai does not change what it did not make.",
)
PERSON_MISSING = reason(
    "keycloak.person_missing",
    ja="利用者 {username} は Keycloak にいません。",
    en="Keycloak has no user {username}.",
)
UNKNOWN_ROLE = reason(
    "keycloak.unknown_role",
    ja="役割 {given} はありません。",
    en="There is no role {given}.",
)
MAIL_NOT_SENT = reason(
    "keycloak.mail_not_sent",
    ja="Keycloak からメールを送れませんでした。",
    en="Keycloak could not send the mail.",
    hint_ja="メールサーバ(SMTP)の設定を確かめてください。",
    hint_en="See the settings of the mail server (SMTP).",
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the people of a tenant stand, from one look: by username, the members and who is in which group."""

    members: Mapping[str, Row]
    holders: Mapping[str, Mapping[str, Row]]

    def row(self, username: str) -> Row | None:
        return self.members.get(username) or next(
            (people[username] for people in self.holders.values() if username in people),
            None,
        )

    def groups_of(self, username: str) -> frozenset[str]:
        return frozenset(role for role, people in self.holders.items() if username in people)


class People:
    """The people of realm `moyai`, through the account that may write people and organizations."""

    def __init__(
        self,
        people: RealmConnection,
        organizations: Organizations,
        side_by_side: SideBySide,
    ) -> None:
        self._people = people
        self._organizations = organizations
        self._side_by_side = side_by_side

    def ensure(
        self,
        tenant_id: UUID,
        people: Sequence[PersonIntent],
        withdraw_from: Collection[str],
    ) -> tuple[Ensured[PersonFacts], ...]:
        for person in people:
            _acceptable(person, TENANT_ROLE_GROUPS)
            if person.tenant_id != tenant_id:
                raise ValueError(f"person {person.person_id} belongs to another tenant")
        in_question = sorted({role for person in people for role in person.roles} | set(withdraw_from))
        usernames = {person.username for person in people}
        try:
            before = self._look(tenant_id, in_question, usernames)
        except Absent:
            # Somebody made the organization or a group anew since its id was read.
            self._organizations.forget(tenant_id)
            before = self._look(tenant_id, in_question, usernames)
        done = self._side_by_side.each(lambda person: self._ensure_one(person, before, set(withdraw_from)), people)
        after = before
        if any(deed is not Deed.KEPT for deed, _ in done):
            after = self._look(tenant_id, in_question, usernames)
        return tuple(
            Ensured(deed, self._facts(person, after), changes)
            for person, (deed, changes) in zip(people, done, strict=True)
        )

    def remove(self, tenant_id: UUID, person_id: UUID) -> None:
        row = find_user(self._people, str(person_id))
        if row is None:
            return
        _only_ours(row, tenant_id)
        withdraw_access(self._people, row)
        organization = self._organizations.id_of(tenant_id)
        self._people.delete(f"organizations/{organization}/members/{row['id']}")

    # -- looking

    def _look(self, tenant_id: UUID, roles: Sequence[str], usernames: set[str]) -> Standing:
        organization = self._organizations.id_of(tenant_id)
        groups = self._organizations.group_ids(tenant_id) if roles else {}
        if missing := set(roles) - groups.keys():
            raise Conflict(ROLE_GROUP_MISSING, missing=", ".join(sorted(missing)))
        holders = {
            role: self._by_username(f"organizations/{organization}/groups/{groups[role]}/members") for role in roles
        }
        members: dict[str, Row] = {}
        if not usernames <= {name for people in holders.values() for name in people}:
            members = self._by_username(f"organizations/{organization}/members")
        return Standing(members, holders)

    def _by_username(self, path: str) -> dict[str, Row]:
        return {row["username"]: row for row in self._people.read_pages(path, briefRepresentation="false")}

    def _facts(self, person: PersonIntent, standing: Standing) -> PersonFacts:
        row = standing.row(person.username)
        if row is None:
            raise Conflict(PERSON_MISSING, username=person.username)
        return person_facts(row, standing.groups_of(person.username))

    # -- one person

    def _ensure_one(
        self, person: PersonIntent, standing: Standing, withdraw_from: set[str]
    ) -> tuple[Deed, tuple[str, ...]]:
        row = standing.row(person.username)
        is_member = row is not None
        created = False
        if row is None:
            row, created = ensure_user(self._people, person, lambda found: _only_ours(found, person.tenant_id))
        else:
            _only_ours(row, person.tenant_id)
        changes = [] if created else change_user(self._people, row, person)
        organization = self._organizations.id_of(person.tenant_id)
        if not is_member:
            self._already(lambda: self._people.admin.organization_user_add(row["id"], organization))
            changes.append("member")
        holds = standing.groups_of(person.username)
        groups = self._organizations.group_ids(person.tenant_id) if person.roles or holds else {}
        for role in sorted(person.roles - holds):
            self._already(
                partial(
                    self._people.replace,
                    f"organizations/{organization}/groups/{groups[role]}/members/{row['id']}",
                )
            )
            changes.append(role)
        for role in sorted((holds & withdraw_from) - person.roles):
            self._people.delete(f"organizations/{organization}/groups/{groups[role]}/members/{row['id']}")
            changes.append(role)
        if created:
            return Deed.CREATED, ()
        return (Deed.CHANGED, tuple(changes)) if changes else (Deed.KEPT, ())

    @staticmethod
    def _already(join: Callable[[], object]) -> None:
        """Joining twice is 409 and means joined; a lost answer is asked once more for the same reason."""
        try:
            try:
                join()
            except NoAnswer:
                join()
        except Taken:
            return


class Operators:
    """The people of realm `moyai-operators`; their roles are mapped to them directly."""

    def __init__(self, people: RealmConnection, reader: RealmConnection, catalogue: RoleCatalogue) -> None:
        """`reader` tells who holds which role: the account that maps roles may not read the mapping."""
        self._people = people
        self._reader = reader
        self._catalogue = catalogue

    def ensure(self, intent: OperatorIntent) -> Ensured[OperatorFacts]:
        _acceptable(intent, OPERATOR_ROLES)
        client = self._catalogue.read().client
        row = find_user(self._people, intent.username)
        created = False
        if row is None:
            row, created = ensure_user(self._people, intent, lambda found: _only_ours(found, None))
        else:
            _only_ours(row, None)
        changes = [] if created else change_user(self._people, row, intent)
        mappings = f"users/{row['id']}/role-mappings/clients/{client}"
        holds = set() if created else {role["name"] for role in self._reader.read(mappings)}
        if give := intent.roles - holds:
            self._people.create(mappings, self._catalogue.mapping(give))
            changes.extend(sorted(give))
        if end := holds - intent.roles:
            self._people.delete(mappings, self._catalogue.mapping(end))
            changes.extend(sorted(end))
        if not created and not changes:
            return Ensured(Deed.KEPT, operator_facts(row, frozenset(holds)))
        now = find_user(self._people, intent.username)
        if now is None:
            raise Conflict(PERSON_MISSING, username=intent.username)
        roles = frozenset(role["name"] for role in self._reader.read(mappings))
        return Ensured(
            Deed.CREATED if created else Deed.CHANGED,
            operator_facts(now, roles),
            tuple(changes),
        )


# ---- both realms ----------------------------------------------------------------------------------------------------


def find_user(connection: RealmConnection, username: str) -> Row | None:
    """The user of exactly this username."""
    rows: list[Row] = connection.read("users", username=username, exact="true")
    return rows[0] if rows else None


def user_id(connection: RealmConnection, person_id: UUID) -> str:
    """Keycloak's id of the person; `NotFound` when there is none."""
    row = find_user(connection, str(person_id))
    if row is None:
        raise NotFound(PERSON_MISSING, username=person_id)
    return str(row["id"])


def ensure_user(
    connection: RealmConnection,
    intent: PersonIntent | OperatorIntent,
    only_ours: Callable[[Row], None],
) -> tuple[Row, bool]:
    """The user created, or the one that was there already brought to the intent; and whether it was created now."""
    made: list[str] = []

    def look() -> Row | None:
        found = find_user(connection, intent.username)
        if found is not None:
            only_ours(found)
        return found

    found = create_or_adopt(
        lambda: made.append(connection.admin.create_user(person_body(intent))),
        look,
        taken=lambda: Conflict(EMAIL_TAKEN, field="email", email=intent.email),
    )
    if found is None:
        return {**person_body(intent), "id": made[-1]}, True
    return found, False


def change_user(connection: RealmConnection, row: Row, intent: PersonIntent | OperatorIntent) -> list[str]:
    """Write the fields that differ; a person disabled by this is logged out too. Answers their names."""
    found = operator_facts(row, frozenset()) if isinstance(intent, OperatorIntent) else person_facts(row)
    changes = person_changes(intent, found)
    if changes:
        try:
            connection.replace(f"users/{row['id']}", merged(_writable(row), person_body(intent)))
        except Taken:
            raise Conflict(EMAIL_TAKEN, field="email", email=intent.email) from None
    if "enabled" in changes and not intent.enabled:
        connection.admin.user_logout(row["id"])
    return list(changes)


def withdraw_access(connection: RealmConnection, row: Row) -> None:
    """Disable and log out. Either alone leaves a way in or a session listed."""
    if row["enabled"]:
        connection.replace(f"users/{row['id']}", {**_writable(row), "enabled": False})
    connection.admin.user_logout(row["id"])


def send_password_mail(connection: RealmConnection, person_id: UUID) -> None:
    user = user_id(connection, person_id)
    try:
        # Named, the console is where Keycloak's last page leads to; otherwise it leads nowhere.
        connection.admin.send_update_account(
            user, ["UPDATE_PASSWORD"], client_id=CONSOLE_CLIENT, lifespan=PASSWORD_MAIL_SECONDS
        )
    except NoAnswer as failed:
        if failed.facts.get("status") == 500:
            raise Conflict(MAIL_NOT_SENT) from failed
        raise


def _writable(row: Row) -> Row:
    """A user's representation as listed, without what a list adds and an update refuses."""
    return {name: value for name, value in row.items() if name not in ("access", "membershipType")}


def _only_ours(row: Row, tenant_id: UUID | None) -> None:
    if attribute(row, "managed_by") != MANAGED_BY or attribute(row, "tenant_id") != (tenant_id and str(tenant_id)):
        raise Conflict(PERSON_NOT_OURS, username=row["username"])


def _acceptable(person: PersonIntent | OperatorIntent, known: Collection[str]) -> None:
    for field in ("email", "family_name", "given_name"):
        fits(field, getattr(person, field))
    if unknown := person.roles - set(known):
        raise Invalid(UNKNOWN_ROLE, field="roles", given=", ".join(sorted(unknown)))
