"""The embedded Keycloak: its command, its environment and its readiness."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from admin.operations import keycloak_distribution
from admin.operations.ports import LOOPBACK
from admin.operations.postgresql import KEYCLOAK
from tenancy.keycloak.theme import THEMES_FOLDER

# Keycloak opens as many connections as it finds useful; the rest of PostgreSQL's hundred are ours.
_MAX_CONNECTIONS = 20


@dataclass(frozen=True)
class EmbeddedKeycloak:
    """One Keycloak on 127.0.0.1, its tables in the database at `jdbc_url`, its management on its own port.

    `url` is the address for browsers and for Moyai; every issuer begins with it. The bootstrap client exists in the
    realm `master` from the first start on; its secret reaches the server through the environment only.
    """

    distribution: Path
    java: Path
    url: str
    port: int
    management_port: int
    jdbc_url: str
    database_password: str
    bootstrap_client_id: str
    bootstrap_client_secret: str

    def command(self) -> list[str]:
        """What runs the server in the foreground; it logs to standard output and stops on SIGTERM."""
        options = {
            # One host: without this, Keycloak opens cluster ports on every interface.
            "cache": "local",
            "http-enabled": "true",
            "http-host": LOOPBACK,
            "http-port": str(self.port),
            "http-management-port": str(self.management_port),
            "hostname": self.url,
            # Read where it lies: a new version of Moyai brings its own theme, and nothing is built anew for it.
            "spi-theme--folder--dir": str(THEMES_FOLDER),
            "db-pool-max-size": str(_MAX_CONNECTIONS),
            # Events stand in its database; in the log they would name people and their addresses. Health says "down"
            # on every question until it is up.
            "log-level": "info,org.keycloak.events:off,io.smallrye.health:off",
        }
        return [
            *self._virtual_machine(),
            "start",
            "--optimized",
            *(f"--{name}={value}" for name, value in options.items()),
        ]

    def environment(self) -> Mapping[str, str]:
        """The environment variables of the process, secrets included."""
        return keycloak_distribution.environment(self.java) | {
            "KC_DB_URL": self.jdbc_url,
            "KC_DB_USERNAME": KEYCLOAK,
            "KC_DB_PASSWORD": self.database_password,
            "KC_BOOTSTRAP_ADMIN_CLIENT_ID": self.bootstrap_client_id,
            "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET": self.bootstrap_client_secret,
        }

    def _virtual_machine(self) -> list[str]:
        """The Java command with the options of `kc.sh`, which itself would stay as a parent that leaves Java behind."""
        opened = ("java.util", "java.util.concurrent", "java.security", "java.lang")
        threads = "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory"
        return [
            str(self.java / "bin" / "java"),
            *("-Xms64m", "-Xmx512m", "-XX:MetaspaceSize=96M", "-XX:MaxMetaspaceSize=256m", "-XX:+UseG1GC"),
            # The quick compiler only: ready in a third of the time, and our load is small.
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            *(f"-D{name}=UTF-8" for name in ("file.encoding", "stdout.encoding", "stderr.encoding")),
            *("-Duser.language=en", "-Duser.country=US", "-Djava.security.egd=file:/dev/urandom"),
            "-Djdk.tls.rejectClientInitiatedRenegotiation=true",
            *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in opened),
            "--enable-native-access=ALL-UNNAMED",
            f"-Djava.util.concurrent.ForkJoinPool.common.threadFactory={threads}",
            f"-Dkc.home.dir={self.distribution}",
            f"-Djboss.server.config.dir={self.distribution / 'conf'}",
            "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
            "-Dpicocli.disable.closures=true",
            "-Dquarkus-log-max-startup-records=10000",
            *("-cp", str(self.distribution / "lib" / "quarkus-run.jar")),
            "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
        ]

    def is_ready(self) -> bool:
        """Whether the management port reports the server ready."""
        return answers_ok(f"http://{LOOPBACK}:{self.management_port}/health/ready")

    def version(self) -> str | None:
        """The version of the distribution the server runs on."""
        return keycloak_distribution.version_of(self.distribution)


def answers_ok(url: str, *, seconds: float = 2.0) -> bool:
    """Whether a GET of `url` is answered with 200. No proxy takes part and no redirect is followed."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or LOOPBACK, parts.port, timeout=seconds)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
