"""One view for every table: list and details in the actor's tenant scope; two of them have a button."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from flask import flash, g, request
from flask_admin import AdminIndexView, expose
from flask_admin.actions import action
from flask_admin.contrib.sqla import ModelView
from flask_admin.form import BaseForm
from flask_admin.tools import iterdecode
from markupsafe import Markup
from sqlalchemy import inspect, select
from werkzeug.exceptions import NotFound as HTTPNotFound

from admin.backoffice.tables import LABELS, Table
from admin.core.guard import current_actor, may, requires
from admin.core.language import current_language, gettext
from governance.commands import PERMISSION_MISSING
from governance.kernel.clock import JST
from governance.kernel.database import db
from governance.kernel.era import show_day
from governance.kernel.errors import DomainError, NotAllowed
from governance.kernel.yen import format_amount
from governance.labels import permission_wording
from governance.permissions import Permission
from tenancy.onboarding.commands import DecideStep, decide_step
from tenancy.onboarding.steps import StepDecision, StepName
from tenancy.people.commands import DisableMember, disable_member
from tenancy.tenants.tables import Tenant

ALLOWED_VIEWS: Final = frozenset({"index_view", "details_view", "action_view"})
"""What a table's view serves. Flask-Admin's others (create, edit, delete, export, inline) have no address at all."""

MAX_PAGE: Final = 100_000
NO_VALUE: Final = "―"


class TableView(ModelView):  # type: ignore[misc]  # Flask-Admin brings types that mypy is told not to follow
    """A read-only table. Needs the back office's permission and the table's own."""

    can_create = False
    can_edit = False
    can_delete = False
    can_export = False
    can_view_details = True
    can_set_page_size = True
    page_size = 50
    page_size_options = (20, 50, 100, 200)
    named_actions_permissions: ClassVar[dict[str, Permission]] = {}
    column_display_pk = True

    def __init__(self, table: Table) -> None:
        self.table = table
        self.permission = table.permission
        self.column_list = table.columns
        self.column_details_list = (*table.columns, *table.more)
        self.column_sortable_list = tuple(name for name in table.columns if name not in ("scopes", "roles"))
        self.column_searchable_list = table.search
        self.column_labels = LABELS | table.labels
        self.column_default_sort = (table.newest_by, True)
        self.simple_list_pager = table.is_long
        self.column_formatters = dict.fromkeys(self.column_details_list, _cell)
        self.column_formatters_detail = self.column_formatters
        super().__init__(
            table.model, db, name=table.name, category=table.category, endpoint=table.endpoint, url=table.path
        )
        # Flask-Admin brings a button that deletes rows; only what names its permission stays.
        made: Any = self
        made._actions = [known for known in made._actions if known[0] in self.named_actions_permissions]
        made._actions_data = {name: made._actions_data[name] for name, _ in made._actions}

    def create_blueprint(self, admin: Any) -> Any:
        served: Any = self
        served._urls = [known for known in served._urls if known[1] in ALLOWED_VIEWS]
        return super().create_blueprint(admin)

    def is_accessible(self) -> bool:
        return may(Permission.BACKOFFICE_OPEN) and may(self.permission)

    def scaffold_form(self) -> type[BaseForm]:
        """None: nothing is entered here."""
        return BaseForm  # type: ignore[no-any-return]  # Flask-Admin's types are not followed

    def scaffold_filters(self, name: str) -> None:
        return None

    @expose("/")  # type: ignore[untyped-decorator]
    @requires(Permission.BACKOFFICE_OPEN)
    def index_view(self) -> Any:
        return super().index_view()

    @expose("/details/")  # type: ignore[untyped-decorator]
    @requires(Permission.BACKOFFICE_OPEN)
    def details_view(self) -> Any:
        if not request.args.get("id"):
            raise HTTPNotFound
        return super().details_view()

    @expose("/action/", methods=("POST",))  # type: ignore[untyped-decorator]
    @requires(Permission.BACKOFFICE_OPEN)
    def action_view(self) -> Any:
        name = request.form.get("action", "")
        if name not in self.named_actions_permissions:
            raise HTTPNotFound
        if not self.is_action_allowed(name):
            raise NotAllowed(PERMISSION_MISSING, permission=permission_wording(self.named_actions_permissions[name]))
        return super().action_view()

    def is_action_allowed(self, name: str) -> bool:
        permission = self.named_actions_permissions.get(name)
        return permission is not None and may(permission)

    def get_one(self, id: str) -> Any:
        """The row of this id that the list's own query sees. Anything else is a 404."""
        mapper = inspect(self.model)
        parts = iterdecode(id) if len(mapper.primary_key) > 1 else (id,)
        if len(parts) != len(mapper.primary_key):
            raise HTTPNotFound
        query = self.get_query()
        for column, part in zip(mapper.primary_key, parts, strict=True):
            query = query.filter(column == _key(column.type.python_type, part))
        found = query.one_or_none()
        if found is None:
            raise HTTPNotFound
        return found

    def _get_list_extra_args(self) -> Any:
        args = super()._get_list_extra_args()
        args.page = min(max(args.page or 0, 0), MAX_PAGE)
        if args.sort is not None and not 0 <= args.sort < len(self._list_columns):
            args.sort = None
        if args.search is not None:
            args.search = args.search.replace("\0", "")[:100]
        return args

    def get_safe_page_size(self, page_size: int | None) -> int:
        return page_size if page_size in self.page_size_options else self.page_size

    def search_placeholder(self) -> str:
        return str("、".join(self.get_column_name(name) for name in self.table.search))


class MembersView(TableView):
    """People, with a button that runs `disable_member`."""

    named_actions_permissions: ClassVar = {"disable": Permission.MEMBER_DISABLE}

    @action("disable", "選んだ利用者を停止する", "選んだ利用者を停止し、直ちに利用できなくします。よろしいですか。")  # type: ignore[untyped-decorator]
    def disable(self, ids: list[str]) -> None:
        """Run `disable_member` for each."""
        whom = [(row.tenant_id, row.id) for row in map(self.get_one, ids)]
        _run_for_each(
            whom,
            lambda one: disable_member(
                DisableMember(tenant_id=one[0], member_id=one[1], reason="台帳（照会用）からの停止"),
                actor=current_actor(),
            ),
        )


class StepsView(TableView):
    """Steps of onboardings, with a button that retries a failed one."""

    named_actions_permissions: ClassVar = {"retry": Permission.ONBOARDING_DECIDE}

    @action("retry", "選んだ手順を再実行する", "選んだ手順をもう一度実行します。よろしいですか。")  # type: ignore[untyped-decorator]
    def retry(self, ids: list[str]) -> None:
        """Run `decide_step` with retry for each."""
        which = [(row.onboarding_id, row.name) for row in map(self.get_one, ids)]
        _run_for_each(
            which,
            lambda one: decide_step(
                DecideStep(
                    onboarding_id=one[0],
                    step=StepName(one[1]),
                    choice=StepDecision.RETRY,
                    reason="台帳（照会用）からの再実行",
                ),
                actor=current_actor(),
            ),
        )


class IndexView(AdminIndexView):  # type: ignore[misc]  # as above
    """The list of tables."""

    permission = Permission.BACKOFFICE_OPEN

    def is_accessible(self) -> bool:
        return may(self.permission)

    @expose("/")  # type: ignore[untyped-decorator]
    @requires(Permission.BACKOFFICE_OPEN)
    def index(self) -> Any:
        tables: dict[str, list[TableView]] = {}
        for view in self.admin._views:
            if isinstance(view, TableView) and view.is_accessible():
                tables.setdefault(view.table.category, []).append(view)
        return self.render("backoffice/index.html", tables=tables)


def _run_for_each(rows: Iterable[Any], do: Callable[[Any], object]) -> None:
    """Run the action for each row and flash the result; a refused row does not stop the others."""
    done = 0
    for row in rows:
        try:
            do(row)
            done += 1
        except DomainError as refused:
            flash(refused.text(current_language()), "error")
    if done:
        flash(gettext("%(done)s completed.", done=done))


def _key(kind: type[Any], text: str) -> Any:
    try:
        if kind is UUID:
            return UUID(text)
        if kind is int and text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
        if kind is str and "\0" not in text:
            return text
    except ValueError:
        raise HTTPNotFound from None
    raise HTTPNotFound


def _cell(view: TableView, context: Any, row: Any, name: str) -> str | Markup:
    """A value as a person reads it: days by era, times in Japan, amounts grouped, tenants by name."""
    value = getattr(row, name)
    if name == "tenant_id":
        return _tenant_names().get(value, str(value))
    if value is None or value == "":
        return NO_VALUE
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, datetime):
        local = value.astimezone(JST)
        words = f"{show_day(local.date())} {local:%H:%M:%S}"
        return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), words)
    if isinstance(value, date):
        return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), show_day(value))
    if name.endswith("yen"):
        return Markup('<span class="amount">{}</span>').format(format_amount(int(value)))
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, UUID) or name in ("code", "digest", "sha256"):
        return Markup('<span class="code">{}</span>').format(value)
    return str(value) if not isinstance(value, Decimal) else format(value, "f")


def _tenant_names() -> dict[UUID, str]:
    if "backoffice_tenants" not in g:
        g.backoffice_tenants = {one.id: one.name for one in db.session.execute(select(Tenant.id, Tenant.name))}
    names: dict[UUID, str] = g.backoffice_tenants
    return names
