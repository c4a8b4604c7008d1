"""One request to a webhook's receiver, through the guard of `public_requests`; of an answer only its status is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from admin.operations.public_requests import Connect, PublicRequests, Resolve, connect, resolve
from governance.webhooks.delivery import Attempt
from governance.webhooks.states import DeliveryProblem

_USER_AGENT: Final = "Moyai-Webhook"


class WebhookSender:
    """Sends; `resolve` and `connect` are the machine's own but in tests."""

    def __init__(self, *, resolve: Resolve = resolve, connect: Connect = connect) -> None:
        self._requests = PublicRequests(_USER_AGENT, resolve=resolve, connect=connect)

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Make one request. What went wrong is in the answer; nothing is raised for it."""
        answer = self._requests("POST", url, headers, body)
        if answer.problem is not None:
            return Attempt(None, DeliveryProblem(answer.problem.value))
        return _judge(answer.status or 0)


def _judge(status: int) -> Attempt:
    if 200 <= status < 300:
        return Attempt(status, None)
    return Attempt(status, DeliveryProblem.REDIRECT if 300 <= status < 400 else DeliveryProblem.STATUS)
