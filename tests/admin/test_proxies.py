"""MOYAI_PROXY_HOPS: how many reverse proxies in front are believed about where a request comes from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask, Response, jsonify, request

from admin.core.request_checks import init_request_checks
from admin.operations.settings import Settings
from tests.admin.live_app import served
from tests.ports import find_free_port

Ask = Callable[..., dict[str, Any]]


def _application(hops: int, home: Path) -> Flask:
    app = Flask("proxies")
    settings = Settings(home=home, public_url="https://moyai.example.jp", proxy_hops=hops)
    init_request_checks(app, settings)

    @app.get("/origin")
    def origin() -> Response:
        return jsonify(address=request.remote_addr, scheme=request.scheme, host=request.host)

    return app


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """`ask(hops, {"X-Forwarded-For": …})` over HTTP: the status, and what the application takes for the origin."""

    def ask(hops: int, headers: dict[str, str]) -> dict[str, Any]:
        port = find_free_port()
        with served(_application(hops, tmp_path), port):
            answer = httpx.get(f"http://127.0.0.1:{port}/origin", headers=headers)
        return {"status": answer.status_code, **(json.loads(answer.text) if answer.status_code == 200 else {})}

    return ask


FORGED = {
    "X-Forwarded-For": "192.0.2.66, 198.51.100.7, 203.0.113.9",
    "X-Forwarded-Proto": "gopher, https, https",
    "X-Forwarded-Host": "attacker.example, moyai.example.jp, localhost",
}


@pytest.mark.parametrize(
    ("hops", "address", "host"), [(1, "203.0.113.9", "localhost"), (2, "198.51.100.7", "moyai.example.jp")]
)
def test_the_origin_is_what_the_outermost_believed_proxy_saw(ask: Ask, hops: int, address: str, host: str) -> None:
    assert ask(hops, FORGED) == {"status": 200, "address": address, "scheme": "https", "host": host}


def test_without_proxies_no_header_is_believed(ask: Ask) -> None:
    origin = ask(0, FORGED)

    assert (origin["address"], origin["scheme"]) == ("127.0.0.1", "http")
    assert origin["host"].startswith("127.0.0.1:")


def test_a_request_that_passed_fewer_proxies_than_believed_keeps_its_own_origin(ask: Ask) -> None:
    # Our own status check asks on 127.0.0.1, past the proxies.
    one_hop = {name: value.rpartition(", ")[2] for name, value in FORGED.items()}

    assert ask(2, one_hop)["address"] == "127.0.0.1"
    assert ask(2, {})["scheme"] == "http"


def test_a_host_name_of_others_is_refused_though_a_proxy_passes_it_on(ask: Ask) -> None:
    assert ask(3, FORGED)["status"] == 400
