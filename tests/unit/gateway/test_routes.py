"""Path templates and the table of routes."""

from __future__ import annotations

import pytest

from gateway.routes import RouteTable, variable_names


@pytest.fixture
def table() -> RouteTable[str]:
    """Routes of each form."""
    table: RouteTable[str] = RouteTable()
    table.add("GET", "/docs", "list")
    table.add("POST", "/docs", "create")
    table.add("GET", "/docs/{id}", "get")
    table.add("DELETE", "/docs/{id}", "delete")
    table.add("POST", "/docs/{id}:parse", "parse")
    table.add("POST", "/docs:import", "import")
    table.add("GET", "/docs/{doc.id}/parts/{part}", "part")
    table.add("GET", "/files/{path=**}", "file")
    return table


@pytest.mark.parametrize(
    ("path", "verb", "handler", "variables"),
    [
        ("/docs", "POST", "create", {}),
        ("/docs/7", "DELETE", "delete", {"id": "7"}),
        ("/docs/7:parse", "POST", "parse", {"id": "7"}),
        ("/docs:import", "POST", "import", {}),
        ("/docs/7/parts/a.b", "GET", "part", {"doc.id": "7", "part": "a.b"}),
        ("/files/a/b/c.js", "GET", "file", {"path": "a/b/c.js"}),
    ],
)
def test_a_path_finds_its_handler(
    table: RouteTable[str], path: str, verb: str, handler: str, variables: dict[str, str]
) -> None:
    match = table.find(path)
    assert match is not None
    assert (match.handlers[verb], match.variables) == (handler, variables)


@pytest.mark.parametrize(
    "path", ["/", "/docs/", "/docs/7/", "/docs/7:burn", "/docs/7:parse/x", "/files/", "/xdocs", "/docs/a/b"]
)
def test_what_is_not_declared_is_not_found(table: RouteTable[str], path: str) -> None:
    assert table.find(path) is None


def test_a_verb_is_declared_once(table: RouteTable[str]) -> None:
    with pytest.raises(ValueError, match="declared twice"):
        table.add("GET", "/docs/{id}", "again")


def test_variables_are_listed() -> None:
    assert variable_names("/a/{b.c}/{d=**}:verb") == ["b.c", "d"]
