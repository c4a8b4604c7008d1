"""Debian's nginx with the configuration of docs/operations, on ports of a test's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.authority import Authority

EXAMPLE: Final = Path(__file__).parents[1] / "docs" / "operations" / "nginx.conf"
NAME: Final = "moyai.example"
KEYCLOAK_NAME: Final = "id.example"


def start_nginx(
    program: str,
    folder: Path,
    authority: Authority,
    tls: int,
    plain: int,
    webs: tuple[int, int],
    keycloak: str,
    changed: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.Popen[bytes]:
    """The example with other ports, and a main file as Debian's, but with everything below `folder`.

    `changed` are further words of the example → what stands there instead. AssertionError where the example has no such
    words, and where nginx warns.
    """
    first, second = webs
    own = folder / "nginx"
    own.mkdir()
    for name in (NAME, KEYCLOAK_NAME):
        issued = authority.issue(own, name).read_bytes()
        for suffix in ("pem", "key"):
            (own / f"{name}.{suffix}").write_bytes(issued)
    text = EXAMPLE.read_text(encoding="utf-8")
    for former, now in (
        ("/etc/moyai/tls/", f"{own}/"),
        ("listen 443 ", f"listen 127.0.0.1:{tls} "),
        ("listen 80", f"listen 127.0.0.1:{plain}"),
        ("127.0.0.1:8700", f"127.0.0.1:{first}"),
        ("127.0.0.1:8705", f"127.0.0.1:{first + 5}"),
        ("127.0.0.1:8710", f"127.0.0.1:{second}"),
        ("127.0.0.1:8715", f"127.0.0.1:{second + 5}"),
        ("127.0.0.1:8080", keycloak.removeprefix("http://").replace("localhost", "127.0.0.1")),
        *changed.items(),
    ):
        assert former in text
        text = text.replace(former, now)
    (own / "moyai.conf").write_text(text, encoding="utf-8")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {own}/{kind};" for kind in kinds)
    (own / "nginx.conf").write_text(
        f"""
        {"user root;" if os.geteuid() == 0 else ""}
        daemon off; pid {own}/pid; error_log {own}/error.log;
        events {{}}
        http {{
            gzip on; ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; {temporary}
            log_format upstreams '$request|$upstream_addr';
            access_log {own}/access.log upstreams;
            include {own}/moyai.conf;
        }}
        """
    )
    command = [program, "-e", f"{own}/error.log", "-p", str(own), "-c", f"{own}/nginx.conf"]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)
