"""The tenant's people and groups as SCIM resources: reads are queries, each write is one command.

`scim2-server` speaks the protocol, applies PATCH and evaluates filters; this module is where it reads and writes. What
a command refuses becomes the SCIM error with the same meaning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final, TypeVar, Union, cast
from uuid import UUID

from scim2_models import (
    ForbiddenException,
    InvalidValueException,
    Meta,
    NotFoundException,
    PreconditionFailedException,
    Reference,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    ScimFilter,
    SearchRequest,
    UniquenessException,
)
from scim2_models.path import CompareOperator, Comparison
from scim2_server.storage import ScimStorage, SearchPage
from sqlalchemy.orm import Session

from admin.core.errors import status_of
from admin.core.language import current_language
from admin.features.scim.resources import WORK, Email, Group, GroupMember, GroupMembership, Name, User
from governance.actors import Actor
from governance.commands import Precondition
from governance.declaration import read_command
from governance.kernel import clock
from governance.kernel.database import db
from governance.kernel.errors import DomainError, NotAllowed, NotFound, Stale, message
from governance.permissions import Role
from tenancy.people.commands import RemoveMember, remove_member
from tenancy.people.queries import PRESENT_STATES
from tenancy.people.scim.commands import (
    BY_DIRECTORY,
    GROUP_NAME_TAKEN,
    NAME_TAKEN,
    AddScimGroup,
    AddScimUser,
    ChangeScimGroup,
    ChangeScimUser,
    RemoveScimGroup,
    SetScimRoleMembers,
    add_scim_group,
    add_scim_user,
    change_scim_group,
    change_scim_user,
    remove_scim_group,
    set_scim_role_members,
)
from tenancy.people.scim.models import ScimGroupFacts, ScimUserFacts
from tenancy.people.scim.queries import scim_groups, scim_users

CHANGED_MEANWHILE = message(
    "scim.changed_meanwhile",
    ja="読み取ったあとに変更されています。",
    en="It was changed since it was read.",
)
ROLE_GROUP_KEPT = message(
    "scim.role_group_kept",
    ja="役割のグループは、名称の変更も削除もできません。",
    en="The group of a role is neither renamed nor removed.",
)

_UNIQUE: Final = frozenset({NAME_TAKEN.code, GROUP_NAME_TAKEN.code, "member.address_taken"})
"""Refusals that a directory takes for "there is one already" and looks for it."""
_USER: Final = "User"

T = TypeVar("T")


class TenantStorage(ScimStorage):
    """One tenant, for one request of its directory. Runs in the tenant's scope."""

    def __init__(self, tenant_id: UUID, actor: Actor) -> None:
        self._tenant_id = tenant_id
        self._actor = actor

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """The person or the group of this id. Raises NotFoundException."""
        return self._read(resource_type, resource_id, db.session())

    def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        """A page of those that the filter lets through: people in the order they were added, then groups."""
        found: list[Resource[Any]] = []
        for resource_type in resource_types:
            if resource_type.name == _USER:
                found += self._users(**_asked_for(search_request.filter))
            else:
                found += self._groups()
        scim_filter = search_request.filter
        if scim_filter is not None and found:
            if not scim_filter.models:
                models = tuple(dict.fromkeys(type(one) for one in found))
                scim_filter = cast(Any, ScimFilter)[Union[models]](str(scim_filter))  # noqa: UP007 - known now only
            found = [one for one in found if scim_filter.match(one)]
        start = search_request.start_index_0 or 0
        until = None if search_request.count is None else start + search_request.count
        return SearchPage(len(found), found[start:until])

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Add a person, or keep a group of the directory's own."""
        with _as_scim_errors():
            if isinstance(resource, User):
                command = read_command(AddScimUser, self._user_fields(resource), given={"tenant_id": self._tenant_id})
                made = str(add_scim_user(command, actor=self._actor).member_id)
            else:
                group = cast(Group, resource)
                fields = self._group_fields(group)
                command_of_group = read_command(AddScimGroup, fields, given={"tenant_id": self._tenant_id})
                made = add_scim_group(command_of_group, actor=self._actor).group_id
        return self.get(resource_type, made)

    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """Bring the person or the group to this state, if it is still what was read."""
        resource_id = cast(str, resource.id)
        unchanged = self._unchanged(resource_type, resource_id, expected_version)
        with _as_scim_errors():
            if isinstance(resource, User):
                given = {"tenant_id": self._tenant_id, "member_id": UUID(resource_id)}
                command = read_command(ChangeScimUser, self._user_fields(resource), given=given)
                change_scim_user(command, actor=self._actor, precondition=unchanged)
            else:
                self._update_group(cast(Group, resource), unchanged)
        return self.get(resource_type, resource_id)

    def delete(self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None) -> None:
        """Remove the person for good, or forget a group of the directory's own."""
        unchanged = self._unchanged(resource_type, resource_id, expected_version)
        with _as_scim_errors():
            if resource_type.name == _USER:
                remove_member(
                    RemoveMember(tenant_id=self._tenant_id, member_id=UUID(resource_id), reason=BY_DIRECTORY),
                    actor=self._actor,
                    precondition=unchanged,
                )
                return
            if _role_of(resource_id) is not None:
                raise NotAllowed(ROLE_GROUP_KEPT)
            remove_scim_group(
                RemoveScimGroup(tenant_id=self._tenant_id, group_id=UUID(resource_id)),
                actor=self._actor,
                precondition=unchanged,
            )

    def _update_group(self, group: Group, unchanged: Precondition) -> None:
        role = _role_of(cast(str, group.id))
        fields = self._group_fields(group)
        if role is None:
            given = {"tenant_id": self._tenant_id, "group_id": UUID(group.id)}
            change_scim_group(
                read_command(ChangeScimGroup, fields, given=given), actor=self._actor, precondition=unchanged
            )
            return
        if group.display_name != role.ja:
            raise NotAllowed(ROLE_GROUP_KEPT)
        set_scim_role_members(
            SetScimRoleMembers(tenant_id=self._tenant_id, role=role, member_ids=_member_ids(group)),
            actor=self._actor,
            precondition=unchanged,
        )

    def _user_fields(self, user: User) -> dict[str, Any]:
        name = user.name or Name()
        return {
            "user_name": user.user_name,
            "external_id": user.external_id,
            "family_name": name.family_name,
            "given_name": name.given_name,
            "email": _address(user.emails or []),
            "active": user.active,
        }

    def _group_fields(self, group: Group) -> dict[str, Any]:
        return {
            "name": group.display_name,
            "external_id": group.external_id,
            "member_ids": [str(one) for one in _member_ids(group)],
        }

    def _read(self, resource_type: ResourceType, resource_id: str, session: Session) -> Resource[Any]:
        if resource_type.name == _USER:
            member_id = _uuid(resource_id)
            found = self._users(member_id=member_id) if member_id is not None else []
        else:
            found = [one for one in self._groups() if one.id == resource_id]
        if not found:
            raise NotFoundException(detail=f"{resource_type.name} {resource_id!r} not found")
        return found[0]

    def _unchanged(self, resource_type: ResourceType, resource_id: str, version: str | None) -> Precondition:
        """Refuses with Stale where the resource has another version in the command's own transaction."""

        def ask(session: Session) -> None:
            current = self._read(resource_type, resource_id, session).meta
            if version is not None and (current is None or current.version != version):
                raise Stale(CHANGED_MEANWHILE)

        return ask

    def _users(self, **asked: Any) -> list[Resource[Any]]:
        session, now = db.session(), clock.now()
        people = scim_users(session, self._tenant_id, now, **asked)
        groups = scim_groups(session, self._tenant_id, now) if people else []
        return [_user(one, groups) for one in people]

    def _groups(self) -> list[Resource[Any]]:
        return [_group(one) for one in scim_groups(db.session(), self._tenant_id, clock.now())]


def _user(facts: ScimUserFacts, groups: Sequence[ScimGroupFacts]) -> User:
    member_of = [one for one in groups if facts.member_id in one.member_ids]
    user = User(
        id=str(facts.member_id),
        external_id=facts.external_id,
        user_name=facts.user_name,
        name=Name(family_name=facts.family_name, given_name=facts.given_name),
        active=facts.state in PRESENT_STATES,
        emails=[Email(value=facts.email, type=WORK)],
        groups=[GroupMembership(value=one.id, ref=Reference(f"Groups/{one.id}"), display=one.name) for one in member_of]
        or None,
    )
    version = _version([facts.model_dump(mode="json", exclude={"roles"}), [one.id for one in member_of]])
    user.meta = Meta(resource_type=_USER, created=facts.added_at, last_modified=facts.changed_at, version=version)
    return user


def _group(facts: ScimGroupFacts) -> Group:
    members = sorted(map(str, facts.member_ids))
    group = Group(
        id=facts.id,
        external_id=facts.external_id,
        display_name=facts.name,
        members=[GroupMember(value=one, ref=Reference(f"Users/{one}"), type=_USER) for one in members] or None,
    )
    version = _version([facts.id, facts.name, facts.external_id, members])
    group.meta = Meta(resource_type="Group", created=facts.added_at, last_modified=facts.changed_at, version=version)
    return group


def _version(content: object) -> str:
    """A weak entity tag (RFC 7644, 3.14) of what is shown, so that a change by whomever changes it."""
    return f'W/"{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]}"'


def _asked_for(scim_filter: ScimFilter[Any] | None) -> dict[str, Any]:
    """What a filter asks of the database itself: a directory looks each person up before it writes them.

    The filter is evaluated all the same; anything but a single `eq` reads everybody.
    """
    node = None if scim_filter is None else scim_filter.ast
    if not isinstance(node, Comparison) or node.op != CompareOperator.eq or not isinstance(node.value, str):
        return {}
    column = {"username": "user_name", "externalid": "external_id"}.get(str(node.attr_path).rpartition(":")[2].lower())
    return {} if column is None else {column: node.value}


def _address(emails: Sequence[Email]) -> str | None:
    """The address at work among those that a directory sent, else the first."""
    of_work = [one.value for one in emails if (one.type or "").lower() == WORK]
    return next(iter(of_work), emails[0].value if emails else None)


def _member_ids(group: Group) -> tuple[UUID, ...]:
    """The people in a group. Raises InvalidValueException for what is no person's id, such as another group's."""
    return tuple(sorted(set(_read_ids(one.value for one in group.members or []))))


def _read_ids(values: Iterable[str | None]) -> Iterator[UUID]:
    for value in values:
        member_id = _uuid(value or "")
        if member_id is None:
            raise InvalidValueException(detail=f"{value!r} is no user of this tenant")
        yield member_id


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _role_of(group_id: str) -> Role | None:
    """The role whose group it is; None for a group of the directory's own."""
    try:
        return Role(group_id)
    except ValueError:
        return None


@contextmanager
def _as_scim_errors() -> Iterator[None]:
    """Raise what a command refuses as the SCIM error with the same meaning, in the words of the refusal."""
    try:
        yield
    except DomainError as refusal:
        language = current_language()
        detail = " ".join(filter(None, [refusal.text(language), refusal.hint(language)]))
        status = status_of(refusal)
        if status is HTTPStatus.UNPROCESSABLE_ENTITY:
            raise InvalidValueException(detail=detail) from refusal
        kinds: Callable[..., SCIMException] = SCIMException
        if isinstance(refusal, Stale):
            kinds = PreconditionFailedException
        elif isinstance(refusal, NotFound):
            kinds = NotFoundException
        elif isinstance(refusal, NotAllowed):
            kinds = ForbiddenException
        elif refusal.code in _UNIQUE:
            kinds = UniquenessException
        elif status is HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        found = kinds(detail=detail)
        if type(found) is SCIMException:
            found.status = int(status)
        raise found from refusal
