"""For the metrics of requests: which address was asked for, noted where the server in front of Flask finds it."""

from __future__ import annotations

from flask import Flask, request

from admin.operations.request_server import ENDPOINT


def note_endpoints(app: Flask) -> None:
    """After each request note the template of its address, as `/tenants/<uuid:tenant_id>`; nothing where none fits."""

    @app.teardown_request
    def note_endpoint(failure: BaseException | None) -> None:
        if request.url_rule is not None:
            request.environ[ENDPOINT] = request.url_rule.rule
