"""A page of a real browser in which somebody is signed in, on the application served over HTTP."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page

from admin.identity.sessions import COOKIE
from governance.actors import Actor
from tests.admin.live_app import served
from tests.admin.visitors import visit

NewPage = Callable[..., Page]
"""`new_page(Role.OPERATOR_ONBOARDING)`: a page in which somebody of the operator with these roles is signed in."""


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def signed_in_page(
    app: Flask, port: int, browser: Browser, actor: Actor, *, faults: tuple[str, ...] = ()
) -> Iterator[Page]:
    """A page at `http://localhost:{port}`, the public address of `app`. What the browser complains of is an error.

    `faults` are parts of the complaints that the test brings about itself.
    """
    address = f"http://localhost:{port}"
    client = visit(app, address, actor)
    (cookie,) = (one for one in (client._cookies or {}).values() if one.key == COOKIE)
    complaints: list[str] = []

    def hear(said: ConsoleMessage) -> None:
        # Browsers ask for an icon by themselves, before any page names one.
        is_icon = said.location["url"].endswith("/favicon.ico")
        if said.type == "error" and not is_icon and not any(fault in said.text for fault in faults):
            complaints.append(said.text)

    with served(app, port):
        context = browser.new_context(base_url=address, locale="ja-JP")
        # A secure cookie is only taken from an https address; browsers then send it to http://localhost too.
        secure_address = address.replace("http:", "https:")
        context.add_cookies([{"name": COOKIE, "value": cookie.value, "url": secure_address, "secure": True}])
        opened = context.new_page()
        opened.on("console", hear)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        yield opened
        context.close()
    assert complaints == []
