"""`/openapi.json`, and `/docs`, which shows the same as a plain page without a script or another host."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import orjson

from gateway import comments
from gateway.contract import Operation
from gateway.exchange import Exchange
from gateway.openapi import document
from gateway.static_files import PAGE_HEADERS


class DocsPages:
    """Both pages, rendered once."""

    def __init__(self, openapi: bytes, page: bytes) -> None:
        self._openapi = openapi
        self._page = page

    @classmethod
    def load(cls, operations: Sequence[Operation]) -> DocsPages:
        """Read the comments of the contract and render the pages. Blocks: call it from a thread."""
        described = document(operations, comments.load(), version=_version())
        return cls(orjson.dumps(described, option=orjson.OPT_INDENT_2), _page(described).encode())

    async def openapi(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Serve `GET /openapi.json`."""
        await exchange.respond(200, self._openapi, headers=[(b"cache-control", b"no-cache")])

    async def page(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Serve `GET /docs`."""
        await exchange.respond(200, self._page, content_type=b"text/html; charset=utf-8", headers=PAGE_HEADERS)


def _version() -> str:
    try:
        return importlib.metadata.version("tiku")
    except importlib.metadata.PackageNotFoundError:
        return "0"


def _page(described: dict[str, Any]) -> str:
    groups = "".join(_group(tag, described["paths"]) for tag in described["tags"])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tiku API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">'
        '<link rel="stylesheet" href="/static/base.css"><link rel="stylesheet" href="/static/docs.css"></head>'
        '<body class="reference"><main><h1>Tiku API</h1>'
        f"<p>{escape(described['info']['description'])}</p>"
        '<p>Machine-readable: <a href="/openapi.json">/openapi.json</a> · <a href="/">the page</a></p>'
        f"{groups}</main></body></html>"
    )


def _group(tag: dict[str, str], paths: dict[str, Any]) -> str:
    rows = "".join(
        _operation(verb, path, operation)
        for path, verbs in paths.items()
        for verb, operation in verbs.items()
        if tag["name"] in operation["tags"]
    )
    return f"<section><h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>{rows}</section>"


def _operation(verb: str, path: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}</td>"
        f"<td>{escape(p.get('description', ''))}</td></tr>"
        for p in operation["parameters"]
    )
    bodies = ", ".join(_schema_of(kind, content) for kind, content in _content(operation.get("requestBody")))
    response = operation["responses"]["200"]
    answers = ", ".join(_schema_of(kind, content) for kind, content in _content(response))
    return (
        f'<details><summary><code class="verb {verb}">{verb.upper()}</code> <code>{escape(path)}</code>'
        f" <span>{escape(operation['summary'])}</span></summary><p>{escape(operation['description'])}</p>"
        f"<table><tbody>{parameters}</tbody></table>"
        + (f"<p>Body: {bodies}</p>" if bodies else "")
        + f"<p>Answer: {answers}. {escape(response['description'])}</p></details>"
    )


def _content(part: dict[str, Any] | None) -> list[tuple[str, dict[str, Any]]]:
    return list((part or {}).get("content", {}).items())


def _schema_of(kind: str, content: dict[str, Any]) -> str:
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return f"<code>{escape(kind)}</code>" + (f" <code>{escape(name)}</code>" if name else "")
