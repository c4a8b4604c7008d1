"""docs/OPERATING.md by itself: its commands pasted in a fresh Debian 12, none adapted, to the first person signed in.

python -m tests.soak.operating [DEBIAN]

As root, where Debian's packages debootstrap, systemd-container and chromium are and the ports of PORTS are free. A
Debian is made, or copied from the folder DEBIAN, and booted with its own systemd in a container that shares this
machine's network. In it is a clone of what is committed here, and nothing of ours besides. Every block of shell on the
page is run in one shell, in the order of the page. Outside are only what the page presupposes: the names lead to the
machine, and a mail server takes mail. Then the first person follows the link of the mail in a browser, sets a password
and an authenticator app, and signs in. AssertionError or CalledProcessError says what did not hold.
"""

from __future__ import annotations

import email
import email.policy
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final

import httpx
import psutil
from aiosmtpd.controller import Controller
from playwright.sync_api import Page, expect, sync_playwright

from admin.operations import ports
from admin.operations.readiness import wait_until
from tests.admin.second_factor import code
from tests.chromium import ARGUMENTS, CHROMIUM

ROOT: Final = Path(__file__).parents[2]
PORTS: Final = (25, 80, 443, 5432, 8080, 8700, 8705, 8710, 8715, 9000)
NAMES: Final = ("moyai.example", "id.example")
PASSWORD: Final = "hitoyoshi no kajika 2026"
_CLONE: Final = "srv/moyai"
_HOME: Final = "/root"
_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OF_THE_MACHINE: Final = re.compile(r"(?i)^(pip_|uv_|ssl_cert|requests_ca|curl_ca|https?_proxy|no_proxy)")
"""Variables by which this machine reaches the registries of packages."""


def blocks() -> list[str]:
    """The commands of the page, in its order."""
    return _BLOCK.findall((ROOT / "docs" / "OPERATING.md").read_text(encoding="utf-8"))


class Mails:
    """A mail server on port 25 that keeps what it is given."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=25)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """As aiosmtpd calls it for every mail."""
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = parsed.get_body(("plain",))
        self.texts.append("" if body is None else body.get_content())
        return "250 OK"

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Take mail while inside."""
        self._controller.start()
        try:
            yield
        finally:
            self._controller.stop()


class Debian:
    """A booted Debian in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._leader = 0

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command of root's in it; what it says goes to this terminal, and into the result."""
        own = {"HOME": _HOME, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin", "LANG": "C.UTF-8"}
        entered = ["nsenter", f"--target={self._leader}", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--wdns=/"]
        done = subprocess.Popen(
            [*entered, "env", "-i", *(f"{name}={text}" for name, text in (own | variables).items()), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = []
        assert done.stdout is not None
        for line in done.stdout:
            print(f"  | {line}", end="", flush=True)
            said.append(line)
        return subprocess.CompletedProcess(command, done.wait(), "".join(said))

    def owners(self, program: str) -> list[int]:
        """The effective uids of the processes whose command line names this program."""
        processes = psutil.Process(self._leader).children(recursive=True)
        return [one.uids().effective for one in processes if program in " ".join(one.cmdline())]

    def _found(self, nspawn: int) -> bool:
        """Whether its systemd answers; which process that is."""
        for process in psutil.Process(nspawn).children(recursive=True):
            root = Path(f"/proc/{process.pid}/root")
            if process.name() == "systemd" and (root / _CLONE).is_dir() and (root / "run/systemd/private").exists():
                self._leader = process.pid
                return True
        return False

    @contextmanager
    def booted(self) -> Iterator[None]:
        """Its systemd runs while inside."""
        words = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--resolv-conf=off", "--boot"]
        for kept in (".m2", ".cache/uv"):
            # What was fetched from the registries before is not fetched again; all of it is checked by its hash.
            if (Path.home() / kept).is_dir():
                words.append(f"--bind={Path.home() / kept}:{_HOME}/{kept}")
        log = (self.folder.parent / "boot.log").open("w")
        nspawn = subprocess.Popen(
            [*words, f"--directory={self.folder}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            assert wait_until(lambda: self._found(nspawn.pid), seconds=60), "it does not boot"
            self.run("systemctl", "is-system-running", "--wait")
            yield
        finally:
            # systemd's own signal for an orderly end of a container: SIGRTMIN+3.
            os.kill(self._leader or nspawn.pid, signal.SIGRTMIN + 3 if self._leader else signal.SIGTERM)
            try:
                nspawn.wait(timeout=90)
            except subprocess.TimeoutExpired:
                nspawn.kill()
                nspawn.wait()
            log.close()


def _made(folder: Path, given: Path | None) -> Debian:
    """A Debian that knows the machine's way to the packages, the two names, and a clone of what is committed here."""
    debian = folder / "debian"
    if given is None:
        include = "--include=systemd,systemd-sysv,dbus,ca-certificates"
        subprocess.run(["debootstrap", "--variant=minbase", include, "bookworm", str(debian)], check=True)
    else:
        subprocess.run(["cp", "--archive", "--reflink=auto", str(given), str(debian)], check=True)
    (debian / "etc/apt/sources.list").unlink(missing_ok=True)
    for place in ("etc/apt/sources.list.d", "usr/local/share/ca-certificates"):
        shutil.copytree(f"/{place}", debian / place, dirs_exist_ok=True)
    for place in ("etc/resolv.conf", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt"):
        if Path(f"/{place}").exists():
            shutil.copyfile(f"/{place}", debian / place)
    # Some mirrors go on with lists that are out of date.
    (debian / "etc/apt/apt.conf.d/99dates").write_text(
        'Acquire::Check-Valid-Until "false";\nAcquire::Check-Date "false";\n'
    )
    (debian / "etc/hosts").write_text(f"127.0.0.1 localhost {' '.join(NAMES)}\n")
    clone = ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(debian / _CLONE)]
    subprocess.run(clone, check=True)
    return Debian(debian)


def _paste(debian: Debian, pasted: Sequence[str]) -> None:
    """Run the blocks in one shell, in the clone, each after its number."""
    script = "".join(f"echo '== block {number}'\n{block}" for number, block in enumerate(pasted, 1))
    (debian.folder / "srv/pasted.sh").write_text(f"cd /{_CLONE}\n{script}", encoding="utf-8")
    machine = {name: text for name, text in os.environ.items() if _OF_THE_MACHINE.match(name)}
    done = debian.run("bash", "/srv/pasted.sh", **machine)
    assert done.returncode == 0, f"exit code {done.returncode}"


def _sign_in_for_the_first_time(link: str) -> None:
    """From the mail's link to the overview, in a browser that is sent to this machine for both names."""
    rules = ",".join(f"MAP {name} 127.0.0.1" for name in NAMES)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, f"--host-resolver-rules={rules}"]
        )
        # The private authority is none that the browser knows; `_check_certificates` has looked.
        page = browser.new_context(locale="ja-JP", ignore_https_errors=True).new_page()
        page.goto(link)
        page.locator("#kc-info-message a").first.click()
        page.locator("#password-new").fill(PASSWORD)
        page.locator("#password-confirm").fill(PASSWORD)
        page.locator("[type=submit]").first.click()
        expect(page.locator("#password-new")).to_have_count(0)

        page.goto(f"https://{NAMES[0]}/")
        page.get_by_role("link", name="運営者としてログイン").click()
        page.locator("#username").fill("hanako@pref.example.lg.jp")
        page.locator("#password").fill(PASSWORD)
        page.locator("#kc-login").click()
        _set_up_app(page)
        expect(page.get_by_role("heading", level=1)).to_contain_text("ホーム")
        page.screenshot(path=str(ROOT / "build" / "operating.png"))
        browser.close()


def _set_up_app(page: Page) -> None:
    expect(page.locator("#totp")).to_be_visible()
    secret = page.locator("#totpSecret").get_attribute("value")
    assert secret
    page.locator("#totp").fill(code(secret))
    page.locator("#saveTOTPBtn").click()


def _check_certificates(authority: Path) -> None:
    """Both names answer over TLS to who believes the page's authority, and nothing of Keycloak's own is for others."""
    for name, path in ((NAMES[0], "/login"), (NAMES[1], "/realms/moyai-operators/.well-known/openid-configuration")):
        with httpx.Client(verify=str(authority), trust_env=False) as client:
            answer = client.get(
                f"https://127.0.0.1{path}", headers={"Host": name}, extensions={"sni_hostname": name}, timeout=30
            )
            assert answer.status_code == 200, (name, answer.status_code)


def _check_processes(debian: Debian) -> None:
    """What the units started runs as its own user, and a backup by the unit is whole."""
    accounts = (line.split(":") for line in (debian.folder / "etc/passwd").read_text().splitlines())
    uids = {name: int(uid) for name, _, uid, *_ in accounts}
    owners = debian.owners("/opt/moyai/")
    assert len(owners) >= 5, owners
    assert set(owners) == {uids["moyai"]}, owners
    assert set(debian.owners("/opt/keycloak/")) == {uids["keycloak"]}
    assert debian.run("systemctl", "start", "moyai-backup").returncode == 0
    failed = debian.run("systemctl", "list-units", "--failed", "--no-legend", "--plain").stdout
    assert "moyai" not in failed, failed
    assert "keycloak" not in failed, failed
    by_root = debian.run("env", "MOYAI_HOME=/var/lib/moyai", "/opt/moyai/bin/moyai", "web")
    assert by_root.returncode == 1, "root is refused"


def main(given: Path | None) -> None:
    """Do all of it once, and print how long the page took."""
    assert os.geteuid() == 0, "as root: it boots a Debian"
    taken = [port for port in PORTS if not ports.is_free(port)]
    assert not taken, f"in use: {taken}"
    mails = Mails()
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="moyai-soak-") as name, mails.taking():
        debian = _made(Path(name), given)
        with debian.booted():
            began = monotonic()
            pasted = blocks()
            _paste(debian, pasted)
            minutes = (monotonic() - began) / 60
            _check_certificates(debian.folder / "etc/moyai/tls/ca.pem")
            assert wait_until(lambda: bool(mails.texts), seconds=60), "no mail came"
            link = re.search(rf"https://{re.escape(NAMES[1])}/\S+", mails.texts[0])
            assert link is not None, mails.texts[0]
            _sign_in_for_the_first_time(link[0])
            _check_processes(debian)
    print(f"{len(pasted)} blocks of docs/OPERATING.md pasted in {minutes:.1f} min; the first person is signed in")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else None)
