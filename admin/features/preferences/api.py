"""A person's own preferences, columns and filters over the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence

from admin.features.preferences.entry_points import ENTRY_POINTS, own_preferences
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.list_columns import own_hidden_columns
from admin.interface.list_filters import own_filters
from admin.interface.queries import cli_query
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.preferences.columns import ListColumnsFacts, columns_of_lists
from tenancy.preferences.filters import SavedFilterFacts
from tenancy.preferences.models import PreferencesFacts

routes = ApiRoutes(Tag.SYSTEM, ENTRY_POINTS)


@routes.query("/preferences", Permission.PREFERENCES_READ)
@cli_query("preferences show", "自分の設定を見る")
def get_preferences() -> PreferencesFacts:
    """Show one's own preferences."""
    return own_preferences(db.session())


@routes.list("/preferences/columns", Permission.PREFERENCES_READ, "ListColumnsPage", key="list_name")
@cli_query("preferences columns", "一覧の列のうち、自分が表示しないもの", "lists", "list_name hidden")
def list_columns() -> Sequence[ListColumnsFacts]:
    """List the lists with the columns that one has left out of them."""
    return columns_of_lists(own_hidden_columns(db.session()))


@routes.list("/saved-filters", Permission.PREFERENCES_READ, "SavedFilterPage")
@cli_query("filter list", "自分の絞り込みの一覧", "filters", "id name address")
def list_saved_filters() -> Sequence[SavedFilterFacts]:
    """List one's own filters of lists, by list and name."""
    return own_filters(db.session())
