"""The receiver of docs/API.md as it stands there, in a process of its own behind a public address."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from admin.operations.readiness import wait_until
from admin.operations.webhook_sender import WebhookSender
from tests.authority import Authority

PAGE: Final = Path(__file__).parents[2] / "docs/API.md"
PUBLIC: Final = "93.184.215.14"
NAME: Final = "siem.example.jp"


class SampleReceiver:
    """Its program, certificate and secret in a folder; `start` runs it, or the caller does."""

    def __init__(self, folder: Path, secret: str, name: str = NAME) -> None:
        (program,) = re.findall(
            r"^```python\n(import base64.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
        )
        assert 20 <= len([line for line in program.splitlines() if line]) <= 36
        (folder / "receiver.py").write_text(program, encoding="utf-8")
        authority = Authority.make(folder)
        authority.issue(folder, name).rename(folder / "receiver.pem")
        self.context = ssl.create_default_context(cafile=str(authority.file))
        self.authority, self.folder, self.secret = authority, folder, secret
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "printed").open("ab") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "receiver.py"],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "WEBHOOK_SECRET": self.secret, "PORT": str(self.port)},
                stdout=printed,
                stderr=subprocess.DEVNULL,
            )
        assert wait_until(self.answers, seconds=20)

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def sender(self) -> WebhookSender:
        return WebhookSender(
            resolve=lambda name: [PUBLIC],
            connect=lambda address, port, seconds: socket.create_connection(("127.0.0.1", self.port), timeout=seconds),
        )

    def received(self) -> list[dict[str, Any]]:
        lines = (self.folder / "printed").read_text("utf-8").splitlines()
        return [json.loads(line.partition(" ")[2])["data"] for line in lines]

    def post(self, headers: Mapping[str, str], body: bytes) -> int:
        """The status that a request of anybody's gets."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=self.context)
        connection._create_connection = (  # type: ignore[attr-defined]  # by its name, at the port where it is
            lambda *args, **more: socket.create_connection(("127.0.0.1", self.port), timeout=10)
        )
        connection.host = NAME
        connection.request("POST", "/moyai", body, dict(headers))
        return connection.getresponse().status
