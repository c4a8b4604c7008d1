"""Keycloak stands still (SIGSTOP): who asks it is answered in time, and all is well when it goes on."""

from __future__ import annotations

import os
import signal
import threading
from time import monotonic

import pytest

from admin.operations.readiness import wait_until
from governance.kernel.concurrency import ParallelMap
from governance.kernel.deadlines import REQUEST_LIMITS, wait_limits
from governance.kernel.errors import DependencyUnavailable
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.connection import READ_SECONDS
from tests.tenancy.keycloak.installation import Installation, Municipality

CLIENTS = 16


def test_sixteen_clients_wait_as_long_as_a_request_may_and_all_is_well_afterwards(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    municipality.onboard(identities)
    answers: list[float] = []
    end = monotonic() + 5

    def client() -> None:
        between = threading.Event()
        while monotonic() < end:
            began = monotonic()
            with wait_limits(REQUEST_LIMITS), pytest.raises(DependencyUnavailable):
                identities.describe_tenant(municipality.tenant_id)
            answers.append(monotonic() - began)
            between.wait(0.1)

    os.kill(installation.server.pid, signal.SIGSTOP)
    try:
        with ParallelMap(CLIENTS, "client") as clients:
            clients.map(lambda _: client(), range(CLIENTS))
    finally:
        os.kill(installation.server.pid, signal.SIGCONT)

    def is_well() -> bool:
        try:
            with wait_limits(REQUEST_LIMITS):
                return identities.describe_tenant(municipality.tenant_id).organization is not None
        except DependencyUnavailable:
            return False

    assert wait_until(is_well, seconds=5)
    assert len(answers) > CLIENTS
    # A job waits this long for one answer; a request waits less, however busy the machine is.
    assert max(answers) < READ_SECONDS
