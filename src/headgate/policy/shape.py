"""Check that plain values have the shape of a policy: keys, types and what one key allows by itself.

Turns what pydantic found into sentences for a person; nothing here reads a file or compares keys with each other.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from headgate.policy.model import ProjectPolicy
from headgate.policy.problem import KeyPath, Problem, list_words, nearest
from headgate.policy.schema import allowed_keys, expected, json_schema, nodes_at

MOST_SHOWN = 60
UNKNOWN = "unknown key"
SECRET = ("database", "tracking", "artefacts", "url")
Found = Mapping[str, Any]


def shape(value: Any) -> tuple[ProjectPolicy | None, tuple[Problem, ...]]:
    """Return the policy that the values form, or None and one problem per key that is wrong."""
    try:
        return ProjectPolicy.model_validate_json(json.dumps(value), strict=True), ()
    except ValidationError as error:
        found: dict[KeyPath, Problem] = {}
        for item in error.errors(include_url=False):
            path = _path(item["loc"], value, item["type"])
            found.setdefault(path, Problem(path, _sentence(item, path, value)))
        return None, tuple(found.values())


def look_up(value: Any, path: KeyPath) -> Any:
    """Return what stands at a path of the document; None where nothing does."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _path(loc: tuple[str | int, ...], value: Any, kind: str) -> KeyPath:
    """Return the document's key path: pydantic's, less the names of alternatives that it puts between."""
    path: list[str | int] = []
    after_line = False
    for position, step in enumerate(loc):
        if after_line and isinstance(step, str):  # the kind of a scorecard line, which may also be one of its keys
            after_line = False
            continue
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
            after_line = path[-1] == "scorecard"
        elif not (kind == "missing" and position == len(loc) - 1):
            continue
        path.append(step)
    return tuple(path)


def _sentence(item: Found, path: KeyPath, value: Any) -> str:
    """Say what is wrong at the path, what is allowed, and the nearest right spelling."""
    kind = item["type"]
    if item["loc"] and item["loc"][-1] == "[key]":
        return _name(path, item)
    if kind in SENTENCES:
        return SENTENCES[kind](item, path, value)
    here = look_up(value, path)
    if here is None:
        return f"is empty; it must be {expected(path, value)}"
    return f"must be {expected(path, value)}, not {_show(here, path)}"


def _unknown(_item: Found, path: KeyPath, value: Any) -> str:
    allowed = allowed_keys(path[:-1], value)
    here = look_up(value, path[:-1])
    free = [key for key in allowed if key not in here] if isinstance(here, dict) else allowed
    return f"{UNKNOWN}.{nearest(path[-1], free)} Allowed here: {list_words(sorted(allowed), 30)}"


def _missing(_item: Found, path: KeyPath, value: Any) -> str:
    described = [node["description"] for node in nodes_at(path[:-1], value) if "description" in node]
    field = next((p["description"] for p in _properties(path, value) if "description" in p), "".join(described[:1]))
    return f"this key is missing. {field}".rstrip()


def _properties(path: KeyPath, value: Any) -> list[Mapping[str, Any]]:
    parents = nodes_at(path[:-1], value)
    return [node["properties"][path[-1]] for node in parents if path[-1] in node.get("properties", {})]


def _choice(_item: Found, path: KeyPath, value: Any) -> str:
    here, nodes = look_up(value, path), nodes_at(path, value)
    if any("enum" not in node for node in nodes):  # words are one alternative of several
        return f"must be {expected(path, value)}, not {_show(here, path)}"
    choices = [word for node in nodes for word in node["enum"]]
    return f"{_show(here, path)} is not allowed.{nearest(here, choices)} Allowed: {list_words(choices)}"


def _kind(item: Found, path: KeyPath, value: Any) -> str:
    kinds = [kind.strip("' ") for kind in item["ctx"]["expected_tags"].split(",")]
    here = look_up(value, (*path, "kind"))
    return f"{_show(here, path)} is no kind of line.{nearest(here, kinds)} Allowed: {list_words(kinds)}"


def _no_kind(_item: Found, _path: KeyPath, _value: Any) -> str:
    lines = json_schema()["$defs"]["ModelPolicy"]["properties"]["scorecard"]["items"]
    return f"the line's kind is missing. Allowed: {list_words(sorted(lines['discriminator']['mapping']))}"


def _name(path: KeyPath, item: Found) -> str:
    if item["type"] == "string_pattern_mismatch":
        return f"{path[-1]!r} is not a name: lower-case letters, digits, - and _, a letter first, at most 63"
    return "a key here is a word, and not empty"


def _pattern(_item: Found, path: KeyPath, value: Any) -> str:
    if path[-1:] in (("secret_env",), ("url_env",)):  # somebody may have pasted the secret itself: never shown
        return "must be the name of an environment variable, such as HOOK_SECRET; a secret itself stays out of the file"
    shown = _show(look_up(value, path), path)
    return f"{shown} is not a name: lower-case letters, digits, - and _, a letter first, at most 63"


def _bound(words: str) -> Callable[[Found, KeyPath, Any], str]:
    def sentence(item: Found, path: KeyPath, value: Any) -> str:
        bound = next(iter(item["ctx"].values()))
        return f"must be {words} {bound}, not {_show(look_up(value, path), path)}"

    return sentence


def _said(item: Found, path: KeyPath, value: Any) -> str:
    return f"{item['ctx']['error']}, not {_show(look_up(value, path), path)}"


def _short(_item: Found, path: KeyPath, value: Any) -> str:
    return f"may not be empty; it must be {expected(path, value)}"


def _whole(_item: Found, path: KeyPath, value: Any) -> str:
    return f"must be a whole number, not {_show(look_up(value, path), path)}"


SENTENCES: Mapping[str, Callable[[Found, KeyPath, Any], str]] = {
    "extra_forbidden": _unknown,
    "missing": _missing,
    "literal_error": _choice,
    "union_tag_invalid": _kind,
    "union_tag_not_found": _no_kind,
    "string_pattern_mismatch": _pattern,
    "greater_than": _bound("greater than"),
    "greater_than_equal": _bound("at least"),
    "less_than": _bound("less than"),
    "less_than_equal": _bound("at most"),
    "value_error": _said,
    "string_too_short": _short,
    "too_short": _short,
    "int_from_float": _whole,
}


def _show(value: Any, path: KeyPath) -> str:
    """Return a value as the file writes it, cut short; addresses may hold passwords and are never shown."""
    if path and path[-1] in SECRET:
        return "what it is"
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "..."
