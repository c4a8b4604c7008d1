"""Patches of Flask-Admin's templates, applied when they are loaded: for the CSP, both languages and ARIA.

The templates stay in the installed package. Each patch names the text it replaces and how often it occurs; a version
of the package with another text fails at start, and the error names the template.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Final, NamedTuple

from jinja2 import BaseLoader, Environment, TemplateNotFound


class TemplatePatch(NamedTuple):
    """Text of a template, its replacement, and how often the text occurs."""

    old: str
    new: str
    times: int = 1


def N_(english: str) -> str:
    """The expression that prints this text in the reader's language; Babel collects the texts given to this name."""
    return "{{ _('" + english + "') }}"


_DEAD_LINK: Final = 'href="javascript:void(0)"'
_STILL_LINK: Final = 'href="#"'

TEMPLATE_PATCHES: Final[dict[str, tuple[TemplatePatch, ...]]] = {
    "base.html": (
        TemplatePatch("<html>", '<html lang="{{ current_language() }}">'),
        TemplatePatch('<meta name="description" content="">', '<meta name="robots" content="noindex">'),
        TemplatePatch('<meta name="author" content="">', ""),
        TemplatePatch(
            "    {% block head %}\n    {% endblock %}",
            """    {% block head %}
    {% endblock %}
    <link href="{{ url_for('backoffice_assets.static', filename='backoffice.css') }}" rel="stylesheet">""",
        ),
        TemplatePatch(
            '    <div class="container{% if theme.fluid %}-fluid{% endif %}">',
            '    <a class="skip-link" href="#main">'
            + N_("Skip to the content")
            + """</a>
    <div class="container{% if theme.fluid %}-fluid{% endif %}">
    <header>""",
        ),
        TemplatePatch('role="navigation"', 'aria-label="' + N_("Main menu") + '"'),
        TemplatePatch(
            'aria-expanded="false" aria-label="Toggle navigation"',
            'aria-expanded="false" aria-label="' + N_("Open the menu") + '"',
        ),
        TemplatePatch(
            "        </nav>\n",
            """        </nav>
        {% if config.MOYAI.example %}<p class="example-band">{% if config.MOYAI.training %}"""
            + N_("Training installation")
            + """{% else %}"""
            + N_("Example data")
            + """{% endif %}</p>{% endif %}
    </header>
    <main id="main" tabindex="-1">
""",
        ),
        TemplatePatch('<h4 class="mb-4">', '<h1 class="h4 mb-4">'),
        TemplatePatch("          </h4>", "          </h1>"),
        TemplatePatch(
            "{% block body %}{% endblock %}\n    </div>", "{% block body %}{% endblock %}\n    </main>\n    </div>"
        ),
        TemplatePatch(
            "    {% block tail %}\n",
            """    <script {{ admin_csp_nonce_attribute }}
            src="{{ url_for('backoffice_assets.static', filename='backoffice.js') }}"></script>
    {% block tail %}
""",
        ),
    ),
    "layout.html": (
        TemplatePatch(_DEAD_LINK, f'{_STILL_LINK} role="button" aria-haspopup="true" aria-expanded="false"'),
        TemplatePatch(
            'class="close" data-dismiss="alert" aria-hidden="true"',
            'class="close" data-dismiss="alert" aria-label="' + N_("Close") + '"',
        ),
        TemplatePatch("alert-dismissable", "alert-dismissible", 2),
    ),
    "actions.html": (
        TemplatePatch("{{ _gettext('With selected') }}", N_("With selected")),
        TemplatePatch(f'data-toggle="dropdown" {_DEAD_LINK}', f'data-toggle="dropdown" {_STILL_LINK}'),
        TemplatePatch(
            f"""<a class="dropdown-item" {_DEAD_LINK}
               onclick="return modelActions.execute('{{{{ p[0] }}}}');">""",
            f"""<a class="dropdown-item" {_STILL_LINK} role="button" data-action="{{{{ p[0] }}}}">""",
        ),
    ),
    "lib.html": (TemplatePatch(_DEAD_LINK, _STILL_LINK, 5),),
    "model/layout.html": (
        TemplatePatch(
            f'{_DEAD_LINK} class="dropdown-item filter" onclick="return false;"', f'{_STILL_LINK} role="button"'
        ),
        TemplatePatch(_DEAD_LINK, _STILL_LINK, 3),
        TemplatePatch(
            """placeholder="{{ _gettext('%(placeholder)s', placeholder=search_placeholder) }}\"""",
            'placeholder="{{ search_placeholder }}" aria-label="' + N_("Search terms") + '"',
            2,
        ),
        TemplatePatch(
            '<a href="{{ clear_search_url }}" class="align-middle">',
            """<a href="{{ clear_search_url }}" class="align-middle" """
            'aria-label="' + N_("Clear the search") + '">',
        ),
    ),
    "model/row_actions.html": (
        TemplatePatch(
            '<span class="{{ icon_class or action.icon_class }}"></span>',
            '<span class="{{ icon_class or action.icon_class }}" aria-hidden="true"></span>'
            '<span class="sr-only">{{ action.title or "" }}</span>',
        ),
        TemplatePatch(
            'onclick="return faHelpers.safeConfirm('
            "'{{ _gettext('Are you sure you want to delete this record?') }}');\"",
            "data-confirm=\"{{ _gettext('Are you sure you want to delete this record?') }}\"",
        ),
    ),
    "model/list.html": (
        TemplatePatch(_DEAD_LINK, _STILL_LINK, 2),
        TemplatePatch('<th class="">&nbsp;</th>', '<th scope="col">' + N_("Actions") + "</th>"),
        TemplatePatch('<th class="column-header', '<th scope="col" class="column-header'),
        TemplatePatch('<th class="list-checkbox-column">', '<th scope="col" class="list-checkbox-column">'),
        TemplatePatch(
            """title="{{ _gettext('Select all records') }}\"""",
            """aria-label="{{ _gettext('Select all records') }}\"""",
        ),
        TemplatePatch(
            """title="{{ _gettext('Select record') }}\"""", """aria-label="{{ _gettext('Select record') }}\""""
        ),
        TemplatePatch(
            '<div class="table-responsive">',
            '<div class="table-responsive" tabindex="0" role="region" aria-label="{{ admin_view.name }}">',
        ),
    ),
    "model/details.html": (
        TemplatePatch(_DEAD_LINK, _STILL_LINK),
        TemplatePatch("<td>\n          <b>{{ name }}</b>\n        </td>", '<th scope="row">{{ name }}</th>'),
    ),
}
"""Template below Flask-Admin's `admin/` → its changes, in order."""


class PatchedLoader(BaseLoader):
    """Loads Flask-Admin's templates with their patches applied, and no others."""

    def __init__(self) -> None:
        self._made = {f"admin/{name}": _patched(name, patches) for name, patches in TEMPLATE_PATCHES.items()}

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        if template not in self._made:
            raise TemplateNotFound(template)
        return self._made[template], None, lambda: True


def _patched(name: str, patches: tuple[TemplatePatch, ...]) -> str:
    source = files("flask_admin").joinpath("templates/bootstrap4/admin", name).read_text(encoding="utf-8")
    for patch in patches:
        found = source.count(patch.old)
        if found != patch.times:
            raise RuntimeError(f"Flask-Admin's {name} has {patch.old!r} {found} times, not {patch.times}")
        source = source.replace(patch.old, patch.new)
    return source
