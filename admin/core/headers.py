"""Security headers of every response: Content-Security-Policy, frame-ancestors, no caching of pages.

The policy has no `unsafe-*`. A page that needs an inline script of a package takes a nonce from `csp_nonce()`.
"""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from admin.operations.settings import Settings

REPORT_PATH: Final = "/csp-report"
_ONE_YEAR: Final = 365 * 24 * 60 * 60

PATH_SOURCES: Final[dict[str, dict[str, str]]] = {
    # Bootstrap 4 draws its check boxes and arrows with images inside its style sheet.
    "/backoffice/": {"img-src": "data:"},
    # Swagger UI draws its arrows with images inside its style sheet.
    "/api-reference": {"img-src": "data:"},
}
"""Path → directive → sources allowed besides `'self'`, each with its reason."""


def csp_nonce() -> str:
    """The nonce of this response, for `<script nonce=…>` and `<style nonce=…>`; made at the first use."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def content_security_policy(settings: Settings, path: str, nonce: str | None) -> str:
    """The Content-Security-Policy of one response."""
    own = "'self'" if nonce is None else f"'self' 'nonce-{nonce}'"
    directives = {
        "default-src": "'none'",
        "script-src": own,
        "style-src": own,
        "img-src": "'self'",
        "font-src": "'self'",
        "connect-src": "'self'",
        # Signing out posts a form that leads on to Keycloak, and browsers hold the whole way to this.
        "form-action": f"'self' {_origin(settings.keycloak_url)}",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "object-src": "'none'",
        "report-uri": REPORT_PATH,
    }
    for prefix, more in PATH_SOURCES.items():
        if path.startswith(prefix):
            for directive, sources in more.items():
                directives[directive] += f" {sources}"
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def set_headers(app: Flask, settings: Settings) -> None:
    """Register the headers for every response."""
    app.jinja_env.globals["csp_nonce"] = csp_nonce

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        headers["Content-Security-Policy"] = content_security_policy(settings, request.path, g.get("csp_nonce"))
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
        if settings.public_url.startswith("https://"):
            headers["Strict-Transport-Security"] = f"max-age={_ONE_YEAR}; includeSubDomains"
        is_static = (request.endpoint or "").endswith("static") and response.status_code in (200, 304)
        headers["Cache-Control"] = "public, max-age=3600" if is_static else "no-store"
        return response


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
