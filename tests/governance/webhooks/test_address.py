"""Which addresses a receiver may have: each that is refused is refused in words (reliability plan, B38)."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from governance.kernel.errors import Invalid
from governance.webhooks.address import AddressKind, check_address, kind_of

REFUSED = [
    ("http://siem.example.jp/in", "webhook.not_https", "https"),
    ("ftp://siem.example.jp/in", "webhook.not_https", "https"),
    ("//siem.example.jp/in", "webhook.not_https", "https"),
    ("siem.example.jp", "webhook.not_https", "https"),
    ("https://127.0.0.1/", "webhook.number", "この機械自身"),
    ("https://127.1/", "webhook.number", "この機械自身"),
    ("https://2130706433/", "webhook.number", "127.0.0.1"),
    ("https://0x7f000001/", "webhook.number", "127.0.0.1"),
    ("https://0177.0.0.1/", "webhook.number", "127.0.0.1"),
    ("https://127.0.0.1./", "webhook.number", "127.0.0.1"),
    ("https://[::1]/", "webhook.number", "この機械自身"),
    ("https://[::ffff:127.0.0.1]/", "webhook.number", "この機械自身"),
    ("https://[::ffff:10.0.0.1]/", "webhook.number", "内部のネットワーク"),
    ("https://[64:ff9b::a9fe:a9fe]/", "webhook.number", "メタデータ"),
    ("https://[2002:7f00:1::]/", "webhook.number", "この機械自身"),
    ("https://0.0.0.0/", "webhook.number", "公開されていない"),
    ("https://10.1.2.3/", "webhook.number", "内部のネットワーク"),
    ("https://172.16.0.1/", "webhook.number", "内部のネットワーク"),
    ("https://192.168.0.1/", "webhook.number", "内部のネットワーク"),
    ("https://[fd12::1]/", "webhook.number", "内部のネットワーク"),
    ("https://100.64.0.1/", "webhook.number", "公開されていない"),
    ("https://169.254.1.1/", "webhook.number", "リンクローカル"),
    ("https://[fe80::1]/", "webhook.number", "リンクローカル"),
    ("https://[fe80::1%25eth0]/", "webhook.number", "リンクローカル"),
    ("https://169.254.169.254/latest/meta-data", "webhook.number", "メタデータ"),
    ("https://[fd00:ec2::254]/", "webhook.number", "メタデータ"),
    ("https://224.0.0.1/", "webhook.number", "公開されていない"),
    ("https://8.8.8.8/", "webhook.number", "公開のアドレス"),
    ("https://localhost/", "webhook.internal_name", "localhost"),
    ("https://LOCALHOST./", "webhook.internal_name", "localhost"),
    ("https://moyai.localhost/", "webhook.internal_name", "内部だけ"),
    ("https://metadata.google.internal/", "webhook.internal_name", "内部だけ"),
    ("https://printer.local/", "webhook.internal_name", "内部だけ"),
    ("https://siem/", "webhook.internal_name", "siem"),
    ("https://moyai:secret@siem.example.jp/", "webhook.user_info", "パスワード"),
    ("https://siem.example.jp@10.0.0.1/", "webhook.user_info", "パスワード"),
    ("https://@siem.example.jp/", "webhook.user_info", "パスワード"),
    ("https://siem.example.jp:8443/", "webhook.odd_port", "8443"),
    ("https://siem.example.jp:22/", "webhook.odd_port", "22"),
    ("https://siem.example.jp:0/", "webhook.odd_port", "0"),
    ("https://siem.example.jp:99999/", "webhook.not_an_address", "99999"),
    ("https://siem.example.jp:443x/", "webhook.not_an_address", "443x"),
    ("https://siem.example.jp/#part", "webhook.not_an_address", "#part"),
    ("https://siem.example.jp/a b", "webhook.not_an_address", "半角"),
    ("https://siem.example.jp\\@10.0.0.1/", "webhook.not_an_address", "半角"),
    ("https://siem.example.jp/\r\nHost: x", "webhook.not_an_address", "半角"),
    ("https://例え.jp/", "webhook.not_an_address", "半角"),
    ("https://[::1/", "webhook.not_an_address", "https"),
    ("https:///in", "webhook.not_an_address", "https"),
    ("https://-siem.example.jp/", "webhook.not_an_address", "https"),
    ("https://siem..example.jp/", "webhook.not_an_address", "https"),
    ("https://siem.example.jp/" + "x" * 500, "webhook.not_an_address", "500"),
    ("", "webhook.not_an_address", "https"),
]


@pytest.mark.parametrize(("given", "code", "says"), REFUSED, ids=[repr(one[0])[:50] for one in REFUSED])
def test_an_address_that_nothing_may_be_sent_to_is_refused_in_words(given: str, code: str, says: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_address(given)

    assert refusal.value.code == code
    assert says in refusal.value.text("ja")
    assert "secret" not in refusal.value.text("en")


@pytest.mark.parametrize(
    "given",
    [
        "https://siem.example.lg.jp/moyai",
        "https://siem.example.jp",
        "https://siem.example.jp:443/in?from=moyai&to=%E5%B8%82",
        "https://xn--r8jz45g.jp/",
        "https://SIEM.Example.JP/In",
        "https://10.example.jp/",
    ],
)
def test_a_public_name_with_https_is_taken_as_it_is(given: str) -> None:
    assert check_address(given) == given


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_a_public_address_is_one_however_it_is_written(address: str) -> None:
    assert kind_of(ip_address(address)) is AddressKind.PUBLIC
