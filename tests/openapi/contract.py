"""Compares answers and requests with the document."""
import copy
import json
import re

import jsonschema_rs

METHODS = ("get", "post", "put", "patch", "delete")
APPLICATORS = ("allOf", "anyOf", "oneOf")


def normalise(path):
    """`/api/v1/events/{eventId}` and `/api/events/{id}` are one path."""
    path = re.sub(r"^/api/v1/", "/api/", path)
    return re.sub(r"{\w+}", "{}", path)


def follow(document, thing):
    while "$ref" in thing:
        at = document
        for part in thing["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        thing = at
    return thing


def strict(schema, closed=True):
    """The schema, but a property that it does not name is a mistake. In the document itself objects
    stay open, so that clients expect more to come."""
    if not isinstance(schema, dict):
        return schema
    out = dict(schema)
    for key in APPLICATORS:
        if key in out:
            out[key] = [strict(s, closed=False) for s in out[key]]
    if "properties" in out:
        out["properties"] = {name: strict(s) for name, s in out["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(out.get(key), dict):
            out[key] = strict(out[key])
    shaped = any(key in out for key in ("$ref", "properties", *APPLICATORS))
    if closed and shaped and "additionalProperties" not in out:
        out["unevaluatedProperties"] = False
    return out


class Contract:
    def __init__(self, document):
        self.document = document
        self.components = copy.deepcopy(document["components"])
        self.components["schemas"] = {
            name: strict(schema, closed=False) for name, schema in self.components["schemas"].items()
        }
        self.validators = {}
        self.operations = {}
        # What only a node with other parts answers, such as one of a cluster.
        self.elsewhere = {}
        for path, item in document["paths"].items():
            for method in METHODS:
                if method in item:
                    op = dict(item[method])
                    op["method"] = method
                    op["path"] = path
                    op["parameters"] = [
                        follow(document, p)
                        for p in item.get("parameters", []) + op.get("parameters", [])
                    ]
                    op["responses"] = {
                        status: follow(document, answer) for status, answer in op["responses"].items()
                    }
                    if "requestBody" in op:
                        op["requestBody"] = follow(document, op["requestBody"])
                    to = self.elsewhere if "x-needs" in op else self.operations
                    to[op["operationId"]] = op

    def problems(self, schema, value):
        # By identity: the schemas live as long as the document.
        validator = self.validators.get(id(schema))
        if validator is None:
            validator = jsonschema_rs.Draft202012Validator(
                {**strict(schema), "components": self.components}, validate_formats=True
            )
            self.validators[id(schema)] = validator
        return [
            f"{'/'.join(map(str, e.instance_path))}: {e.message[:300]}" for e in validator.iter_errors(value)
        ]

    def check_request(self, op, body):
        schema = op["requestBody"]["content"]["application/json"]["schema"]
        validator = jsonschema_rs.Draft202012Validator(
            {**schema, "components": self.document["components"]}, validate_formats=True
        )
        found = [e.message for e in validator.iter_errors(body)]
        assert not found, f"{op['operationId']}: the document does not allow this request: {found}"

    def check_answer(self, op, answer):
        """Status, content type, headers and body; `answer` is one of requests."""
        name, media, content = self.check_head(op, answer)
        if content is None:
            assert not answer.content, f"{name} with a body: {answer.text[:200]}"
        elif media == "application/json":
            found = self.problems(content[media]["schema"], answer.json())
            assert not found, f"{name}: {found}\n{answer.text[:1000]}"

    def check_event(self, op, event):
        """One event of a stream: its name and what its data holds."""
        schema = op["responses"]["200"]["content"]["text/event-stream"]["schema"]
        found = self.problems(schema, event)
        assert not found, f"{op['operationId']}: {found}\n{str(event)[:1000]}"
        kinds = {s["properties"]["event"]["const"]: s for s in schema.get("oneOf", [schema])}
        data = json.loads(event["data"])
        found = self.problems(kinds[event["event"]]["properties"]["data"]["contentSchema"], data)
        assert not found, f"{op['operationId']}, {event['event']}: {found}\n{event['data'][:1000]}"
        return event["event"], data

    def check_head(self, op, answer):
        """All but the body."""
        name = f"{op['operationId']} answered {answer.status_code}"
        expected = op["responses"].get(str(answer.status_code))
        assert expected is not None, f"{name}, which is not in the document: {answer.text[:500]}"
        for header, rule in expected.get("headers", {}).items():
            rule = follow(self.document, rule)
            if header not in answer.headers:
                assert not rule.get("required"), f"{name} without {header}"
                continue
            value = answer.headers[header]
            if rule["schema"].get("type") == "integer":
                value = int(value)
            found = self.problems(rule["schema"], value)
            assert not found, f"{name}, {header}: {found}"
        media = answer.headers.get("Content-Type", "").split(";")[0]
        content = expected.get("content")
        assert content is None or media in content, f"{name} with the content type '{media}'"
        return name, media, content
