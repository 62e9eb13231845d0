"""Holds an OpenAPI document to its standard, and answers of a server to what the document says of them.

openapi.py valid FILE            is the document valid OpenAPI? prints its operations
openapi.py answers URL PATH...   is what these GETs answer of the form that the document served there describes?
"""

import json
import sys
import urllib.error
import urllib.request

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012


def valid(path):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    validate(document)
    return [f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item]


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return response.status, response.headers["Content-Type"], response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()


def operation_of(document, path):
    """The GET operation of a path, and the path as the document has it."""
    parts = path.split("?")[0].split("/")
    for template, item in document["paths"].items():
        places = template.split("/")
        if len(places) == len(parts) and all(p == q or p.startswith("{") for p, q in zip(places, parts)):
            return item["get"]
    raise SystemExit(f"{path} is not described")


def answers(url, paths):
    document = json.loads(get(f"{url}/api/v1/openapi.json")[2])
    registry = Registry().with_resource("urn:document", Resource(contents=document, specification=DRAFT202012))
    wrong = []
    for path in paths:
        status, kind, body = get(url + path)
        response = operation_of(document, path)["responses"][str(status)]
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].split("/")[-1]]
        kind = kind.split(";")[0]
        if kind not in response["content"]:
            wrong.append(f"{path}: {status} as {kind}, which is not described")
        elif kind.endswith("json"):
            schema = absolute(response["content"][kind]["schema"])
            validator = Draft202012Validator(schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
            wrong += [f"{path}: {list(e.absolute_path)}: {e.message[:500]}" for e in validator.iter_errors(json.loads(body))]
    return wrong


def absolute(schema):
    """The schema with references that name the document."""
    if isinstance(schema, dict):
        return {k: "urn:document" + v if k == "$ref" and v.startswith("#") else absolute(v) for k, v in schema.items()}
    if isinstance(schema, list):
        return [absolute(item) for item in schema]
    return schema


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["valid", path]:
            print(json.dumps(valid(path)))
        case ["answers", url, *paths]:
            print(json.dumps(answers(url, paths)))
        case _:
            raise SystemExit(__doc__)
