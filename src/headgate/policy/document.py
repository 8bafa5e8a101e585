"""YAML text as plain values that remember their lines.

Reads the YAML 1.2 core schema (so `no` is a word and `1e-4` a number). Refuses duplicate keys, tags, merge keys, keys
that are not text, numbers that are not finite, and documents too large, too deep or blown up by anchors. Builds no
object but dict, list, str, int, float, bool and None.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from headgate.policy.problem import KeyPath, Problem

MOST_BYTES = 1 << 18
MOST_VALUES = 50_000
MOST_DEPTH = 40

NULL = re.compile(r"|~|null|Null|NULL")
BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
INT = re.compile(r"[-+]?[0-9]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
MOST_DIGITS = 300
PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "seq", "map"))


@dataclass(slots=True)
class Document:
    """A parsed file.

    Attributes:
        value: Plain values: dict, list, str, int, float, bool, None.
        lines: Key path -> 1-based line where the key (or the list item) stands; the top is ``()``.
        problems: What was refused; what they concern is left out of `value`.
    """

    value: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, path: KeyPath) -> int:
        """Return the line of a key, or of the nearest key above it that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def parse(text: str) -> Document:
    """Read YAML text; what is wrong is in the document's problems, never raised."""
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = error.problem or error.context or "cannot be read"
        return Document(problems=[Problem((), f"this is not YAML: {why}", _line(mark, text))])
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        why = str(error).splitlines()[0] if str(error) else "it is nested too deeply"
        return Document(problems=[Problem((), f"this is not YAML: {why}", 1)])
    document = Document()
    if node is not None:
        document.lines[()] = node.start_mark.line + 1
        document.value = _Builder(document).build(node, (), node)
    return document


def _line(mark: Any, text: str) -> int:
    last = text.count("\n") + (not text.endswith("\n"))
    return 1 if mark is None else min(mark.line + 1, max(last, 1))


class _TooLargeError(Exception):
    """The document holds more than a policy can."""


class _Builder:
    """Turns composed nodes into plain values, within bounds."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._built = 0
        self._open: list[yaml.Node] = []

    def build(self, node: yaml.Node, path: KeyPath, place: yaml.Node) -> Any:
        """Return the node's value; `place` is where its key stands."""
        try:
            return self._value(node, path, place)
        except _TooLargeError as error:
            self._refuse(path, place, str(error))
            return None

    def _value(self, node: yaml.Node, path: KeyPath, place: yaml.Node) -> Any:
        self._built += 1
        if self._built > MOST_VALUES:
            raise _TooLargeError(f"more than {MOST_VALUES} values, anchors counted as often as they are used")
        if len(path) > MOST_DEPTH:
            raise _TooLargeError(f"nested deeper than {MOST_DEPTH} levels")
        if any(node is outer for outer in self._open):
            raise _TooLargeError("an anchor that holds itself")
        if node.tag not in PLAIN_TAGS:
            self._refuse(path, place, f"the tag {node.tag} is not allowed; write the plain value")
            return None
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return self._sequence(node, path)
            return self._scalar(node, path, place)
        finally:
            self._open.pop()

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str) or key == "<<" or LONE_SURROGATE.search(key):
                self._refuse(path, key_node, "a key is a word; merge keys (<<) and keys of lists are not allowed")
                continue
            inner = (*path, key)
            if key in found:
                first = self._document.lines[inner]
                self._refuse(inner, key_node, f"this key stands twice, first on line {first}; keep one of them")
                continue
            self._document.lines[inner] = key_node.start_mark.line + 1
            found[key] = self._value(value_node, inner, key_node)
        return found

    def _sequence(self, node: yaml.SequenceNode, path: KeyPath) -> list[Any]:
        found = []
        for position, item in enumerate(node.value):
            inner = (*path, position)
            self._document.lines[inner] = item.start_mark.line + 1
            found.append(self._value(item, inner, item))
        return found

    def _scalar(self, node: yaml.Node, path: KeyPath, place: yaml.Node) -> Any:
        text = node.value
        if LONE_SURROGATE.search(text):
            self._refuse(path, place, "holds half of a character (a lone surrogate)")
            return None
        if not isinstance(node, yaml.ScalarNode) or node.style is not None:
            return text
        if NOT_FINITE.fullmatch(text) or (FLOAT.fullmatch(text) and not _is_finite(text)):
            self._refuse(path, place, f"{text[:40]} is not a finite number")
            return None
        return _resolve(text)

    def _refuse(self, path: KeyPath, place: yaml.Node, what: str) -> None:
        self._document.problems.append(Problem(path, what, place.start_mark.line + 1))


def _is_finite(text: str) -> bool:
    return len(text) <= MOST_DIGITS and math.isfinite(float(text))


def _resolve(text: str) -> Any:
    """Return what a plain scalar means in the YAML 1.2 core schema."""
    if NULL.fullmatch(text):
        return None
    if BOOL.fullmatch(text):
        return text.lower() == "true"
    if INT.fullmatch(text):
        return int(text)
    return float(text) if FLOAT.fullmatch(text) else text
