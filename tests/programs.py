"""Programs of Debian's packages that a test runs: nginx, hledger, pdftoppm, systemd's own."""

from __future__ import annotations

import os
import shutil

import pytest


def required(program: str, package: str) -> str:
    """Where the program is. Where there is none the test is left out; in CI, which installs it, that is a failure."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        missing = f"LEFT OUT: this test needs {program} (Debian: apt-get install {package})"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found
