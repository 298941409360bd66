"""Usage: openapi_documents.py docs/openapi.yaml OUT_DIR

Run by the build. Checks the OpenAPI document and writes to OUT_DIR:

  openapi.json           what /openapi.json serves
  docs.html              what /docs serves: one page that loads nothing, without scripts
  openapi_documents.cpp  both, for the program
"""
import base64
import hashlib
import html
import json
import pathlib
import re
import sys

import yaml

METHODS = ("get", "post", "put", "patch", "delete")


class Loader(yaml.SafeLoader):
    """Refuses a key that stands twice; plain YAML keeps the last one without a word."""


def construct_mapping(loader, node):
    seen = set()
    for key, _ in node.value:
        if key.tag != "tag:yaml.org,2002:merge":
            if key.value in seen:
                raise SystemExit(f"{key.start_mark}: '{key.value}' stands twice")
            seen.add(key.value)
    loader.flatten_mapping(node)
    return dict(
        (loader.construct_object(k, deep=True), loader.construct_object(v, deep=True))
        for k, v in node.value
    )


Loader.add_constructor("tag:yaml.org,2002:map", construct_mapping)
# Dates and times stay the texts that they are.
Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(path):
    document = yaml.load(pathlib.Path(path).read_text(encoding="utf-8"), Loader)
    for shared in [key for key in document if key.startswith("x-")]:
        del document[shared]
    return document


def resolve(document, ref):
    at = document
    for part in ref.removeprefix("#/").split("/"):
        at = at[part]
    return at


def follow(document, thing):
    while "$ref" in thing:
        thing = resolve(document, thing["$ref"])
    return thing


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item, item[method]


def check(document):
    """What a reader of the source does not see at once."""
    problems = []
    used = set()

    def visit(thing):
        if isinstance(thing, dict):
            ref = thing.get("$ref")
            if isinstance(ref, str):
                used.add(ref)
                try:
                    resolve(document, ref)
                except (KeyError, TypeError):
                    problems.append(f"{ref} leads nowhere")
            for key, value in thing.items():
                # An unquoted comma inside {...} ends a text and begins a key.
                if value is None:
                    problems.append(f"'{key}' has no value; quote the text before it")
                visit(value)
        elif isinstance(thing, list):
            for value in thing:
                visit(value)

    visit(document)
    for kind, entries in document["components"].items():
        if kind != "securitySchemes":
            for name in entries:
                if f"#/components/{kind}/{name}" not in used:
                    problems.append(f"components/{kind}/{name} is not used")
    ids = set()
    tags = {tag["name"] for tag in document["tags"]}
    for method, path, item, op in operations(document):
        where = f"{method.upper()} {path}"
        if op.get("operationId") in ids or not op.get("operationId"):
            problems.append(f"{where}: needs an operationId of its own")
        ids.add(op.get("operationId"))
        if not str(op.get("summary", "")).endswith("."):
            problems.append(f"{where}: needs a sentence as its summary")
        if "security" not in op:
            problems.append(f"{where}: does not say who may call")
        problems += [f"{where}: unknown tag {tag}" for tag in op["tags"] if tag not in tags]
        declared = {
            follow(document, p)["name"]
            for p in item.get("parameters", []) + op.get("parameters", [])
            if follow(document, p)["in"] == "path"
        }
        if declared != set(re.findall(r"{(\w+)}", path)):
            problems.append(f"{where}: path parameters {sorted(declared)} do not fit")
    if problems:
        raise SystemExit("\n".join(["docs/openapi.yaml:"] + problems))


# -- the page --------------------------------------------------------------------------------------

STYLE = """
:root{--ink:#1c2430;--soft:#5b6675;--line:#d9dee5;--paper:#fff;--tint:#f5f7f9;--link:#0b5cad;
--get:#1f7a3f;--post:#0b5cad;--put:#9a5b00;--patch:#6b3fa0;--delete:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#9aa5b3;--line:#343c47;--paper:#14181d;
--tint:#1c2229;--link:#7ab8ff;--get:#5ec07f;--post:#7ab8ff;--put:#e0a64a;--patch:#b694e8;
--delete:#ff8a80}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;color:var(--ink);background:var(--paper);font:15px/1.5 system-ui,sans-serif;
display:grid;grid-template-columns:19rem minmax(0,1fr)}
a{color:var(--link);text-decoration:none}a:hover,a:focus-visible{text-decoration:underline}
code,pre,.path{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9em}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;border-right:1px solid var(--line);
background:var(--tint);font-size:13px}
nav summary{font-weight:600;cursor:pointer;padding:.25rem 0}
nav ul{list-style:none;margin:0 0 .5rem;padding:0}
nav li a{display:flex;gap:.5rem;color:var(--ink);padding:.1rem 0}
nav .method{min-width:3.4rem}
main{padding:1.5rem 2rem 4rem;max-width:64rem}
h1{margin:0 0 .25rem}h2{margin:2.5rem 0 .5rem;padding-bottom:.3rem;border-bottom:2px solid var(--line)}
h3{margin:0;font-size:1rem;font-weight:600;overflow-wrap:anywhere}h4{margin:1rem 0 .3rem;font-size:.85rem;color:var(--soft);
text-transform:uppercase;letter-spacing:.04em}
.soft{color:var(--soft)}
.method{font:700 .75rem/1.6 ui-monospace,Menlo,Consolas,monospace;text-transform:uppercase}
.get{color:var(--get)}.post{color:var(--post)}.put{color:var(--put)}.patch{color:var(--patch)}
.delete{color:var(--delete)}
article{border:1px solid var(--line);border-radius:8px;padding:1rem 1.25rem;margin:1rem 0}
article:target,.schema:target{outline:2px solid var(--link)}
article p{margin:.4rem 0}
table{border-collapse:collapse;width:100%;font-size:.92em}
td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-top:1px solid var(--line)}
th{font-weight:600;color:var(--soft)}
pre{background:var(--tint);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;overflow:auto;
margin:.4rem 0}
dl.object{margin:.2rem 0 .2rem .1rem;border-left:2px solid var(--line);padding-left:.8rem}
dl.object dt{margin-top:.25rem}dl.object dd{margin:0 0 0 1rem}
.name{font-weight:600}.optional{color:var(--soft);font-style:italic}
.status{font-weight:700}
details>summary{cursor:pointer}
.errors a{margin-right:.6rem;white-space:nowrap}
@media(max-width:56rem){body{display:block}nav{position:static;height:auto;border-right:0;
border-bottom:1px solid var(--line)}main{padding:1rem}}
@media print{nav{display:none}body{display:block}}
"""

ACCESS = {
    "accessToken": "access token",
    "accessCookie": "cookie access_token",
    "refreshCookie": "cookie refresh_token",
    "internalToken": "internal token",
    "internalHeader": "header x-internal-token",
}


def text(value):
    """A sentence or paragraphs: `code` and **bold**, nothing else."""
    out = html.escape(str(value), quote=False)
    out = re.sub(r"`([^`]+)`", r"<code>\1</code>", out)
    return re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", out)


def paragraphs(value):
    parts = re.split(r"\n\s*\n", str(value).strip())
    return "".join(f"<p>{text(part)}</p>" for part in parts)


def name_of(ref):
    return ref.rsplit("/", 1)[1]


def limits(schema):
    words = []
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        words.append(f"{low} to {high}")
    elif low is not None:
        words.append(f"at least {low}")
    elif high is not None:
        words.append(f"at most {high}")
    for least, most, unit in (("minLength", "maxLength", "characters"), ("minItems", "maxItems", "items")):
        low, high = schema.get(least), schema.get(most)
        if low is not None and high is not None:
            words.append(f"{low} to {high} {unit}")
        elif low is not None:
            words.append(f"at least {low} {unit}")
        elif high is not None:
            words.append(f"at most {high} {unit}")
    if schema.get("uniqueItems"):
        words.append("no two alike")
    if "default" in schema:
        words.append(f"default {schema['default']}")
    return ", ".join(words)


def short(schema):
    """The type in one line; objects are opened by `shape`."""
    if "$ref" in schema:
        name = name_of(schema["$ref"])
        return f'<a href="#schema-{name}">{name}</a>'
    if "const" in schema:
        return f"<code>{html.escape(json.dumps(schema['const']))}</code>"
    if "enum" in schema:
        return " | ".join(f"<code>{html.escape(json.dumps(v))}</code>" for v in schema["enum"])
    for key, word in (("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")):
        if key in schema:
            return word.join(short(s) for s in schema[key])
    kind = schema.get("type", "anything")
    kinds = kind if isinstance(kind, list) else [kind]
    out = " or ".join(kinds)
    if "array" in kinds and "items" in schema:
        out += f" of {short(schema['items'])}"
    if "format" in schema:
        out += f" ({schema['format']})"
    if "contentSchema" in schema:
        out += f" with JSON of {short(schema['contentSchema'])}"
    return out


def is_open(schema):
    return any(key in schema for key in ("properties", "allOf", "oneOf", "anyOf")) or (
        isinstance(schema.get("additionalProperties"), dict)
    )


def shape(schema):
    """What is inside an object, property by property; nothing for plain values and references."""
    if "$ref" in schema:
        return ""
    if "items" in schema:
        return shape(schema["items"])
    for key, word in (("oneOf", "or"), ("anyOf", "or"), ("allOf", "and")):
        if key in schema:
            inner = [
                f"<p>{short(s)}</p>" if "$ref" in s or not is_open(s) else shape(s) for s in schema[key]
            ]
            return f'<p class="soft">{word}</p>'.join(inner)
    out = ""
    required = schema.get("required", [])
    for name, value in schema.get("properties", {}).items():
        optional = "" if name in required else ' <span class="optional">optional</span>'
        about = [short(value)]
        if "$ref" not in value:
            about.append(limits(value))
        about.append(text(value.get("description", "")))
        about = ". ".join(part.rstrip(".") for part in about if part)
        out += f'<dt><code class="name">{html.escape(name)}</code>{optional} <span class="soft">{about}</span></dt>'
        inner = shape(value)
        if inner:
            out += f"<dd>{inner}</dd>"
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        out += f'<dt><i>any name</i> <span class="soft">{short(extra)}</span></dt>'
        if shape(extra):
            out += f"<dd>{shape(extra)}</dd>"
    return f'<dl class="object">{out}</dl>' if out else ""


def example(value):
    shown = json.dumps(value, indent=2, ensure_ascii=False)
    return f"<pre>{html.escape(shown, quote=False)}</pre>"


def content(document, body):
    out = ""
    for media, entry in body.get("content", {}).items():
        schema = entry.get("schema", {})
        out += f'<p><code>{html.escape(media)}</code>'
        if "$ref" in schema or not is_open(schema):
            out += f" {short(schema) if schema else 'bytes'}"
        out += f"</p>{shape(schema)}"
        shown = entry.get("example", follow(document, schema).get("example"))
        if shown is not None and isinstance(shown, (dict, list)):
            out += example(shown)
    return out


def article(document, method, path, item, op):
    out = f'<article id="{op["operationId"]}"><h3><span class="method {method}">{method}</span> '
    out += f'<a class="path" href="#{op["operationId"]}">{html.escape(path)}</a></h3>'
    out += f"<p>{text(op['summary'])}</p>"
    if "description" in op:
        out += paragraphs(op["description"])
    ways = [" and ".join(ACCESS[name] for name in way) if way else "nobody in particular" for way in op["security"]]
    who = "Anybody may call." if not ways or ways == ["nobody in particular"] else f"Caller: {', or '.join(ways)}."
    out += f'<p class="soft">{who}</p>'
    parameters = [follow(document, p) for p in item.get("parameters", []) + op.get("parameters", [])]
    if parameters:
        out += "<h4>Parameters</h4><table>"
        for p in parameters:
            about = ". ".join(part.rstrip(".") for part in (limits(p["schema"]), text(p.get("description", ""))) if part)
            need = "" if p.get("required") else ' <span class="optional">optional</span>'
            out += f'<tr><td><code class="name">{html.escape(p["name"])}</code>{need}</td>'
            out += f'<td>{p["in"]}</td><td>{short(p["schema"])}</td><td>{about}</td></tr>'
        out += "</table>"
    if "requestBody" in op:
        body = follow(document, op["requestBody"])
        out += f"<h4>Body{'' if body.get('required') else ' (optional)'}</h4>{content(document, body)}"
    out += "<h4>Answers</h4>"
    errors = ""
    for status in sorted(op["responses"]):
        ref = op["responses"][status]
        answer = follow(document, ref)
        if status >= "400" and "$ref" in ref:
            name = name_of(ref["$ref"])
            errors += f'<a href="#response-{name}" title="{html.escape(answer["description"])}">{status}</a>'
            continue
        out += f'<div><span class="status">{status}</span> {text(answer["description"])}'
        if answer.get("headers"):
            out += f' <span class="soft">Headers: {", ".join(f"<code>{h}</code>" for h in answer["headers"])}.</span>'
        out += f"{content(document, answer)}</div>"
    if errors:
        out += f'<div class="errors"><span class="soft">Refusals:</span> {errors}</div>'
    return out + "</article>"


def page(document):
    info = document["info"]
    by_tag = {tag["name"]: [] for tag in document["tags"]}
    for method, path, item, op in operations(document):
        by_tag[op["tags"][0]].append((method, path, item, op))
    nav = body = ""
    for tag in document["tags"]:
        name = tag["name"]
        links = "".join(
            f'<li><a href="#{op["operationId"]}"><span class="method {method}">{method}</span>'
            f"<span>{html.escape(op['operationId'])}</span></a></li>"
            for method, _, _, op in by_tag[name]
        )
        nav += f"<details open><summary>{name}</summary><ul>{links}</ul></details>"
        body += f'<section><h2 id="tag-{name}">{name}</h2><p>{text(tag["description"])}</p>'
        body += "".join(article(document, *entry) for entry in by_tag[name]) + "</section>"
    components = document["components"]
    body += '<section><h2 id="refusals">Refusals</h2>'
    refusals = {}
    for _, _, _, op in operations(document):
        for status, answer in op["responses"].items():
            if status >= "400" and "$ref" in answer:
                refusals[name_of(answer["$ref"])] = status
    for name, status in sorted(refusals.items(), key=lambda entry: entry[1]):
        answer = components["responses"][name]
        body += f'<article class="schema" id="response-{name}"><h3>{status} {name}</h3><p>{text(answer["description"])}</p>'
        body += f"{content(document, answer)}</article>"
    body += '</section><section><h2 id="schemas">Schemas</h2>'
    for name, schema in sorted(components["schemas"].items()):
        body += f'<article class="schema" id="schema-{name}"><h3>{name}</h3>'
        if "description" in schema:
            body += f"<p>{text(schema['description'])}</p>"
        about = ", ".join(part for part in ("" if is_open(schema) else short(schema), limits(schema)) if part)
        body += (f'<p class="soft">{about}</p>' if about else "") + shape(schema) + "</article>"
    body += "</section>"
    nav += '<p><a href="#refusals">Refusals</a><br><a href="#schemas">Schemas</a><br><a href="/openapi.json">openapi.json</a></p>'
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{info['title']} API</title><style>{STYLE}</style></head><body>"
        f'<nav aria-label="Operations"><p><b>{info["title"]}</b> {info["version"]}</p>{nav}</nav>'
        f"<main><h1>{info['title']} API</h1><p>{text(info['summary'])}</p>{paragraphs(info['description'])}{body}</main>"
        "</body></html>\n"
    )


# -- for the program -------------------------------------------------------------------------------


def raw(name, value):
    """Compilers need not take literals of more than 64 KiB, so the text is cut."""
    mark = "tiketi_doc"
    assert f"){mark}" not in value
    data = value.encode()
    pieces = []
    while data:
        end = min(len(data), 16000)
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[:end].decode())
        data = data[end:]
    lines = ",\n".join(f'    R"{mark}({piece}){mark}"' for piece in pieces)
    return f"constexpr std::string_view {name}[] = {{\n{lines}}};\n"


def code(document_json, document_page):
    tag = lambda value: '\\"' + hashlib.sha256(value.encode()).hexdigest()[:16] + '\\"'
    style = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return (
        "// Made by tools/lib/openapi_documents.py.\n"
        '#include "net/routes/docs.hpp"\n\n'
        "namespace tiketi::net {\n\nnamespace {\n\n"
        + raw("json_pieces", document_json)
        + "\n"
        + raw("page_pieces", document_page)
        + "\n} // namespace\n\n"
        "const embedded_document openapi_document{\n"
        f'    json_pieces, "application/json", "{tag(document_json)}", ""}};\n\n'
        "const embedded_document docs_document{\n"
        f'    page_pieces, "text/html; charset=utf-8", "{tag(document_page)}",\n    "{policy}"}};\n\n'
        "} // namespace tiketi::net\n"
    )


def main():
    source, out = sys.argv[1], pathlib.Path(sys.argv[2])
    document = load(source)
    check(document)
    document_json = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    document_page = page(document)
    out.mkdir(parents=True, exist_ok=True)
    (out / "openapi.json").write_text(document_json, encoding="utf-8")
    (out / "docs.html").write_text(document_page, encoding="utf-8")
    (out / "openapi_documents.cpp").write_text(code(document_json, document_page), encoding="utf-8")


if __name__ == "__main__":
    main()
