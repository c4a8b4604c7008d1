"""How a derived command reaches Moyai: in this process as the user at the machine, or over the API as a person.

Somebody who has signed in with `moyai login` acts over the API, from any machine; everybody else in process, which
takes the installation's own settings and database.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol, get_args
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, RootModel

from admin.identity.saved_login import Login, LoginFile
from admin.interface.api_client import ApiClient, NothingThere
from admin.interface.cli_context import NOT_OVER_API, CliContext, app_context
from admin.interface.entry_points import ApiAddress, EntryPoint
from admin.interface.paging import command_part, next_command_cursor
from admin.interface.param_types import find_tenant, find_tenant_id, tenant_name
from admin.interface.queries import DeclaredQuery
from governance.commands import Command, Result, system_transaction
from governance.declaration import declared_field
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, not_found
from governance.kernel.labels import Label

MAX_PAGE: Final = 200
"""The most rows that the API gives at once."""

_TENANT: Final = Label("団体", "tenant")
_ANYTHING: Final = Label("対象", "item")


class Transport(Protocol):
    """How a command or a query reaches Moyai."""

    def answer(
        self,
        query: DeclaredQuery,
        parts: Mapping[str, Any],
        values: Mapping[str, str],
        *,
        limit: int | None = None,
        after: str | None = None,
    ) -> BaseModel:
        """What the query finds: its response model, for a list a page of `limit` rows (all for None) after a cursor.

        `parts` fill the address, `values` are the texts after its question mark. Raises Invalid for those that are
        wrong, NotFound, and DependencyUnavailable.
        """

    def tenant_code(self, tenant: str) -> str | None:
        """The code of the tenant that is named by its code or id; None where it has none. Raises NotFound."""

    def tenant_id(self, tenant: str, *, field: str) -> UUID:
        """The id of the tenant that is named by its code or id. Raises Invalid for what is neither, NotFound."""

    def record(self, entry_point: EntryPoint, given: Mapping[str, Any]) -> Mapping[str, object]:
        """The present values of what the command replaces as a whole, by field. Raises NotFound."""

    def execute(self, entry_point: EntryPoint, command: Command, key: str) -> Result:
        """Execute once per key. Raises what the handler refuses, and DependencyUnavailable."""


@contextmanager
def transport_in_force() -> Iterator[Transport]:
    """The transport of the running command: over the API while somebody is signed in, else in this process."""
    file = LoginFile(os.environ)
    login = file.read()
    if login is None:
        with app_context() as context:
            yield InProcess(context)
    else:
        with make_client(login, file) as client:
            yield OverApi(client, login)


def make_client(login: Login, file: LoginFile) -> ApiClient:
    """The client of the API with the saved sign-in, which it keeps alive."""
    # Imported only here: a command at the machine must not wait for an OAuth client.
    from admin.identity.device_login import renew

    return ApiClient(login.server, lambda: file.access_token(renew))


class JsonOnly(RootModel[dict[str, Any]]):
    """The API's answer of a model that keeps a part of itself from the JSON: people read the object, too."""


class InProcess:
    """Execution in this process, as the user at the machine or as whom the entry point names."""

    def __init__(self, context: CliContext) -> None:
        self._context = context

    def answer(
        self,
        query: DeclaredQuery,
        parts: Mapping[str, Any],
        values: Mapping[str, str],
        *,
        limit: int | None = None,
        after: str | None = None,
    ) -> BaseModel:
        with tenant_scope(OPERATOR):
            given = query.read(values)
            known = {
                part: find_tenant(db.session(), text).id if part == "tenant" else text for part, text in parts.items()
            }
            found: Any = query.find(known, given, command_part(limit, after))
            if query.page is not None:
                found = query.page(items=found.items, next_cursor=next_command_cursor(found))
            answered: BaseModel = found
            return answered

    def tenant_code(self, tenant: str) -> str | None:
        with tenant_scope(OPERATOR):
            return find_tenant(db.session(), tenant).code

    def tenant_id(self, tenant: str, *, field: str) -> UUID:
        return find_tenant_id(tenant, field=field)

    def record(self, entry_point: EntryPoint, given: Mapping[str, Any]) -> Mapping[str, object]:
        if entry_point.record is None:
            return {}
        with system_transaction(OPERATOR) as session:
            return entry_point.record(session, given)

    def execute(self, entry_point: EntryPoint, command: Command, key: str) -> Result:
        chosen = None if entry_point.cli is None else entry_point.cli.actor
        actor = self._context.actor if chosen is None else chosen(self._context, command)
        result: Result = entry_point.handler(command, actor=entry_point.actor_of(actor, command), key=key)
        return result


class OverApi:
    """Execution by the API of an installation, as the person who is signed in. The server decides everything."""

    def __init__(self, client: ApiClient, login: Login) -> None:
        self._client = client
        self._login = login

    def answer(
        self,
        query: DeclaredQuery,
        parts: Mapping[str, Any],
        values: Mapping[str, str],
        *,
        limit: int | None = None,
        after: str | None = None,
    ) -> BaseModel:
        query.read(values)
        model = query.response_model
        if model is None:
            raise TypeError(f"{query.name} answers no model")
        texts = {part: tenant_name(text) if part == "tenant" else str(text) for part, text in parts.items()}
        path = _filled_in(query.rule, texts)
        with self._naming(texts):
            if query.page is None:
                answered = self._client.get(path, values)
                return (model if _is_whole(model) else JsonOnly).model_validate_json(answered)
            return self._rows(query.page, path, values, limit, after)

    @contextmanager
    def _naming(self, texts: Mapping[str, str], what: Label = _ANYTHING) -> Iterator[None]:
        """What the address names and nobody finds is refused as in process: by its tenant, or else its last part."""
        try:
            yield
        except NothingThere as nothing:
            if not texts:
                raise nothing
            if "tenant" in texts:
                self._tenant(texts["tenant"], field="CODE")
            raise not_found(what=what, given=[*texts.values()][-1]) from None

    def _rows(
        self, page: type[BaseModel], path: str, values: Mapping[str, str], limit: int | None, after: str | None
    ) -> BaseModel:
        """As many rows as were asked for, page by page."""
        rows: list[Any] = []
        while True:
            size = MAX_PAGE if limit is None else min(MAX_PAGE, limit - len(rows))
            asked = {**values, "limit": str(size), **({} if after is None else {"cursor": after})}
            found: Any = page.model_validate_json(self._client.get(path, asked))
            rows += found.items
            after = found.next_cursor
            if after is None or (limit is not None and len(rows) >= limit):
                return page.model_construct(items=rows, next_cursor=after)

    def tenant_code(self, tenant: str) -> str | None:
        code = self._tenant(tenant, field="CODE").get("code")
        return None if code is None else str(code)

    def tenant_id(self, tenant: str, *, field: str) -> UUID:
        return UUID(self._tenant(tenant, field=field)["id"])

    def record(self, entry_point: EntryPoint, given: Mapping[str, Any]) -> Mapping[str, object]:
        address = _address(entry_point, self._login)
        path, texts = _path(address, given)
        with self._naming(texts):
            found: dict[str, Any] = json.loads(self._client.get(path))
        return {name: found[name] for name in entry_point.command_type.model_fields if name in found}

    def execute(self, entry_point: EntryPoint, command: Command, key: str) -> Result:
        address = _address(entry_point, self._login)
        body = command.model_dump(mode="json")
        path, texts = _path(address, body)
        for name in address.path_params.values():
            del body[name]
        version = body.pop("version") if address.has_version else None
        what = declared_field(entry_point.command_type, [*texts][-1]).input.label if texts else _ANYTHING
        with self._naming(texts, what):
            answer = self._client.send(address.method, path, body or None, key=key, version=version)
        result: Result = entry_point.handler.read_answer(answer.decode())
        return result

    def _tenant(self, tenant: str, *, field: str) -> Mapping[str, Any]:
        name = tenant_name(tenant, field=field)
        try:
            found: Mapping[str, Any] = json.loads(self._client.get(f"/tenants/{name}"))
        except NothingThere:
            raise not_found(what=_TENANT, given=name) from None
        return found


def _is_whole(model: type[BaseModel]) -> bool:
    """Whether the JSON of the model has every field of it, and of the models in it."""
    for field in model.model_fields.values():
        inner = [one for one in (field.annotation, *get_args(field.annotation)) if isinstance(one, type)]
        if field.exclude or not all(_is_whole(one) for one in inner if issubclass(one, BaseModel)):
            return False
    return True


def _address(entry_point: EntryPoint, login: Login) -> ApiAddress:
    """Where the API takes the command. Raises Conflict for one that is for the machine itself."""
    if entry_point.api is None:
        raise Conflict(NOT_OVER_API, server=login.server)
    return entry_point.api


def _path(address: ApiAddress, values: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The address filled in, and the texts that fill it, by field."""
    texts = {name: str(values[name]) for name in address.path_params.values()}
    return _filled_in(address.rule, {part: texts[name] for part, name in address.path_params.items()}), texts


def _filled_in(rule: str, texts: Mapping[str, str]) -> str:
    return re.sub(r"<(\w+)>", lambda part: quote(texts[part[1]], safe=""), rule)
