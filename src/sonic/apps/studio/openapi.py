"""The description of the interface in OpenAPI 3.1, made from the table of routes."""

import re
from http import HTTPStatus
from typing import Any

from sonic import __version__
from sonic.apps.studio.routes import PREFIX, ROUTES, Api

ALWAYS = (401, 403, 421, 429)


def description() -> dict[str, Any]:
    """As GET /api/v1/openapi.json answers it."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route)
    error = {
        "type": "object", "properties": {"kind": {"type": "string"}, "message": {"type": "string"}},
        "required": ["kind", "message"],
    }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sonic Studio",
            "version": __version__,
            "description": (
                "Within /api/v1 names and meanings stay; there may be more of them. Sentences for people come in "
                "English, or as Accept-Language asks: en or zh."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": {"type": "object", "properties": {"error": error}, "required": ["error"]}},
        },
        "security": [{"token": []}, {}],
    }


def _operation(route: Api) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    parameters += [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
        for name, text in route.query.items()
    ]
    words = [re.sub(r"\W", "", part) for part in route.path.split("/") if part]
    operation: dict[str, Any] = {
        "operationId": "_".join([route.method.lower(), *words]),
        "summary": route.summary,
        "tags": [words[0]],
        "parameters": parameters,
        "responses": {str(route.status): _success(route)} | {str(code): _failure(code) for code in _codes(route)},
    }
    if route.body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": route.body}}}
    elif route.path == "/media" and route.method == "POST":
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return operation


def _success(route: Api) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    return answer if route.status == 204 else answer | {"content": {route.gives: {}}}


def _codes(route: Api) -> list[int]:
    return sorted({*ALWAYS, *route.errors})


def _failure(code: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": HTTPStatus(code).phrase, "content": {"application/json": {"schema": schema}}}
