"""The document itself, and that it names every route and nothing else."""
import html.parser

import openapi_spec_validator
import requests

from contract import normalise

ALWAYS = {"400", "408", "413", "417", "431", "500", "503", "504"}
CHANGES = {"post", "put", "patch", "delete"}


def routes_of(server):
    found = requests.get(f"{server.url}/actuator/mappings", timeout=10).json()["routes"]
    return {(r["method"].lower(), normalise(r["path"])): r for r in found}


def test_it_is_openapi(document):
    openapi_spec_validator.validate(document)


def test_every_route_is_documented_and_every_documented_route_exists(server, contract):
    routes = set(routes_of(server))
    documented = {(op["method"], normalise(op["path"])) for op in contract.operations.values()}
    assert sorted(routes - documented) == []
    assert sorted(documented - routes) == []
    assert len(routes) == len(contract.operations)


def test_callers_limits_and_bodies_are_as_the_routes_say(server, contract):
    problems = []
    routes = routes_of(server)
    for name, op in contract.operations.items():
        route = routes[(op["method"], normalise(op["path"]))]
        statuses = set(op["responses"])
        schemes = {scheme for way in op["security"] for scheme in way}
        needs = bool(op["security"]) and {} not in op["security"]
        expected = {
            "open": not schemes & {"internalToken", "internalHeader"},
            "user": needs and schemes == {"accessToken", "accessCookie"},
            "admin": needs and schemes == {"accessToken", "accessCookie"},
            "internal": needs and schemes == {"internalToken", "internalHeader"},
        }
        if not expected[route["access"]]:
            problems.append(f"{name}: access is {route['access']}, security {op['security']}")
        wanted = set(ALWAYS)
        if route["access"] != "open":
            wanted.add("401")
        if route["access"] in ("admin", "internal") or op["method"] in CHANGES:
            wanted.add("403")
        if route["limit"] != "exempt":
            wanted.add("429")
        elif "429" in statuses and route["repeats"] == "no":
            problems.append(f"{name}: no limit counts it, but 429 is documented")
        if route["body"] != "none":
            wanted.add("415")
        if route["repeats"] != "no":
            wanted |= {"409", "422", "429"}
        takes_key = "Idempotency-Key" in {p["name"] for p in op["parameters"]}
        if takes_key != (route["repeats"] != "no"):
            problems.append(f"{name}: an Idempotency-Key means '{route['repeats']}'")
        if wanted - statuses:
            problems.append(f"{name}: {sorted(wanted - statuses)} are missing")
        reads = "application/json" in op.get("requestBody", {}).get("content", {})
        if reads != (route["body"] != "none"):
            problems.append(f"{name}: the route's body is '{route['body']}'")
        if reads and op["requestBody"].get("required", False) != (route["body"] == "json"):
            problems.append(f"{name}: is the body required or not?")
    assert problems == []


def test_a_copy_at_hand_is_not_sent_again(server):
    for path, media in (("/openapi.json", "application/json"), ("/docs", "text/html; charset=utf-8")):
        first = requests.get(server.url + path, timeout=10)
        assert first.headers["Content-Type"] == media
        known = {"If-None-Match": f'"other", W/{first.headers["ETag"]}'}
        second = requests.get(server.url + path, headers=known, timeout=10)
        assert (second.status_code, second.content) == (304, b"")
        assert second.headers["ETag"] == first.headers["ETag"]
        third = requests.get(server.url + path, headers={"If-None-Match": '"other"'}, timeout=10)
        assert (third.status_code, third.content) == (200, first.content)


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.targets, self.loads = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "a":
            self.targets.append(attributes["href"])
        if tag in ("script", "link", "img", "iframe") or "src" in attributes or "style" in attributes:
            self.loads.append(tag)
        assert not [name for name in attributes if name.startswith("on")]


def test_the_page_shows_every_operation_and_loads_nothing(server, contract):
    answer = requests.get(f"{server.url}/docs/", timeout=10)
    page = Page(answer.text)
    assert page.loads == []
    assert len(page.ids) == len(set(page.ids))
    assert set(contract.operations) <= set(page.ids)
    inside = {"#" + name for name in page.ids}
    assert [t for t in page.targets if t not in inside and t != "/openapi.json"] == []
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_what_the_page_says_is_the_style_it_allows(server):
    import base64
    import hashlib
    import re

    answer = requests.get(f"{server.url}/docs", timeout=10)
    style = re.search(r"<style>(.*?)</style>", answer.text, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]
