"""A command line that somebody has signed in at: the file as `moyai login` leaves it, the API without a network."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from flask import Flask

from admin.identity.saved_login import DeviceEndpoints, DeviceTokens, Login, LoginFile
from admin.interface import transports
from admin.interface.api_client import ApiClient

KEYCLOAK = "https://id.example.jp/realms/moyai/protocol/openid-connect"
ENDPOINTS = DeviceEndpoints(
    issuer="https://id.example.jp/realms/moyai",
    client_id="moyai-cli",
    scope="openid",
    device_authorization_endpoint=f"{KEYCLOAK}/auth/device",
    token_endpoint=f"{KEYCLOAK}/token",
    end_session_endpoint=f"{KEYCLOAK}/logout",
)


def saved_login(server: str, token: str, *, seconds: float = 300, refresh_seconds: float = 1800) -> Login:
    """A sign-in whose tokens are good for so many seconds."""
    now = time.time()
    tokens = DeviceTokens(
        access_token=token, refresh_token="refresh", expires_at=now + seconds, refresh_expires_at=now + refresh_seconds
    )
    return Login(server=server, endpoints=ENDPOINTS, tokens=tokens)


def sign_in(web: Flask, server: str, token: str, folder: Path, patch: pytest.MonkeyPatch) -> LoginFile:
    """From now on the command line acts with this token at the application, which answers as if it were `server`."""
    file = LoginFile({"XDG_CONFIG_HOME": str(folder)})
    file.write(saved_login(server, token))
    patch.setenv("XDG_CONFIG_HOME", str(folder))

    def client(login: Login, file: LoginFile) -> ApiClient:
        return ApiClient(login.server, lambda: file.access_token(_never), transport=httpx.WSGITransport(web))

    patch.setattr(transports, "make_client", client)
    return file


def _never(login: Login) -> DeviceTokens | None:
    raise AssertionError("a token that is in force is not renewed")
