"""The entry point of a comparison that somebody asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import url_for

from admin.interface.entry_points import EntryPoint, PageAddress, api, cli
from governance.kernel.labels import Label
from tenancy.drift_checks.commands import request_drift_check


def _to_drift(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("認証サービスとの差分", "Differences with the identity server"), url_for("drift.drift")


ENTRY_POINTS: Final = (
    EntryPoint(
        request_drift_check,
        Label("認証サービスと照合する", "Compare with the identity server"),
        Label("照合する", "Compare"),
        api=api("POST /drift-checks"),
        cli=cli("drift-check request"),
        page=PageAddress(
            "/drift/checks/new",
            "drift_check_requesting",
            then=lambda command, result: url_for("drift.drift_check", check_id=result.check_id),
            back=_to_drift,
            intro=Label(
                "全団体を認証サービスと照合し、結果を残します。認証サービスの内容は変えません。毎晩2時にも自動で照合します。",
                "Everything is compared with the identity server, and the result is kept. Nothing is changed there. "
                "Moyai does so by itself every night at two, too.",
            ),
            is_reviewed=False,
        ),
    ),
)
