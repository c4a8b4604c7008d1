"""Flask-Admin's own templates, changed where they are loaded: for a strict policy, and for everybody who reads them.

The templates stay in the installed package. Each change names what it replaces and how often that stands there; a new
version of the package that says it differently stops the start with the place named.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Final, NamedTuple

from jinja2 import BaseLoader, Environment, TemplateNotFound


class Change(NamedTuple):
    """Text of a template, what stands in its place, and how often it is there."""

    old: str
    new: str
    times: int = 1


_DEAD_LINK: Final = 'href="javascript:void(0)"'
_STILL_LINK: Final = 'href="#"'

CHANGES: Final[dict[str, tuple[Change, ...]]] = {
    "base.html": (
        Change("<html>", '<html lang="{{ current_language() }}">'),
        Change('<meta name="description" content="">', '<meta name="robots" content="noindex">'),
        Change('<meta name="author" content="">', ""),
        Change(
            "    {% block head %}\n    {% endblock %}",
            """    {% block head %}
    {% endblock %}
    <link href="{{ url_for('backoffice_look.static', filename='backoffice.css') }}" rel="stylesheet">""",
        ),
        Change(
            '    <div class="container{% if theme.fluid %}-fluid{% endif %}">',
            """    <a class="skip-link" href="#main">{{ either('本文へ', 'Skip to the content') }}</a>
    <div class="container{% if theme.fluid %}-fluid{% endif %}">
    <header>""",
        ),
        Change('role="navigation"', """aria-label="{{ either('主メニュー', 'Main menu') }}\""""),
        Change(
            'aria-expanded="false" aria-label="Toggle navigation"',
            """aria-expanded="false" aria-label="{{ either('メニューを開く', 'Open the menu') }}\"""",
        ),
        Change(
            "        </nav>\n",
            """        </nav>
        {% if config.MOYAI.example %}<p class="example-band">{{ either('例示データ', 'Example data') }}</p>{% endif %}
    </header>
    <main id="main" tabindex="-1">
""",
        ),
        Change('<h4 class="mb-4">', '<h1 class="h4 mb-4">'),
        Change("          </h4>", "          </h1>"),
        Change("{% block body %}{% endblock %}\n    </div>", "{% block body %}{% endblock %}\n    </main>\n    </div>"),
        Change(
            "    {% block tail %}\n",
            """    <script {{ admin_csp_nonce_attribute }}
            src="{{ url_for('backoffice_look.static', filename='backoffice.js') }}"></script>
    {% block tail %}
""",
        ),
    ),
    "layout.html": (
        Change(_DEAD_LINK, f'{_STILL_LINK} role="button" aria-haspopup="true" aria-expanded="false"'),
        Change(
            'class="close" data-dismiss="alert" aria-hidden="true"',
            """class="close" data-dismiss="alert" aria-label="{{ either('閉じる', 'Close') }}\"""",
        ),
        Change("alert-dismissable", "alert-dismissible", 2),
    ),
    "actions.html": (
        Change("{{ _gettext('With selected') }}", "{{ either('選んだ行への操作', 'With selected') }}"),
        Change(f'data-toggle="dropdown" {_DEAD_LINK}', f'data-toggle="dropdown" {_STILL_LINK}'),
        Change(
            f"""<a class="dropdown-item" {_DEAD_LINK}
               onclick="return modelActions.execute('{{{{ p[0] }}}}');">""",
            f"""<a class="dropdown-item" {_STILL_LINK} role="button" data-action="{{{{ p[0] }}}}">""",
        ),
    ),
    "lib.html": (Change(_DEAD_LINK, _STILL_LINK, 5),),
    "model/layout.html": (
        Change(f'{_DEAD_LINK} class="dropdown-item filter" onclick="return false;"', f'{_STILL_LINK} role="button"'),
        Change(_DEAD_LINK, _STILL_LINK, 3),
        Change(
            """placeholder="{{ _gettext('%(placeholder)s', placeholder=search_placeholder) }}\"""",
            'placeholder="{{ search_placeholder }}" '
            """aria-label="{{ either('検索する言葉', 'Words to look for') }}\"""",
            2,
        ),
        Change(
            '<a href="{{ clear_search_url }}" class="align-middle">',
            """<a href="{{ clear_search_url }}" class="align-middle" """
            """aria-label="{{ either('検索をやめる', 'Clear the search') }}">""",
        ),
    ),
    "model/row_actions.html": (
        Change(
            '<span class="{{ icon_class or action.icon_class }}"></span>',
            '<span class="{{ icon_class or action.icon_class }}" aria-hidden="true"></span>'
            '<span class="sr-only">{{ action.title or "" }}</span>',
        ),
        Change(
            'onclick="return faHelpers.safeConfirm('
            "'{{ _gettext('Are you sure you want to delete this record?') }}');\"",
            "data-confirm=\"{{ _gettext('Are you sure you want to delete this record?') }}\"",
        ),
    ),
    "model/list.html": (
        Change(_DEAD_LINK, _STILL_LINK, 2),
        Change('<th class="">&nbsp;</th>', """<th scope="col">{{ either('操作', 'Actions') }}</th>"""),
        Change('<th class="column-header', '<th scope="col" class="column-header'),
        Change('<th class="list-checkbox-column">', '<th scope="col" class="list-checkbox-column">'),
        Change(
            """title="{{ _gettext('Select all records') }}\"""",
            """aria-label="{{ _gettext('Select all records') }}\"""",
        ),
        Change("""title="{{ _gettext('Select record') }}\"""", """aria-label="{{ _gettext('Select record') }}\""""),
        Change(
            '<div class="table-responsive">',
            '<div class="table-responsive" tabindex="0" role="region" aria-label="{{ admin_view.name }}">',
        ),
    ),
    "model/details.html": (
        Change(_DEAD_LINK, _STILL_LINK),
        Change("<td>\n          <b>{{ name }}</b>\n        </td>", '<th scope="row">{{ name }}</th>'),
    ),
}
"""Template below Flask-Admin's `admin/` → its changes, in order."""


class ChangedTemplates(BaseLoader):
    """Gives Flask-Admin's templates as they are after their changes; knows no others."""

    def __init__(self) -> None:
        self._made = {f"admin/{name}": _changed(name, changes) for name, changes in CHANGES.items()}

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        if template not in self._made:
            raise TemplateNotFound(template)
        return self._made[template], None, lambda: True


def _changed(name: str, changes: tuple[Change, ...]) -> str:
    source = files("flask_admin").joinpath("templates/bootstrap4/admin", name).read_text(encoding="utf-8")
    for change in changes:
        found = source.count(change.old)
        if found != change.times:
            raise RuntimeError(f"Flask-Admin's {name} has {change.old!r} {found} times, not {change.times}")
        source = source.replace(change.old, change.new)
    return source
