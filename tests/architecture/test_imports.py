"""Imports point down, and each foreign library has one package."""

from __future__ import annotations

import grimp
import pytest
from sqlmodel import SQLModel

import admin.migrations.metadata  # noqa: F401  # imports every module that declares a table
from governance.kernel.database import TableBase

PACKAGES = ("admin", "billing", "tenancy", "governance")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def _importers(graph: grimp.ImportGraph, library: str) -> set[str]:
    if library not in graph.modules:
        return set()
    return set(graph.find_modules_that_directly_import(library))


def _direct(graph: grimp.ImportGraph, importer_root: str, imported_root: str) -> set[tuple[str, str]]:
    return {
        (module, imported)
        for module in graph.modules
        if module == importer_root or module.startswith(f"{importer_root}.")
        for imported in graph.find_modules_directly_imported_by(module)
        if imported == imported_root or imported.startswith(f"{imported_root}.")
    }


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("governance", "tenancy"),
        ("governance", "billing"),
        ("governance", "admin"),
        ("tenancy", "billing"),
        ("tenancy", "admin"),
        ("billing", "admin"),
    ],
)
def test_no_package_imports_a_package_above_it(graph: grimp.ImportGraph, lower: str, upper: str) -> None:
    assert _direct(graph, lower, upper) == set()


def test_the_kernel_imports_no_other_package_of_ours(graph: grimp.ImportGraph) -> None:
    outward = {
        (module, imported)
        for module in graph.modules
        if module.startswith("governance.kernel")
        for imported in graph.find_modules_directly_imported_by(module)
        if imported.split(".")[0] in PACKAGES and not imported.startswith("governance.kernel")
    }
    assert outward == {("governance.kernel", "governance")} & outward


def test_billing_reads_tenancy_through_the_directory_alone(graph: grimp.ImportGraph) -> None:
    assert {imported for _, imported in _direct(graph, "billing", "tenancy")} <= {"tenancy.directory"}


def test_no_modules_import_each_other_in_a_circle(graph: grimp.ImportGraph) -> None:
    circles = []
    for module in sorted(graph.modules):
        if module.split(".")[0] not in PACKAGES:
            continue
        for imported in graph.find_modules_directly_imported_by(module):
            if imported.split(".")[0] in PACKAGES and graph.chain_exists(importer=imported, imported=module):
                circles.append((module, imported))
    assert circles == []


def _package_cycles(graph: grimp.ImportGraph, root: str) -> tuple[int, list[tuple[str, str]]]:
    """How many packages below `root` import another, and the imports among them that come back to where they began."""
    depth = root.count(".") + 2
    packages = grimp.ImportGraph()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            importer_package, imported_package = (".".join(name.split(".")[:depth]) for name in (module, imported))
            if importer_package != imported_package and all(
                name.startswith(f"{root}.") for name in (importer_package, imported_package)
            ):
                packages.add_import(importer=importer_package, imported=imported_package)
    return len(packages.modules), [
        (importer, imported)
        for importer in sorted(packages.modules)
        for imported in packages.find_modules_directly_imported_by(importer)
        if packages.chain_exists(importer=imported, imported=importer)
    ]


def test_no_two_sub_packages_of_admin_import_each_other(graph: grimp.ImportGraph) -> None:
    count, cycles = _package_cycles(graph, "admin")
    assert count > 8
    assert cycles == []


def test_no_two_features_import_each_other(graph: grimp.ImportGraph) -> None:
    _, cycles = _package_cycles(graph, "admin.features")
    assert cycles == []


def test_a_planted_cycle_of_features_is_found() -> None:
    planted = grimp.ImportGraph()
    planted.add_import(importer="admin.features.costs.pages", imported="admin.features.rules.labels")
    planted.add_import(importer="admin.features.rules.pages", imported="admin.features.costs.labels")
    assert _package_cycles(planted, "admin.features")[1] == [
        ("admin.features.costs", "admin.features.rules"),
        ("admin.features.rules", "admin.features.costs"),
    ]


@pytest.mark.parametrize(
    ("library", "packages"),
    [
        ("keycloak", ("tenancy.keycloak",)),
        ("flask_admin", ("admin.backoffice",)),
        ("flask_sqlalchemy", ("governance.kernel.database",)),
        ("huey", ("admin.workflows.jobs",)),
        ("typst", ("billing.documents",)),
        ("authlib", ("admin.identity",)),
    ],
)
def test_a_foreign_library_stays_in_its_package(
    graph: grimp.ImportGraph, library: str, packages: tuple[str, ...]
) -> None:
    strangers = {
        module
        for module in _importers(graph, library)
        if not any(module == package or module.startswith(f"{package}.") for package in packages)
    }
    assert strangers == set()


def test_flask_is_imported_by_admin_alone(graph: grimp.ImportGraph) -> None:
    strangers = {module for module in _importers(graph, "flask") if not module.startswith("admin")}
    assert strangers <= {"governance.kernel.database"}


TABLE_READERS = ("admin.migrations", "admin.backoffice")
"""The migrations describe all tables, the back office shows them; both by design."""


def test_no_package_imports_another_packages_tables(graph: grimp.ImportGraph) -> None:
    strangers = {
        (module, imported.removesuffix(".tables"))
        for module in graph.modules
        if module.split(".")[0] in PACKAGES
        for imported in graph.find_modules_directly_imported_by(module)
        if imported.endswith(".tables")
        and not f"{module}.".startswith(f"{imported.removesuffix('.tables')}.")
        and not module.startswith(TABLE_READERS)
    }
    assert strangers == set()


def test_every_table_is_declared_in_a_module_that_no_other_package_imports() -> None:
    elsewhere = {
        mapper.class_.__module__
        for registry in (TableBase.registry, SQLModel._sa_registry)
        for mapper in registry.mappers
        if not mapper.class_.__module__.endswith(".tables")
    }
    assert elsewhere == set()
