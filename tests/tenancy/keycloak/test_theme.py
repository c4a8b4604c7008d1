"""Keycloak's pages in the console's look and words, and the theme as it is put into a Keycloak of one's own."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from click.testing import CliRunner

import admin.interface
from admin.features.system.keycloak_cli import keycloak
from admin.operations.keycloak_distribution import VERSION
from governance.kernel.errors import Conflict
from tenancy.keycloak import configure
from tenancy.keycloak.comparison import DifferenceKind
from tenancy.keycloak.port import Realm
from tenancy.keycloak.theme import THEMES_FOLDER, write_theme
from tests.servers import KEPT
from tests.tenancy.keycloak.browser import CALLBACK, Browser
from tests.tenancy.keycloak.installation import Installation
from tests.words import foreign_words

FOLDER = THEMES_FOLDER / "moyai"


@pytest.fixture(params=list(Realm))
def page(installation: Installation, request: pytest.FixtureRequest) -> httpx.Response:
    """The login page of each realm."""
    return Browser(installation, request.param).open_sign_in("openid")


def test_the_login_page_is_in_japanese_and_in_the_consoles_look(page: httpx.Response) -> None:
    assert '<html lang="ja">' in page.text
    assert re.search(r'<h1 id="kc-page-title">(?:\s|<!--.*?-->)*ログイン\s*</h1>', page.text)
    assert re.search(r'<label for="username"[^>]*>\s*<span[^>]*>\s*メールアドレス', page.text)
    assert "例示データ（実在の決定ではありません）" in page.text
    assert "サインイン" not in page.text
    styles = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    assert [style.rpartition("/")[2].partition("?")[0] for style in styles] == ["moyai.css"]
    sheet = httpx.get(str(page.url.join(styles[0])))
    assert (sheet.status_code, sheet.headers["content-type"].partition(";")[0]) == (200, "text/css")
    assert len(page.content) + len(sheet.content) < 50_000
    for address in re.findall(r'src="([^"]+)"', page.text):
        assert httpx.get(str(page.url.join(address))).status_code == 200, address


def test_a_wrong_password_says_what_is_wrong_in_plain_words(installation: Installation) -> None:
    browser = Browser(installation)

    refused = browser.submit(browser.open_sign_in("openid"), "nobody@431001.example.jp", "wrong")

    assert "メールアドレスかパスワードが違います。" in refused.text
    assert 'value="nobody@431001.example.jp"' in refused.text


def test_the_login_page_is_all_english_for_who_asks_for_it(installation: Installation) -> None:
    page = httpx.get(str(Browser(installation).open_sign_in("openid").url.copy_merge_params({"ui_locales": "en"})))

    assert '<html lang="en">' in page.text
    shown = re.sub(r"<script.*?</script>|<[^>]+>", " ", page.text, flags=re.DOTALL)
    assert set(re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]+", shown)) <= {"日本語", "催合"}
    assert "The email address" not in shown


def test_a_refused_address_leads_back_to_the_console_and_says_so_in_japanese(installation: Installation) -> None:
    page = Browser(installation).open_sign_in("openid", redirect_uri=f"{CALLBACK}/elsewhere")

    assert page.status_code == 400
    assert "手続を続けられません" in page.text


def test_a_server_without_the_theme_is_reported_and_configured_all_the_same(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configure, "THEME", "of-another-house")

    done = installation.configure()

    assert {(one.realm, one.kind, one.object) for one in done.remaining} == {
        ("master", DifferenceKind.MISSING, "theme of-another-house/login"),
        ("master", DifferenceKind.MISSING, "theme of-another-house/email"),
    }
    assert done.lacks_theme
    assert not done.in_sync


@pytest.mark.parametrize("setting", ["loginTheme", "emailTheme", "defaultLocale"])
def test_another_theme_or_language_is_reported_and_put_back(installation: Installation, setting: str) -> None:
    by_hand = installation.as_administrator()
    by_hand.replace("", {**by_hand.read(""), setting: "keycloak.v2" if setting == "loginTheme" else "en"})

    reported = installation.configure(check=True)
    repaired = installation.configure()

    assert [(one.object, one.field) for one in reported.remaining] == [("settings", setting)]
    assert repaired.in_sync


def test_the_theme_is_written_for_a_keycloak_of_ones_own_and_written_anew(tmp_path: Path) -> None:
    for _ in range(2):
        done = CliRunner().invoke(keycloak, ["theme", str(tmp_path / "themes")])
        assert done.exit_code == 0, done.output
        (tmp_path / "themes" / "moyai" / "login" / "left_over.ftl").write_text("")

    write_theme(tmp_path / "themes")
    written = tmp_path / "themes" / "moyai"
    assert _files(written) == _files(FOLDER)
    assert {path.relative_to(written): path.read_bytes() for path in written.rglob("*") if path.is_file()} == {
        path.relative_to(FOLDER): path.read_bytes() for path in FOLDER.rglob("*") if path.is_file()
    }


def test_what_is_not_ours_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "moyai").mkdir()
    (tmp_path / "moyai" / "logo.svg").write_text("theirs")

    with pytest.raises(Conflict) as refused:
        write_theme(tmp_path)

    assert str(tmp_path / "moyai") in refused.value.text("ja")
    assert _files(tmp_path / "moyai") == {Path("logo.svg")}


def test_a_changed_style_sheet_has_another_address() -> None:
    """Keycloak has browsers keep it for a month, under an address that changes with Keycloak's version alone."""
    sheet = (FOLDER / "login" / "resources" / "css" / "moyai.css").read_bytes()

    assert (
        f"styles=css/moyai.css?v={sha256(sheet).hexdigest()[:8]}\n"
        in (FOLDER / "login" / "theme.properties").read_text()
    )


def test_the_mark_is_that_of_the_console() -> None:
    """A browser that comes from one to the other sees one product."""
    console = Path(admin.interface.__file__).parent / "static" / "moyai.svg"

    assert (FOLDER / "login" / "resources" / "img" / "moyai.svg").read_bytes() == console.read_bytes()


def test_both_languages_say_the_same_things() -> None:
    """English leaves out what Keycloak's own English already says well; of ours nothing is missing."""
    for kind in ("login", "email"):
        ours = {
            language: {key for key in _keys(kind, language) if key.startswith("moyai")} for language in ("ja", "en")
        }
        assert ours["ja"] == ours["en"]
        assert ours["ja"]


@pytest.mark.parametrize("kind", ["login", "email"])
def test_nothing_that_keycloak_may_say_is_left_in_english(installation: Installation, kind: str) -> None:
    """Where Japanese is missing Keycloak shows its own English; a newer Keycloak says new things."""
    english: dict[str, str] = {}
    japanese: dict[str, str] = {}
    # The fixture has brought the distribution.
    with ZipFile(KEPT / f"keycloak-{VERSION}/lib/lib/main/org.keycloak.keycloak-themes-{VERSION}.jar") as jar:
        for theme in ("base", "keycloak", "keycloak.v2"):
            for language, found in (("en", english), ("ja", japanese)):
                name = f"theme/{theme}/{kind}/messages/messages_{language}.properties"
                if name in jar.namelist():
                    found |= _messages(jar.read(name).decode())
    japanese |= _messages((FOLDER / kind / "messages" / "messages_ja.properties").read_text(encoding="utf-8"))
    said = {key for key in english if not _NOT_OFFERED.search(key)}

    assert len(said) > 30
    assert {key for key in said if key not in japanese} == set()
    # The login page for a command line names the command to run.
    left = {key: foreign_words(_without_facts(japanese[key]), "moyai", "login") for key in said}
    assert {key: words for key, words in left.items() if words} == {}


_NOT_OFFERED = re.compile(
    r"^(theme\.|credentialOffer|verifiableCredential|did|naturalPerson|delegationScope|saml|kerberos|bypassKerberos"
    r"|gssDelegation|recaptcha|identityProvider|federatedIdentity|unsupportedNameId|noRelayState|event|usb|nfc|bluetooth"
    r"|organization\.|inResource|auth-x509|clientCertificate|console-)",
    re.IGNORECASE,
)
"""What Moyai's realms have switched off: other identity providers, certificates, wallets, mails about each event."""


def _messages(text: str) -> dict[str, str]:
    """The messages of a file of properties, continued lines joined."""
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return {
        key.strip(): value.strip()
        for key, _, value in (line.partition("=") for line in lines if line.strip() and not line.startswith(("#", "!")))
    }


def _without_facts(text: str) -> str:
    """A message without its tags and the facts it is given."""
    return re.sub(r"<[^>]+>|\{\d(?:,choice[^}]*)?\}|\$\{[^}]*\}", " ", text)


def _keys(kind: str, language: str) -> set[str]:
    lines = (FOLDER / kind / "messages" / f"messages_{language}.properties").read_text(encoding="utf-8").splitlines()
    return {line.partition("=")[0] for line in lines if line and not line.startswith("#")}


def _files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
