"""An OpenAPI 3.1 document of everything that the contract declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.contract import Operation, Shape, file_messages, message_of
from gateway.routes import variable_names
from gateway.schemas import Schema, Schemas
from gateway.sse import EventForm

_PROBLEM: Schema = {
    "type": "object",
    "description": "Why a request failed (RFC 9457).",
    "required": ["type", "title", "status", "detail", "reason", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string", "description": "Stable reason in UPPER_SNAKE_CASE."},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
_TIMEOUT_HEADER: Schema = {
    "name": "X-Request-Timeout",
    "in": "header",
    "description": "Seconds after which every hop gives up.",
    "schema": {"type": "number", "minimum": 0.001, "maximum": 3600},
}


def document(operations: Sequence[Operation], comments: Mapping[str, str], *, version: str) -> dict[str, Any]:
    """Return the OpenAPI document of `operations`; `comments` go by the full name of what they describe."""
    schemas = Schemas(comments)
    schemas.components["Problem"] = _PROBLEM
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = paths.setdefault(operation.template.replace("=**}", "}"), {})
        path[operation.verb.lower()] = _operation(operation, comments, schemas)
    services = {operation.method.containing_service for operation in operations}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tiku",
            "version": version,
            "description": "Study material in; cited answers and exercises out. "
            "The same server speaks OpenAI's API under /v1.",
        },
        "tags": [
            {"name": service.name, "description": comments.get(service.full_name, "")}
            for service in sorted(services, key=lambda service: service.full_name)
        ],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.components.items()))},
    }


def _operation(operation: Operation, comments: Mapping[str, str], schemas: Schemas) -> dict[str, Any]:
    method = operation.method
    comment = comments.get(method.full_name, "")
    described: dict[str, Any] = {
        "operationId": f"{method.containing_service.name}_{method.name}",
        "tags": [method.containing_service.name],
        "summary": comment.partition(". ")[0].rstrip(".") if comment else method.name,
        "description": comment,
        "parameters": [*_parameters(operation, schemas), _TIMEOUT_HEADER],
        "responses": {
            "200": _response(operation, schemas),
            "default": {
                "description": "The request failed.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    }
    if body := _request_body(operation, schemas):
        described["requestBody"] = body
    return described


def _parameters(operation: Operation, schemas: Schemas) -> list[Schema]:
    request = operation.method.input_type
    in_path = variable_names(operation.template)
    parameters = [
        {"name": name, "in": "path", "required": True, **_schema_and_text(request.fields_by_name[name], schemas)}
        for name in in_path
        if name in request.fields_by_name
    ]
    if operation.shape is Shape.UPLOAD:
        parts = file_messages(request)
        assert parts is not None
        return parameters + _query_parameters(message_of(parts.description), (), schemas, "")
    if operation.body != "*":
        parameters += _query_parameters(request, (*in_path, operation.body), schemas, "")
    return parameters


def _query_parameters(message: Descriptor, but: Sequence[str], schemas: Schemas, prefix: str) -> list[Schema]:
    found: list[Schema] = []
    for field in message.fields:
        if field.name in but:
            continue
        nested = field.message_type
        if nested is not None and not nested.full_name.startswith("google.protobuf."):
            if not field.is_repeated:
                found += _query_parameters(nested, (), schemas, f"{prefix}{field.name}.")
            continue
        found.append({"name": prefix + field.name, "in": "query", **_schema_and_text(field, schemas)})
    return found


def _schema_and_text(field: FieldDescriptor, schemas: Schemas) -> Schema:
    schema = schemas.field(field)
    text = schema.pop("description", "") if "$ref" not in schema else schema.get("description", "")
    return {"description": text, "schema": schema}


def _request_body(operation: Operation, schemas: Schemas) -> Schema | None:
    request = operation.method.input_type
    if operation.shape is Shape.UPLOAD:
        return _upload_body(request, schemas)
    if not operation.body:
        return None
    schema = (
        schemas.reference(request) if operation.body == "*" else schemas.field(request.fields_by_name[operation.body])
    )
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _upload_body(request: Descriptor, schemas: Schemas) -> Schema:
    parts = file_messages(request)
    assert parts is not None
    fields = {field.name: schemas.field(field) for field in message_of(parts.description).fields}
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {**fields, "file": {"type": "string", "contentMediaType": "application/octet-stream"}},
    }
    return {
        "required": True,
        "description": "A form whose fields stand before its one file, or the file itself with `name` in the query.",
        "content": {"multipart/form-data": {"schema": form}, "application/octet-stream": {}},
    }


def _response(operation: Operation, schemas: Schemas) -> Schema:
    response = operation.method.output_type
    if operation.shape is Shape.DOWNLOAD:
        return {"description": "The file, or the range asked for (206).", "content": {"application/octet-stream": {}}}
    if operation.shape is Shape.EVENTS:
        return _events(operation, schemas)
    return {"description": "Done.", "content": {"application/json": {"schema": schemas.reference(response)}}}


def _events(operation: Operation, schemas: Schemas) -> Schema:
    """Describe the names and the data of server-sent events by an extension; OpenAPI itself has none for them."""
    form = EventForm.of(operation.response)
    message = operation.method.output_type
    if form.wrapped:
        message = message_of(message.fields_by_name[form.wrapped])
    if form.choice:
        cases = {field.name: schemas.field(field) for field in message.oneofs_by_name[form.choice].fields}
    else:
        cases = {"message": schemas.reference(message)}
    cases["error"] = {"$ref": "#/components/schemas/Problem"}
    text = "Server-sent events: " + ", ".join(f"`{name}`" for name in cases) + "."
    if form.number:
        text += " Each carries its number as `id`; `Last-Event-ID` resumes after it."
    return {"description": text, "content": {"text/event-stream": {"x-events": cases}}}
