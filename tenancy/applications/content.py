"""What the form of an application says: its fields, each once, and which of them it must have to be submitted. Pure.

A draft may lack anything; what it has is right. Of the fields come the page, the API, the command line, the Excel form
and the letter of what is missing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy.orm import Session

from governance.agreements.queries import versions_in_force
from governance.commands import Command
from governance.declaration import Input, check, declared_field
from governance.kernel import clock
from governance.kernel.errors import Invalid, Language, message
from governance.kernel.field_types import (
    Count,
    Flag,
    Id,
    JstDate,
    LocalGovernmentCode,
    LongLine,
    MailAddress,
    PhoneNumber,
    PlainLine,
)
from governance.kernel.labels import Label
from governance.kernel.sorted_unique import SORTED_UNIQUE
from tenancy.applications.states import ApplicantKind, NetworkEgress, ServiceWanted

NOT_A_NETWORK = message(
    "application.not_a_network",
    ja="「{given}」は IP アドレスまたはその範囲として読めません。例: 203.0.113.10、203.0.113.0/28",
    en="“{given}” is not an address or a range of addresses; write 203.0.113.10 or 203.0.113.0/28.",
)
OUT_OF_RANGE = message(
    "application.out_of_range",
    ja="{given} は範囲の外です。{least} から {most} までの数を入力してください。",
    en="{given} is out of range; enter a number from {least} to {most}.",
)
SAME_PERSON = message(
    "application.same_person",
    ja="団体管理者と副管理者に、同じメールアドレス「{given}」は使えません。",
    en="Both administrators cannot have one address, {given}.",
)
MISSING = message("application.missing", ja="入力してください。", en="This is required.")

MAX_PEOPLE: Final = 100_000
MAX_CALLS: Final = 10_000_000_000
_MAX_NETWORKS: Final = 50


def terms_choices(session: Session, language: Language) -> list[tuple[str, str]]:
    """The versions of agreements that whoever takes part must have accepted today."""
    word = "{title} 第{number}版" if language == "ja" else "{title}, version {number}"
    return [
        (str(one.id), word.format(title=one.title, number=one.number))
        for one in versions_in_force(session, clock.today())
        if one.mandatory
    ]


class ApplicationContent(Command):
    """What an application says. What is not filled in is null."""

    kind: Annotated[ApplicantKind | None, Input("団体の種別", "Kind of body")] = None
    code: Annotated[
        LocalGovernmentCode | None,
        Input("団体コード", "Code", Label("検査数字を含む 6 桁。なければ空", "six digits with the check digit")),
    ] = None
    name: Annotated[PlainLine | None, Input("団体の名称", "Name of the body")] = None
    kana: Annotated[PlainLine | None, Input("フリガナ", "Kana", Label("全角カタカナ", "full-width katakana"))] = None
    name_en: Annotated[PlainLine | None, Input("英語の名称", "English name")] = None
    representative_title: Annotated[
        PlainLine | None, Input("代表者の職", "Title of the representative", Label("例: 市長", "e.g. mayor"))
    ] = None
    representative_name: Annotated[PlainLine | None, Input("代表者の氏名", "Name of the representative")] = None
    administrator_section: Annotated[PlainLine | None, Input("団体管理者の所属", "Section of the administrator")] = None
    administrator_family_name: Annotated[
        PlainLine | None, Input("団体管理者の姓", "Family name of the administrator")
    ] = None
    administrator_given_name: Annotated[
        PlainLine | None, Input("団体管理者の名", "Given name of the administrator")
    ] = None
    administrator_email: Annotated[
        MailAddress | None, Input("団体管理者のメールアドレス", "Email address of the administrator")
    ] = None
    deputy_family_name: Annotated[
        PlainLine | None, Input("副管理者の姓", "Family name of the second administrator")
    ] = None
    deputy_given_name: Annotated[PlainLine | None, Input("副管理者の名", "Given name of the second administrator")] = (
        None
    )
    deputy_email: Annotated[
        MailAddress | None, Input("副管理者のメールアドレス", "Email address of the second administrator")
    ] = None
    contact_section: Annotated[PlainLine | None, Input("連絡先の部署", "Section of the contact")] = None
    contact_name: Annotated[PlainLine | None, Input("連絡先の担当者", "Person to contact")] = None
    contact_email: Annotated[MailAddress | None, Input("連絡先のメールアドレス", "Email address of the contact")] = None
    contact_phone: Annotated[PhoneNumber | None, Input("連絡先の電話番号", "Phone of the contact")] = None
    purpose: Annotated[
        LongLine | None,
        Input("利用目的", "Purpose", Label("何のために、どのデータを使うか", "what for, and which data")),
    ] = None
    services: Annotated[
        tuple[ServiceWanted, ...],
        Field(max_length=4),
        SORTED_UNIQUE,
        Input("利用サービス", "Services", option="service"),
    ] = ()
    planned_people: Annotated[
        Count | None, Input("利用する人数（予定）", "Planned people", Label("年度末の見込み", "at the end of the year"))
    ] = None
    planned_calls: Annotated[
        Count | None,
        Input("APIの呼出し回数（月・予定）", "Planned API calls a month", Label("使わなければ 0", "0 for none")),
    ] = None
    egress: Annotated[NetworkEgress | None, Input("接続元のネットワーク", "Network it comes from")] = None
    egress_addresses: Annotated[
        LongLine | None,
        Input(
            "接続元の IP アドレス",
            "Addresses it comes from",
            Label("複数あるときは、カンマか空白で区切る", "several with commas or spaces between"),
        ),
    ] = None
    first_day: Annotated[JstDate | None, Input("利用開始の希望日", "First day wanted")] = None
    terms_version_ids: Annotated[
        tuple[Id, ...],
        Field(max_length=50),
        SORTED_UNIQUE,
        Input(
            "同意する協定・規約",
            "Agreements accepted",
            choices=terms_choices,
            option="terms",
            none=Label("いま同意が必要なものはありません。", "Nothing is required now."),
        ),
    ] = ()
    declares_no_antisocial: Annotated[
        Flag,
        Input(
            "反社会的勢力でないことの誓約",
            "Declaration: no anti-social force",
            Label(
                "団体とその役員などが、暴力団その他の反社会的勢力に当たらず、関係も持たないことを誓約します",
                "Neither the body nor its officers are, or have to do with, anti-social forces.",
            ),
        ),
    ] = False

    @check("planned_people")
    @staticmethod
    def possible_people(planned_people: int | None) -> None:
        """At least the administrator."""
        _refuse_outside(planned_people, 1, MAX_PEOPLE, "planned_people")

    @check("planned_calls")
    @staticmethod
    def possible_calls(planned_calls: int | None) -> None:
        """Zero for a body that uses no API."""
        _refuse_outside(planned_calls, 0, MAX_CALLS, "planned_calls")

    @check("administrator_email", "deputy_email")
    @staticmethod
    def two_administrators(administrator_email: str | None, deputy_email: str | None) -> None:
        """Each has an account of their own."""
        if deputy_email is not None and deputy_email.lower() == (administrator_email or "").lower():
            raise Invalid(SAME_PERSON, field="deputy_email", given=deputy_email)

    @check("egress_addresses")
    @staticmethod
    def addresses_are_addresses(egress_addresses: str | None) -> None:
        """Each is an address or a range, of IPv4 or IPv6."""
        list(networks(egress_addresses))


FIELDS: Final = tuple(ApplicationContent.model_fields)

GROUPS: Final[tuple[tuple[Label, tuple[str, ...]], ...]] = (
    (
        Label("申請する団体", "The body"),
        ("kind", "code", "name", "kana", "name_en", "representative_title", "representative_name"),
    ),
    (
        Label("団体管理者", "Administrators"),
        (
            *("administrator_section", "administrator_family_name", "administrator_given_name", "administrator_email"),
            *("deputy_family_name", "deputy_given_name", "deputy_email"),
        ),
    ),
    (Label("連絡先", "Contact"), ("contact_section", "contact_name", "contact_email", "contact_phone")),
    (
        Label("利用の内容", "Use"),
        ("purpose", "services", "planned_people", "planned_calls", "first_day"),
    ),
    (Label("接続元", "Network"), ("egress", "egress_addresses")),
    (Label("同意と誓約", "Agreement and declaration"), ("terms_version_ids", "declares_no_antisocial")),
)
"""The parts of the form, in order; each field stands in one."""

_OPTIONAL: Final = frozenset(
    {
        *("code", "name_en", "administrator_section", "deputy_family_name", "deputy_given_name", "deputy_email"),
        *("egress_addresses", "terms_version_ids"),
    }
)
_DEPUTY: Final = ("deputy_family_name", "deputy_given_name", "deputy_email")


def required_fields(content: ApplicationContent) -> frozenset[str]:
    """The fields that this application must have: a municipality its code, a second administrator all three."""
    required = set(FIELDS) - _OPTIONAL
    if content.kind is not None and content.kind.is_municipality:
        required.add("code")
    if any(getattr(content, name) for name in _DEPUTY):
        required.update(_DEPUTY)
    if content.egress is NetworkEgress.FIXED:
        required.add("egress_addresses")
    return frozenset(required)


def missing_fields(content: ApplicationContent) -> list[str]:
    """The fields that must be filled in before it is submitted, in the order of the form."""
    required = required_fields(content)
    return [name for name in FIELDS if name in required and getattr(content, name) in (None, (), False)]


def label_of(name: str) -> Label:
    """What the form calls a field."""
    return declared_field(ApplicationContent, name).input.label


def read_content(stored: Mapping[str, Any]) -> ApplicationContent:
    """The content of a stored application; a field that is new since then is empty."""
    values = {name: value for name, value in stored.items() if name in FIELDS}
    return ApplicationContent.model_validate(values, strict=False)


def networks(text: str | None) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The addresses and ranges in a text. Raises Invalid for a part that is none, and for too many."""
    parts = (text or "").replace("、", ",").replace(",", " ").split()
    for number, part in enumerate(parts, 1):
        try:
            network = ipaddress.ip_network(part, strict=False)
        except ValueError:
            raise Invalid(NOT_A_NETWORK, field="egress_addresses", given=part[:60]) from None
        if number > _MAX_NETWORKS:
            raise Invalid(OUT_OF_RANGE, field="egress_addresses", given=len(parts), least=1, most=_MAX_NETWORKS)
        yield network


def mail_addresses(content: ApplicationContent) -> list[str]:
    """The mail addresses that an application names, each once."""
    found = (content.administrator_email, content.deputy_email, content.contact_email)
    return list(dict.fromkeys(one for one in found if one))


def accepted_versions(content: ApplicationContent) -> frozenset[UUID]:
    """The versions of agreements that the applicant agreed to."""
    return frozenset(content.terms_version_ids)


def _refuse_outside(given: int | None, least: int, most: int, field: str) -> None:
    if given is not None and not least <= given <= most:
        raise Invalid(OUT_OF_RANGE, field=field, given=given, least=least, most=most)
