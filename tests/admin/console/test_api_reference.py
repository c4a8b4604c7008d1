"""The API reference: for everybody, by our own policy, and readable with a keyboard, a magnifier and by axe."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser

from admin.app import create_app
from admin.features import api_routes
from admin.interface.api_routes import Tag
from admin.interface.problems import problems_of
from admin.operations.settings import Settings
from tests.admin.live_app import served
from tests.chromium import violations


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation with no server behind it: the page needs none."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    return Settings.from_environment(
        {
            "MOYAI_HOME": str(tmp_path / "home"),
            "MOYAI_PORT": str(port),
            "MOYAI_PUBLIC_URL": f"http://localhost:{port}",
            "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:9/nothing",
            "KEYCLOAK_URL": "http://127.0.0.1:9",
        }
    )


@pytest.fixture
def web(settings: Settings) -> Flask:
    return create_app(settings)


def _get(web: Flask, settings: Settings, path: str) -> Any:
    return web.test_client().get(path, base_url=settings.public_url)


def test_the_page_needs_no_sign_in_and_nothing_that_the_policy_forbids(web: Flask, settings: Settings) -> None:
    page = _get(web, settings, "/api-reference")
    policy = page.headers["Content-Security-Policy"]

    assert (page.status_code, "API リファレンス" in page.text) == (200, True)
    assert "API reference" in _get(web, settings, "/api-reference?lang=en").text
    assert "unsafe" not in policy
    assert "img-src 'self' data:" in policy
    assert re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", page.text) is None
    sources = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert sources
    for source in sources:
        assert source.startswith(("/", "?")), source
        assert _get(web, settings, source if source.startswith("/") else f"/api-reference{source}").status_code < 400


def test_the_page_has_every_problem_in_the_readers_language(web: Flask, settings: Settings) -> None:
    problems = problems_of(api_routes())
    ja, en = (_get(web, settings, f"/api-reference?lang={language}").text for language in ("ja", "en"))

    assert {"api.object_changed", "http.not_found", "input.wrong", "tenant.stale"} <= problems.keys()
    assert all(f">{code}<" in ja and f">{code}<" in en for code in problems)
    assert "表示したあとで、対象が変わりました" in ja
    assert "It changed after you read it" in en


@pytest.mark.browser
def test_the_operations_are_read_with_a_keyboard_and_at_four_times_the_size(
    web: Flask, settings: Settings, browser: Browser
) -> None:
    complaints: list[str] = []
    asked: list[str] = []
    with served(web, settings.port):
        context = browser.new_context(base_url=settings.public_url, locale="ja-JP")
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
        page.goto("/api-reference")
        subject = page.locator("#operations-tag-tenants button").first
        subject.wait_for()
        assert page.locator(".opblock-tag").count() == len({one.tag for one in api_routes()})
        subject.focus()
        page.keyboard.press("Enter")
        operation = page.locator("#operations-tenants-register_tenant")
        operation.wait_for()
        operation.locator("button").first.focus()
        page.keyboard.press("Enter")
        operation.locator(".opblock-body").wait_for()

        assert page.locator(".opblock").count() == len([one for one in api_routes() if one.tag is Tag.TENANTS])
        assert "参加団体を登録する" in operation.inner_text()
        assert violations(page) == []
        # 1,280 pixels at 400 % (WCAG 2.2, 1.4.10).
        page.set_viewport_size({"width": 320, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        context.close()
    assert complaints == []
    assert [one for one in asked if not one.startswith(f"GET {settings.public_url}/")] == []
