"""A person's own preferences. The form is derived; the switch of languages in the header and the columns above a list
are saved, too."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.core.language import LANGUAGES, current_language, keep_language
from admin.core.request_checks import local_path
from admin.features.preferences.entry_points import ENTRY_POINTS, own_preferences
from admin.interface.command_forms import add_forms
from admin.interface.list_columns import own_hidden_columns
from admin.interface.list_filters import name_of_list, own_filters
from admin.interface.pages import render_page, session
from governance.kernel.errors import not_found
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.preferences.columns import COLUMNS, ListName, SaveColumns, columns_of_lists, save_columns
from tenancy.preferences.commands import SavePreferences, save_preferences
from tenancy.preferences.states import ScreenLanguage

pages = add_forms(Blueprint("preferences", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/preferences/filters")
@requires(Permission.PREFERENCES_SAVE)
def filters() -> tuple[str, int]:
    """One's own filters, each with the list it is of."""
    done = request.args.get("done", "")
    rows = [{**dict(one), "list": name_of_list(one.address)} for one in own_filters(session())]
    return render_page("preferences/filters", rows=rows, done=done if done in ("renamed", "deleted") else "")


@pages.get("/preferences/columns")
@requires(Permission.PREFERENCES_SAVE)
def columns() -> tuple[str, int]:
    """The lists of which one has left out columns."""
    rows = [one for one in columns_of_lists(own_hidden_columns(session())) if one.hidden]
    return render_page("preferences/columns", rows=rows, done=request.args.get("done") == "shown")


@pages.post("/preferences/columns/<list_name>")
@requires(Permission.PREFERENCES_SAVE)
def save_list_columns(list_name: str) -> AnyResponse:
    """Save which columns were ticked above a list, and go back to it. Raises NotFound for an unknown list.

    A column that was not offered there, as one for certain roles, stays as it was.
    """
    if list_name not in list(ListName):
        raise not_found(what=Label("一覧", "list"), given=list_name)
    name = ListName(list_name)
    hidden = set(own_hidden_columns(session()).get(name, frozenset()))
    offered, shown = (
        {column for column in COLUMNS[name] if column.value in request.form.getlist(part)}
        for part in ("offered", "shown")
    )
    hidden = set() if "all" in request.form else hidden - offered | offered - shown
    save_columns(SaveColumns(list_name=name, hidden=tuple(hidden)), actor=current_actor())
    return redirect(local_path(request.form.get("back")) or url_for("preferences.columns"), 303)


@pages.post("/preferences/language")
@requires(Permission.PREFERENCES_SAVE)
def save_language() -> AnyResponse:
    """Save the language that was chosen in the header, and go back to the page it was chosen on."""
    chosen = request.form.get("language", "")
    language = ScreenLanguage(chosen if chosen in LANGUAGES else current_language())
    wanted = own_preferences(session()).model_copy(update={"language": language})
    save_preferences(SavePreferences(**dict(wanted)), actor=current_actor())
    answer = redirect(local_path(request.form.get("back")) or "/", 303)
    keep_language(answer, language.value)
    return answer
