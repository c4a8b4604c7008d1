"""A browser in a few lines: real HTTP, cookies as they come, redirects followed one by one, forms filled in.

Keycloak's cookies and ours are `Secure`, also on http://localhost: browsers send them there, Python's own jar does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urljoin, urlsplit

import httpx


@dataclass
class Form:
    """A form of a page: where it posts and what is in its fields."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Browser:
    """Remembers cookies by host, port and path, and follows redirects."""

    def __init__(self) -> None:
        self.cookies: dict[str, dict[str, str]] = {}
        """By host and port. A cookie of a path has it behind its name: the realms of a Keycloak use the same names."""
        self.set_cookies: list[str] = []
        """Every Set-Cookie line that came, as it came."""
        self.visited: list[str] = []
        self.going_to = ""
        """The address last asked for, whether or not anybody answered there."""
        self._client = httpx.Client(timeout=30, follow_redirects=False, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def get(self, url: str, *, follow: bool = True, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._go("GET", url, follow, headers=headers)

    def post(
        self, url: str, fields: dict[str, str], *, follow: bool = True, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return self._go("POST", url, follow, data=fields, headers=headers)

    def cookie(self, url: str, name: str) -> str | None:
        return _sent_to(self.cookies.get(urlsplit(url).netloc, {}), urlsplit(url).path or "/").get(name)

    def put_cookie(self, url: str, name: str, value: str) -> None:
        self.cookies.setdefault(urlsplit(url).netloc, {})[name] = value

    def _go(
        self, method: str, url: str, follow: bool, *, data: dict[str, str] | None = None, headers: dict[str, str] | None
    ) -> httpx.Response:
        for _ in range(12):
            place = urlsplit(url).netloc
            kept = self.cookies.setdefault(place, {})
            sent = dict(headers or {})
            if here := _sent_to(kept, urlsplit(url).path):
                sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in here.items())
            self.going_to = url
            answer = self._client.request(method, url, data=data, headers=sent)
            self.visited.append(url)
            for line in answer.headers.get_list("set-cookie"):
                self.set_cookies.append(line)
                for plain, morsel in SimpleCookie(line).items():
                    name = plain if morsel["path"] in ("", "/") else f"{plain};{morsel['path']}"
                    if morsel["max-age"] == "0" or not morsel.value or "1970" in morsel["expires"]:
                        kept.pop(name, None)
                    else:
                        kept[name] = morsel.value
            if not follow or not answer.has_redirect_location:
                return answer
            url = urljoin(url, answer.headers["location"])
            method, data = "GET", None
        raise AssertionError(f"too many redirects: {self.visited[-12:]}")


def _sent_to(kept: dict[str, str], path: str) -> dict[str, str]:
    """The cookies that go to this path, by their plain names."""
    sent: dict[str, str] = {}
    for name, value in kept.items():
        plain, _, of_path = name.partition(";")
        if path.startswith(of_path):
            sent[plain] = value
    return sent


def forms(page: str) -> list[Form]:
    """The forms of a page with their fields as they stand."""
    reader = _FormReader()
    reader.feed(page)
    return reader.found


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(has.get("action", ""), has.get("method", "get")))
        elif tag == "input" and self.found and has.get("name"):
            self.found[-1].fields[has["name"]] = has.get("value", "")
