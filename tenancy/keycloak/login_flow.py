"""An authentication flow: Keycloak builds it step by step, so it is compared and built apart from the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol
from urllib.parse import quote

from tenancy.keycloak.comparison import DifferenceKind
from tenancy.keycloak.connection import RealmConnection
from tenancy.keycloak.specification.model import Execution, Flow


class DifferenceCallback(Protocol):
    def __call__(
        self,
        kind: DifferenceKind,
        resource: str,
        field: str | None = None,
        intended: object = None,
        found: object = None,
    ) -> None: ...


class LoginFlow:
    """A specified flow against the realm's."""

    def __init__(
        self,
        realm: RealmConnection,
        flow: Flow,
        add_difference: DifferenceCallback,
        apply: Callable[[Callable[[], object]], bool],
    ) -> None:
        self._realm = realm
        self._flow = flow
        self._alias = flow.alias
        self._wanted = flow.steps
        self._add_difference = add_difference
        self._apply = apply

    def compare(self) -> None:
        if self._alias not in {row["alias"] for row in self._realm.read("authentication/flows")}:
            self._add_difference(DifferenceKind.MISSING, f"flow {self._alias}")
            self._apply(self._build)
            return
        found = self._executions()
        wanted = list(_flatten(self._wanted))
        there = [(row["level"], row.get("providerId") or row["displayName"]) for row in found]
        if there != [(level, step.provider) for level, step in wanted]:
            self._add_difference(
                DifferenceKind.CHANGED,
                f"flow {self._alias}",
                "steps",
                [step.provider for _, step in wanted],
                [name for _, name in there],
            )
            self._apply(self._rebuild)
            return
        for row, (_, step) in zip(found, wanted, strict=True):
            resource = f"flow {self._alias}, step {step.provider}"
            if row["requirement"] != step.requirement:
                self._add_difference(
                    DifferenceKind.CHANGED,
                    resource,
                    "requirement",
                    step.requirement,
                    row["requirement"],
                )
                changed = {**row, "requirement": step.requirement}
                self._apply(partial(self._realm.replace, self._path(self._alias, "executions"), changed))
            self._compare_config(resource, row, step)

    def _compare_config(self, resource: str, row: dict[str, Any], step: Execution) -> None:
        stored = row.get("authenticationConfig")
        found = self._realm.read(f"authentication/config/{stored}") if stored else {}
        present = found.get("config") or {}
        if not step.config or step.config.items() <= present.items():
            return
        self._add_difference(DifferenceKind.CHANGED, resource, "config", dict(step.config), present)
        if stored:
            body = {**found, "config": {**present, **step.config}}
            self._apply(partial(self._realm.replace, f"authentication/config/{stored}", body))
        else:
            self._apply(partial(self._configure, row, step))

    def _rebuild(self) -> None:
        if self._flow.binding is None:
            self._replace_steps()
            return
        # A flow in use cannot be deleted; for this moment Keycloak's own is in its place.
        self._realm.replace("", {**self._realm.read(""), self._flow.binding: self._flow.built_in})
        ids = {row["alias"]: row["id"] for row in self._realm.read("authentication/flows")}
        self._realm.delete(f"authentication/flows/{ids[self._alias]}")
        self._build()
        self._realm.replace("", {**self._realm.read(""), self._flow.binding: self._alias})

    def _build(self) -> None:
        self._realm.create(
            "authentication/flows",
            {
                "alias": self._alias,
                "description": self._flow.description,
                "providerId": "basic-flow",
                "topLevel": True,
                "builtIn": False,
            },
        )
        self._add_steps()

    def _replace_steps(self) -> None:
        """Other steps in a flow that identity providers name: it stays, for they would be left without one."""
        for row in self._executions():
            if row["level"] == 0:
                self._realm.delete(f"authentication/executions/{row['id']}")
        self._add_steps()

    def _add_steps(self) -> None:
        self._add(self._alias, self._wanted)
        for row, (_, step) in zip(self._executions(), _flatten(self._wanted), strict=True):
            self._realm.replace(
                self._path(self._alias, "executions"),
                {**row, "requirement": step.requirement},
            )
            if step.config:
                self._configure(row, step)

    def _configure(self, row: dict[str, Any], step: Execution) -> None:
        # The alias of a step's configuration is unique in the realm.
        body = {"alias": f"{self._alias} {row['id']}", "config": dict(step.config)}
        self._realm.create(f"authentication/executions/{row['id']}/config", body)

    def _add(self, parent: str, steps: Sequence[Execution]) -> None:
        for step in steps:
            if step.steps:
                body = {
                    "alias": step.provider,
                    "type": "basic-flow",
                    "description": "",
                    "provider": "registration-page-form",
                }
                self._realm.create(self._path(parent, "executions/flow"), body)
                self._add(step.provider, step.steps)
            else:
                self._realm.create(
                    self._path(parent, "executions/execution"),
                    {"provider": step.provider},
                )

    def _executions(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._realm.read(self._path(self._alias, "executions"))
        return rows

    @staticmethod
    def _path(flow: str, rest: str) -> str:
        return f"authentication/flows/{quote(flow, safe='')}/{rest}"


def _flatten(steps: Sequence[Execution], level: int = 0) -> Iterator[tuple[int, Execution]]:
    """The steps in the order and with the depth in which Keycloak lists them."""
    for step in steps:
        yield level, step
        yield from _flatten(step.steps, level + 1)
