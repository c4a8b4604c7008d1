"""From where a service client may call: read strictly, asked about one address, and checked at the next call."""

from __future__ import annotations

from ipaddress import ip_address
from uuid import UUID

import pytest

from governance.declaration import build_command
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.permissions import Role
from tenancy.clients import queries
from tenancy.clients.networks import admits, network_of, read_address, read_networks
from tenancy.clients.sources import LimitClientNetworks, check_network, limit_client_networks
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory


def _limit(tenant_id: UUID, client_id: UUID, networks: str | None) -> LimitClientNetworks:
    return build_command(
        LimitClientNetworks, tenant_id=tenant_id, client_id=client_id, networks=networks, reason="LGWAN の出口"
    )


def test_networks_are_kept_in_one_form_each_once() -> None:
    typed = " 192.0.2.7, 2001:DB8:0::/32\n198.51.100.0/24、192.0.2.7/32 "

    assert read_networks(typed) == ("192.0.2.7/32", "198.51.100.0/24", "2001:db8::/32")
    assert read_networks("") == ()


@pytest.mark.parametrize(
    ("typed", "why", "right"),
    [
        ("192.0.2.0/33", "client.not_a_network", "192.0.2.0/33"),
        ("example.jp", "client.not_a_network", "example.jp"),
        ("192.0.2.1-9", "client.not_a_network", "192.0.2.1-9"),
        ("192.0.2.7/24", "client.host_part_given", "192.0.2.0/24"),
        ("2001:db8::1/32", "client.host_part_given", "2001:db8::/32"),
        ("0.0.0.0/0", "client.everywhere", "0.0.0.0/0"),
        ("::/0", "client.everywhere", "::/0"),
        ("\n".join(f"192.0.2.{number}" for number in range(51)), "client.too_many_networks", "50"),
    ],
)
def test_what_is_no_network_is_refused_with_what_would_be_right(typed: str, why: str, right: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_networks(typed)

    assert (refusal.value.code, refusal.value.field) == (why, "networks")
    assert right in refusal.value.text("ja")


def test_an_address_is_let_in_by_the_network_that_has_it() -> None:
    networks = ("192.0.2.0/24", "2001:db8::/32")

    for address, by in (
        ("192.0.2.255", "192.0.2.0/24"),
        ("::ffff:192.0.2.1", "192.0.2.0/24"),
        ("2001:db8:1::1", "2001:db8::/32"),
        ("192.0.3.0", None),
        ("2001:db9::1", None),
        ("::192.0.2.1", None),
    ):
        assert network_of(networks, ip_address(address)) == by, address
        assert admits(networks, ip_address(address)) is (by is not None), address
    assert admits((), None)
    assert not admits(networks, None)
    with pytest.raises(Invalid):
        read_address("192.0.2")


def test_a_system_is_limited_to_networks_and_the_answer_for_an_address_says_by_which(
    actors: Actors, factory: Factory
) -> None:
    tenant_id = factory.kumamoto_city()
    admin = actors.municipal(tenant_id, Role.TENANT_CLIENT_ADMIN)
    client_id = factory.add_service_client(tenant_id)

    limit_client_networks(_limit(tenant_id, client_id, "192.0.2.0/24\n2001:db8::/32"), actor=admin)

    assert recorded("client.networks_limited")[-1].facts == {
        "reason": "LGWAN の出口",
        "networks": "192.0.2.0/24, 2001:db8::/32",
    }
    with tenant_scope(OPERATOR):
        answers = [check_network(db.session(), tenant_id, client_id, one) for one in ("192.0.2.7", "203.0.113.5", None)]
    assert [(one.address, one.is_allowed, one.network) for one in answers] == [
        ("192.0.2.7", True, "192.0.2.0/24"),
        ("203.0.113.5", False, None),
        (None, None, None),
    ]
    with pytest.raises(Conflict) as refusal:
        limit_client_networks(_limit(tenant_id, client_id, "2001:db8::/32 192.0.2.0/24"), actor=admin)
    assert refusal.value.code == "client.same_networks"
    limit_client_networks(_limit(tenant_id, client_id, None), actor=admin)
    with tenant_scope(OPERATOR):
        assert queries.service_client(db.session(), tenant_id, client_id).networks == ()


def test_who_may_not_and_who_is_of_elsewhere_limits_nothing(actors: Actors, factory: Factory) -> None:
    kumamoto, aso = factory.kumamoto_city(), factory.aso_city()
    client_id = factory.add_service_client(kumamoto)
    before = rows("service_client")

    with pytest.raises(NotAllowed):
        limit_client_networks(
            _limit(kumamoto, client_id, "192.0.2.7"), actor=actors.municipal(kumamoto, Role.TENANT_AUDITOR)
        )
    for tenant_id in (kumamoto, aso):
        with pytest.raises(NotFound):
            limit_client_networks(
                _limit(tenant_id, client_id, "192.0.2.7"), actor=actors.municipal(aso, Role.TENANT_OWNER)
            )

    assert rows("service_client") == before
