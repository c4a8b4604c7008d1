"""Users of Keycloak for people of the tenants and of the operator. The username is the person's id in Moyai."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from governance.kernel.concurrency import ParallelMap
from governance.kernel.errors import Conflict, DependencyUnavailable, DomainError, Invalid, NotFound
from governance.permissions import OPERATOR_ROLES
from tenancy.keycloak.adoption import create_or_adopt
from tenancy.keycloak.connection import (
    AlreadyExists,
    ConcurrentChange,
    NoResponse,
    RealmConnection,
    Rejected,
    ResourceMissing,
    retry_concurrent,
)
from tenancy.keycloak.messages import (
    EMAIL_TAKEN,
    LANDING_UNKNOWN,
    MAIL_NOT_SENT,
    PERSON_MISSING,
    PERSON_NOT_OURS,
    ROLE_GROUP_MISSING,
    UNKNOWN_ROLE,
)
from tenancy.keycloak.organizations import Organizations, RoleCatalogue, check_length
from tenancy.keycloak.port import (
    CONSOLE_CLIENT,
    FIRST_SIGN_IN,
    MANAGED_BY,
    MAX_MAIL_FACT,
    TENANT_ROLE_GROUPS,
    EnsureOutcome,
    EnsureResult,
    FactorFacts,
    FactorKind,
    Invitation,
    OperatorFacts,
    OperatorIntent,
    PersonFacts,
    PersonIntent,
    released_address,
)
from tenancy.keycloak.representations import (
    MAIL_ATTRIBUTES,
    SECOND_FACTOR,
    attribute,
    merged,
    operator_facts,
    person_body,
    person_changes,
    person_facts,
)

PASSWORD_MAIL_SECONDS = 24 * 60 * 60

SECOND_FACTORS = frozenset({"otp", "webauthn", "webauthn-passwordless", "recovery-authn-codes"})
"""Kinds of credentials at Keycloak that are asked for besides a password, or instead of one."""

SET_UP_SECOND_FACTOR = "CONFIGURE_TOTP"
"""Keycloak's action in which a person sets up TOTP before the sign-in goes on."""


Representation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MembershipSnapshot:
    """The people of one tenant as found: members by username, and the usernames in each role group."""

    members: Mapping[str, Representation]
    holders: Mapping[str, Mapping[str, Representation]]

    def row(self, username: str) -> Representation | None:
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
        parallel: ParallelMap,
    ) -> None:
        self._people = people
        self._organizations = organizations
        self._parallel = parallel

    def ensure(
        self,
        tenant_id: UUID,
        people: Sequence[PersonIntent],
        withdraw_from: Collection[str],
    ) -> tuple[EnsureResult[PersonFacts] | DomainError, ...]:
        """Each person's result, or in its place what we or Keycloak refuse about that person."""
        for person in people:
            if person.tenant_id != tenant_id:
                raise ValueError(f"person {person.person_id} belongs to another tenant")
        refusals = [_refusal_of(person) for person in people]
        valid = [person for person, refusal in zip(people, refusals, strict=True) if refusal is None]
        done = iter(self._ensure_valid(tenant_id, valid, withdraw_from) if valid else ())
        return tuple(next(done) if refusal is None else refusal for refusal in refusals)

    def _ensure_valid(
        self, tenant_id: UUID, people: Sequence[PersonIntent], withdraw_from: Collection[str]
    ) -> tuple[EnsureResult[PersonFacts] | DomainError, ...]:
        in_question = sorted({role for person in people for role in person.roles} | set(withdraw_from))
        usernames = {person.username for person in people}
        try:
            before = self._take_snapshot(tenant_id, in_question, usernames)
        except ResourceMissing:
            # Somebody made the organization or a group anew since its id was read.
            self._organizations.invalidate(tenant_id)
            before = self._take_snapshot(tenant_id, in_question, usernames)
        done = self._parallel.map(lambda person: self._ensure_or_refuse(person, before, set(withdraw_from)), people)
        after = before
        if any(not isinstance(one, DomainError) and one[0] is not EnsureOutcome.KEPT for one in done):
            after = self._take_snapshot(tenant_id, in_question, usernames)
        return tuple(
            one if isinstance(one, DomainError) else EnsureResult(one[0], self._facts(person, after), one[1])
            for person, one in zip(people, done, strict=True)
        )

    def remove(self, tenant_id: UUID, person_id: UUID) -> None:
        row = find_user(self._people, str(person_id))
        if row is None:
            return
        _require_managed_by_us(row, tenant_id)
        withdraw_access(self._people, row)
        organization = self._organizations.id_of(tenant_id)
        self._people.delete(f"organizations/{organization}/members/{row['id']}")

    def leave(self, tenant_id: UUID, username: UUID) -> None:
        row = find_user(self._people, str(username))
        if row is None:
            return
        if attribute(row, "managed_by") != MANAGED_BY:
            raise Conflict(PERSON_NOT_OURS, username=row["username"])
        organization = self._organizations.id_of(tenant_id)
        # Who left the organization has left its groups, too.
        self._people.delete(f"organizations/{organization}/members/{row['id']}")

    # -- looking

    def _take_snapshot(self, tenant_id: UUID, roles: Sequence[str], usernames: set[str]) -> MembershipSnapshot:
        organization = self._organizations.id_of(tenant_id)
        groups = self._organizations.group_ids(tenant_id) if roles else {}
        if missing := set(roles) - groups.keys():
            raise Conflict(ROLE_GROUP_MISSING, missing=", ".join(sorted(missing)))
        holders = {
            role: self._by_username(f"organizations/{organization}/groups/{groups[role]}/members") for role in roles
        }
        members: dict[str, Representation] = {}
        if not usernames <= {name for people in holders.values() for name in people}:
            members = self._by_username(f"organizations/{organization}/members")
        return MembershipSnapshot(members, holders)

    def _by_username(self, path: str) -> dict[str, Representation]:
        return {row["username"]: row for row in self._people.read_pages(path, briefRepresentation="false")}

    def _facts(self, person: PersonIntent, snapshot: MembershipSnapshot) -> PersonFacts:
        row = snapshot.row(person.username)
        if row is None:
            raise Conflict(PERSON_MISSING, username=person.username)
        return person_facts(row, snapshot.groups_of(person.username))

    # -- one person

    def _ensure_or_refuse(
        self, person: PersonIntent, snapshot: MembershipSnapshot, withdraw_from: set[str]
    ) -> tuple[EnsureOutcome, tuple[str, ...]] | DomainError:
        try:
            return self._ensure_one(person, snapshot, withdraw_from)
        except (DependencyUnavailable, ResourceMissing):
            raise
        except DomainError as refusal:
            return refusal

    def _ensure_one(
        self, person: PersonIntent, snapshot: MembershipSnapshot, withdraw_from: set[str]
    ) -> tuple[EnsureOutcome, tuple[str, ...]]:
        row = snapshot.row(person.username)
        is_member = row is not None
        created = False
        if row is None:
            row, created = ensure_user(
                self._people, person, lambda found: _require_managed_by_us(found, person.account_tenant_id)
            )
        else:
            _require_managed_by_us(row, person.account_tenant_id)
        changes = [] if created else change_user(self._people, row, person)
        if person.account_id is not None and SECOND_FACTOR in changes and person.needs_second_factor:
            # A session that began with a password alone would lead into the tenant whose owner the person is.
            self._people.admin.user_logout(row["id"])
        organization = self._organizations.id_of(person.tenant_id)
        if not is_member:
            self._join_idempotently(lambda: self._people.admin.organization_user_add(row["id"], organization))
            changes.append("member")
        holds = snapshot.groups_of(person.username)
        groups = self._organizations.group_ids(person.tenant_id) if person.roles or holds else {}
        for role in sorted(person.roles - holds):
            self._join_idempotently(
                partial(
                    self._people.replace,
                    f"organizations/{organization}/groups/{groups[role]}/members/{row['id']}",
                )
            )
            changes.append(role)
        for role in sorted((holds & withdraw_from) - person.roles):
            self._leave_idempotently(f"organizations/{organization}/groups/{groups[role]}/members", row["id"])
            changes.append(role)
        if created:
            return EnsureOutcome.CREATED, ()
        return (EnsureOutcome.CHANGED, tuple(changes)) if changes else (EnsureOutcome.KEPT, ())

    def _leave_idempotently(self, members: str, user: str) -> None:
        """Take the user out of a group. Refused is who has left already, by another writer: that is looked up."""
        try:
            self._people.delete(f"{members}/{user}")
        except Rejected:
            if any(row["id"] == user for row in self._people.read_pages(members)):
                raise

    @staticmethod
    def _join_idempotently(join: Callable[[], object]) -> None:
        """Add the user to the organization. 409 means that the user is a member already; a lost answer is repeated."""
        try:
            try:
                join()
            except NoResponse:
                join()
        except AlreadyExists:
            return


class Operators:
    """The people of realm `moyai-operators`; their roles are mapped to them directly."""

    def __init__(self, people: RealmConnection, reader: RealmConnection, catalogue: RoleCatalogue) -> None:
        """`reader` reads role mappings, which the account that writes them may not read."""
        self._people = people
        self._reader = reader
        self._catalogue = catalogue

    def ensure(self, intent: OperatorIntent) -> EnsureResult[OperatorFacts]:
        _validate(intent, OPERATOR_ROLES)
        client = self._catalogue.read().client
        row = find_user(self._people, intent.username)
        created = False
        if row is None:
            row, created = ensure_user(self._people, intent, lambda found: _require_managed_by_us(found, None))
        else:
            _require_managed_by_us(row, None)
        changes = [] if created else change_user(self._people, row, intent)
        mappings = f"users/{row['id']}/role-mappings/clients/{client}"
        holds = set() if created else {role["name"] for role in self._reader.read(mappings)}
        if to_grant := intent.roles - holds:
            _map_roles(lambda: self._people.create(mappings, self._catalogue.mapping(to_grant)))
            changes.extend(sorted(to_grant))
        if to_revoke := holds - intent.roles:
            self._people.delete(mappings, self._catalogue.mapping(to_revoke))
            changes.extend(sorted(to_revoke))
        if not created and not changes:
            return EnsureResult(EnsureOutcome.KEPT, operator_facts(row, frozenset(holds)))
        now = find_user(self._people, intent.username)
        if now is None:
            raise Conflict(PERSON_MISSING, username=intent.username)
        roles = frozenset(role["name"] for role in self._reader.read(mappings))
        return EnsureResult(
            EnsureOutcome.CREATED if created else EnsureOutcome.CHANGED,
            operator_facts(now, roles),
            tuple(changes),
        )


def _map_roles(create: Callable[[], object]) -> None:
    """Give roles; 409 means that another writer gave one of them at this moment, so the others are still to come."""
    try:
        create()
    except AlreadyExists:
        create()


# ---- both realms ----------------------------------------------------------------------------------------------------


def find_user(connection: RealmConnection, username: str) -> Representation | None:
    """The user of exactly this username."""
    rows: list[Representation] = connection.read("users", username=username, exact="true")
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
    require_managed_by_us: Callable[[Representation], None],
) -> tuple[Representation, bool]:
    """Create the user, or update the existing one to the intent. Returns the user, and whether it was created now."""
    made: list[str] = []

    def find() -> Representation | None:
        found = find_user(connection, intent.username)
        if found is not None:
            require_managed_by_us(found)
        return found

    found = create_or_adopt(
        lambda: made.append(connection.admin.create_user(person_body(intent))),
        find,
        already_exists=lambda: Conflict(EMAIL_TAKEN, field="email", email=intent.email),
    )
    if found is None:
        return {**person_body(intent), "id": made[-1]}, True
    return found, False


def change_user(connection: RealmConnection, row: Representation, intent: PersonIntent | OperatorIntent) -> list[str]:
    """Write the fields that differ and return their names. Disabling a person also ends their sessions."""
    latest = row

    def write() -> Collection[str]:
        nonlocal latest
        found = operator_facts(latest, frozenset()) if isinstance(intent, OperatorIntent) else person_facts(latest)
        changes = person_changes(intent, found)
        if changes:
            body = merged(_strip_read_only(latest), person_body(intent))
            try:
                connection.replace_as_read(f"users/{row['id']}", body)
            except AlreadyExists:
                raise Conflict(EMAIL_TAKEN, field="email", email=intent.email) from None
            except ConcurrentChange:
                latest = connection.read(f"users/{row['id']}")
                raise
        return changes

    changes = retry_concurrent(write)
    if "enabled" in changes and not intent.enabled:
        connection.admin.user_logout(row["id"])
    return list(changes)


def release_address(connection: RealmConnection, row: Representation) -> None:
    """Give the user an address that is nobody's. Raises Conflict for a user that Moyai did not make."""
    if attribute(row, "managed_by") != MANAGED_BY:
        raise Conflict(PERSON_NOT_OURS, username=row["username"])
    latest = row
    free = released_address(UUID(row["username"]))

    def write() -> None:
        nonlocal latest
        if latest.get("email") == free:
            return
        try:
            connection.replace_as_read(f"users/{row['id']}", {**_strip_read_only(latest), "email": free})
        except ConcurrentChange:
            latest = connection.read(f"users/{row['id']}")
            raise

    retry_concurrent(write)


def delete_account(connection: RealmConnection, row: Representation) -> None:
    """Delete the user. Raises Conflict for one that Moyai did not make."""
    if attribute(row, "managed_by") != MANAGED_BY:
        raise Conflict(PERSON_NOT_OURS, username=row["username"])
    connection.delete(f"users/{row['id']}")


def withdraw_access(connection: RealmConnection, row: Representation) -> None:
    """Disable the user and end their sessions; disabling alone would leave the sessions listed."""
    latest = row

    def disable() -> None:
        nonlocal latest
        if not latest["enabled"]:
            return
        try:
            connection.replace_as_read(f"users/{row['id']}", {**_strip_read_only(latest), "enabled": False})
        except ConcurrentChange:
            latest = connection.read(f"users/{row['id']}")
            raise

    retry_concurrent(disable)
    connection.admin.user_logout(row["id"])


def send_password_mail(
    connection: RealmConnection, person_id: UUID, invitation: Invitation | None, public_url: str
) -> None:
    """Send it once. Raises Conflict where Keycloak cannot send mail, or does not know the address its link ends at."""
    user = user_id(connection, person_id)
    # Named, the console is where Keycloak's last page leads to; otherwise it leads nowhere.
    landing = None
    if invitation is not None:
        _note_invitation(connection, user, invitation)
        landing = f"{public_url}{FIRST_SIGN_IN}{invitation.tenant_id}"
    try:
        connection.admin.send_update_account(
            user, ["UPDATE_PASSWORD"], client_id=CONSOLE_CLIENT, lifespan=PASSWORD_MAIL_SECONDS, redirect_uri=landing
        )
    except Rejected as refused:
        if landing is not None and "redirect" in str(refused.facts.get("answer", "")).lower():
            raise Conflict(LANDING_UNKNOWN, address=landing) from refused
        raise
    except NoResponse as failed:
        if failed.facts.get("status") == 500:
            raise Conflict(MAIL_NOT_SENT) from failed
        raise


def _note_invitation(connection: RealmConnection, user: str, invitation: Invitation) -> None:
    """Write what the mail is to say into the user's attributes; Keycloak's templates can read nothing else of ours."""
    facts = (invitation.organization, invitation.invited_by, invitation.contact)
    wanted = {name: [text[:MAX_MAIL_FACT]] for name, text in zip(MAIL_ATTRIBUTES, facts, strict=True) if text}

    def write() -> None:
        row = connection.read(f"users/{user}")
        present = row.get("attributes") or {}
        others = {name: value for name, value in present.items() if name not in MAIL_ATTRIBUTES}
        if (attributes := others | wanted) != present:
            connection.replace_as_read(f"users/{user}", {**_strip_read_only(row), "attributes": attributes})

    retry_concurrent(write)


def second_factors(connection: RealmConnection, user: str) -> tuple[FactorFacts, ...]:
    """The second factors of a user, the oldest first. A kind that Moyai does not offer is left out."""
    kinds = {str(kind) for kind in FactorKind}
    rows = connection.find(f"users/{user}/credentials") or ()
    found = [
        FactorFacts(
            row["id"],
            FactorKind(row["type"]),
            row.get("userLabel") or None,
            datetime.fromtimestamp(row["createdDate"] / 1000, UTC) if row.get("createdDate") else None,
        )
        for row in rows
        if row["type"] in kinds
    ]
    return tuple(sorted(found, key=lambda one: one.added_at or datetime.min.replace(tzinfo=UTC)))


def reset_second_factor(connection: RealmConnection, person_id: UUID) -> int:
    """Remove the person's second factors and require a new one; without that the next sign-in would need none."""
    user = user_id(connection, person_id)
    factors = [row["id"] for row in connection.read(f"users/{user}/credentials") if row["type"] in SECOND_FACTORS]

    def require_anew() -> None:
        row = connection.read(f"users/{user}")
        actions = [*row.get("requiredActions", ())]
        if SET_UP_SECOND_FACTOR not in actions:
            body = {**_strip_read_only(row), "requiredActions": [*actions, SET_UP_SECOND_FACTOR]}
            connection.replace_as_read(f"users/{user}", body)

    # Required first: were the removal to fail, the person would only be asked for one factor more.
    retry_concurrent(require_anew)
    for factor in factors:
        connection.delete(f"users/{user}/credentials/{factor}")
    connection.admin.user_logout(user)
    return len(factors)


def _strip_read_only(row: Representation) -> Representation:
    """A user's representation as listed, without what a list adds and an update refuses."""
    return {name: value for name, value in row.items() if name not in ("access", "membershipType")}


def _require_managed_by_us(row: Representation, tenant_id: UUID | None) -> None:
    if attribute(row, "managed_by") != MANAGED_BY or attribute(row, "tenant_id") != (tenant_id and str(tenant_id)):
        raise Conflict(PERSON_NOT_OURS, username=row["username"])


def _refusal_of(person: PersonIntent) -> Invalid | None:
    """Why Keycloak is not even asked for the person."""
    try:
        _validate(person, TENANT_ROLE_GROUPS)
    except Invalid as refusal:
        return refusal
    return None


def _validate(person: PersonIntent | OperatorIntent, known: Collection[str]) -> None:
    for field in ("email", "family_name", "given_name"):
        check_length(field, getattr(person, field))
    if unknown := person.roles - set(known):
        raise Invalid(UNKNOWN_ROLE, field="roles", given=", ".join(sorted(unknown)))
