"""The JSON Schema of headgate.yaml: for editors, for the reference page, and to say what a key allows.

One description for all three: the types and field descriptions of model.py.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from headgate.policy.model import ProjectPolicy
from headgate.policy.problem import KeyPath, list_words

Node = Mapping[str, Any]
KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


@cache
def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of headgate.yaml."""
    schema = _tidy(ProjectPolicy.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "headgate.yaml", **schema}


def _tidy(node: Any) -> Any:
    """Drop the titles that only repeat names, and close mappings whose names follow a pattern."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _tidy(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    return {**found, "additionalProperties": False} if "patternProperties" in found else found


def nodes_at(path: KeyPath, value: Any) -> tuple[Node, ...]:
    """Return the schema's nodes for a key path; `value` is the document, which says which kind a line is.

    More than one node where alternatives are allowed, none where the schema does not know the path.
    """
    nodes: tuple[Node, ...] = tuple(_open(json_schema(), value))
    for step in path:
        value = _child(value, step)
        nodes = tuple(inner for node in nodes for found in _step(node, step) for inner in _open(found, value))
    return nodes


def allowed_keys(path: KeyPath, value: Any) -> tuple[str, ...]:
    """Return the keys that a mapping at the path may have; none where it may have any."""
    return tuple(key for node in nodes_at(path, value) for key in node.get("properties", ()))


def expected(path: KeyPath, value: Any) -> str:
    """Say in words what the schema wants at a path."""
    words = []
    for node in nodes_at(path, value):
        choices = node.get("enum") or ([node["const"]] if "const" in node else [])
        word = f"one of: {list_words(map(str, choices), 20)}" if choices else KINDS.get(node.get("type", ""), "")
        if word and word not in words:
            words.append(word)
    return " or ".join(words) or "something else"


def _child(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else None


def _step(node: Node, step: str | int) -> Iterator[Node]:
    """Yield what the schema says of one key or item of a node."""
    if isinstance(step, int):
        if "items" in node:
            yield node["items"]
    elif step in node.get("properties", {}):
        yield node["properties"][step]
    elif "patternProperties" in node:
        yield from node["patternProperties"].values()
    elif isinstance(node.get("additionalProperties"), dict):
        yield node["additionalProperties"]


def _open(node: Node, value: Any) -> Iterator[Node]:
    """Follow references and alternatives; a discriminated one is picked by the value's own kind."""
    if "$ref" in node:
        yield from _open(json_schema()["$defs"][node["$ref"].rpartition("/")[2]], value)
    elif "discriminator" in node:
        kind = value.get("kind") if isinstance(value, dict) else None
        mapping = node["discriminator"]["mapping"]
        yield from (
            _open({"$ref": mapping[kind]}, value)
            if isinstance(kind, str) and kind in mapping
            else ({"type": "object"},)
        )
    elif "anyOf" in node:
        for inner in node["anyOf"]:
            yield from _open(inner, value)
    else:
        yield node
