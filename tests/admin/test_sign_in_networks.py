"""From where people of a tenant sign in: held at each request, and nobody locks themselves out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from flask import Flask

from admin.identity.sign_in_networks import (
    LimitSignInNetworks,
    check_sign_in_network,
    limit_sign_in_networks,
    sign_in_networks,
)
from governance.actors import Actor
from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.permissions import Role
from tests.actors import Actors
from tests.admin.conftest import PUBLIC_URL
from tests.admin.issuer import Issuer
from tests.admin.visitors import Visit
from tests.factories import Visitors

OFFICE = "203.0.113.7"
HOME = "198.51.100.9"


@pytest.fixture
def municipality(operator_tenant: UUID, visitors: Visitors) -> UUID:
    return visitors.municipality("432083", "山鹿市")


def limit(tenant_id: UUID, networks: str | None) -> LimitSignInNetworks:
    return build_command(LimitSignInNetworks, tenant_id=tenant_id, networks=networks, reason="LGWANの出口だけにする")


def fresh(actor: Actor) -> Actor:
    return replace(actor, second_factor_at=clock.now())


def in_force(tenant_id: UUID) -> tuple[str, ...]:
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        return sign_in_networks(db.session(), tenant_id).networks


def status(visit: Visit, address: str) -> int:
    return visit.get("/help", environ_overrides={"REMOTE_ADDR": address}).status_code


def test_open_sessions_and_tokens_are_refused_from_elsewhere_and_other_tenants_are_not(
    web: Flask,
    actors: Actors,
    municipality: UUID,
    visitors: Visitors,
    signed_in: Callable[[Actor], Visit],
    issuer: Issuer,
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    page, operator = signed_in(owner), signed_in(visitors.person(actors.operator_tenant, Role.OPERATOR_FINANCE))
    token = issuer.token_of_person(municipality, UUID(owner.id), Role.TENANT_OWNER)

    def asks(address: str) -> int:
        return (
            web.test_client()
            .get(
                "/api/v1/preferences",
                base_url=PUBLIC_URL,
                headers={"Authorization": f"Bearer {token}"},
                environ_overrides={"REMOTE_ADDR": address},
            )
            .status_code
        )

    assert (status(page, HOME), asks(HOME)) == (200, 200)
    limit_sign_in_networks(limit(municipality, "203.0.113.0/24"), actor=fresh(actors.security))

    assert (status(page, OFFICE), asks(OFFICE)) == (200, 200)
    assert (status(page, HOME), asks(HOME)) == (303, 401)
    assert status(operator, HOME) == 200
    assert status(page, OFFICE) == 200, "the session is not ended by it"

    limit_sign_in_networks(limit(municipality, None), actor=fresh(actors.security))
    assert (status(page, HOME), asks(HOME)) == (200, 200)


def test_nobody_locks_themselves_out_and_the_operator_may_set_any_list_of_a_municipality(
    web: Flask, actors: Actors, municipality: UUID, visitors: Visitors
) -> None:
    owner = fresh(visitors.person(municipality, Role.TENANT_OWNER))
    security = fresh(actors.security)

    with web.test_request_context("/", environ_base={"REMOTE_ADDR": HOME}):
        for actor, tenant_id in ((owner, municipality), (security, actors.operator_tenant)):
            with pytest.raises(Invalid, match="lock yourself out"):
                limit_sign_in_networks(limit(tenant_id, "203.0.113.0/24"), actor=actor)
            assert in_force(tenant_id) == ()
        limit_sign_in_networks(limit(municipality, "203.0.113.0/24"), actor=security)

    with web.test_request_context("/", environ_base={"REMOTE_ADDR": OFFICE}):
        limit_sign_in_networks(limit(municipality, "203.0.113.7 2001:db8::/32"), actor=owner)
    assert in_force(municipality) == ("203.0.113.7/32", "2001:db8::/32")


def test_what_is_no_network_changes_nothing_nor_does_who_may_not(
    actors: Actors, municipality: UUID, visitors: Visitors
) -> None:
    security = fresh(actors.security)
    with pytest.raises(Invalid):
        limit_sign_in_networks(limit(municipality, "203.0.113.7/24"), actor=security)
    with pytest.raises(Conflict):
        limit_sign_in_networks(limit(municipality, None), actor=security)
    for role in (Role.TENANT_USER_ADMIN, Role.TENANT_AUDITOR):
        with pytest.raises(NotAllowed):
            limit_sign_in_networks(limit(municipality, OFFICE), actor=fresh(visitors.person(municipality, role)))
    other = fresh(visitors.person(visitors.municipality("432091", "菊池市"), Role.TENANT_OWNER))
    with pytest.raises(NotFound):
        limit_sign_in_networks(limit(municipality, OFFICE), actor=other)

    assert in_force(municipality) == ()


def test_an_address_is_tried_before_somebody_has_it(actors: Actors, municipality: UUID) -> None:
    limit_sign_in_networks(limit(municipality, "203.0.113.0/24"), actor=fresh(actors.security))

    with tenant_scope(OPERATOR):
        there = check_sign_in_network(db.session(), municipality, f"::ffff:{OFFICE}")
        elsewhere = check_sign_in_network(db.session(), municipality, HOME)
    assert (there.is_allowed, there.network) == (True, "203.0.113.0/24")
    assert (elsewhere.is_allowed, elsewhere.network) == (False, None)


def test_the_page_of_people_leads_an_owner_to_the_form_and_nobody_else(
    web: Flask, actors: Actors, municipality: UUID, visitors: Visitors, signed_in: Callable[[Actor], Visit]
) -> None:
    limit_sign_in_networks(limit(municipality, "127.0.0.0/8"), actor=fresh(actors.security))
    people, form = f"/tenants/{municipality}/people", f"/tenants/{municipality}/sign-in-networks"
    owner = signed_in(visitors.person(municipality, Role.TENANT_OWNER))
    user_admin = signed_in(visitors.person(municipality, Role.TENANT_USER_ADMIN))
    elsewhere = signed_in(visitors.person(visitors.municipality("432091", "菊池市"), Role.TENANT_OWNER))

    assert "127.0.0.0/8" in owner.get(people).text
    assert form in owner.get(people).text
    assert owner.get(form).status_code == 200
    assert "127.0.0.0/8" in user_admin.get(people).text
    assert form not in user_admin.get(people).text
    assert (user_admin.get(form).status_code, elsewhere.get(form).status_code) == (403, 404)
    fields = {"networks": "", "reason": "試し", "key": "k", "step": "apply"}
    for visitor in (user_admin, elsewhere):
        assert visitor.post(form, data={"csrf_token": visitor.token, **fields}).status_code in (403, 404)
    assert in_force(municipality) == ("127.0.0.0/8",)
