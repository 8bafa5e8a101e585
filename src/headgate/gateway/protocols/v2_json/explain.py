"""Say why a body is no inference request: what a client sees when JSON itself was the matter. Pure."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from headgate.gateway.protocols.v2_json.datatypes import describe
from headgate.gateway.refusal import Refusal, bad
from headgate.registry.field import Field

UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


def explain(body: bytes, error: Exception, inputs: Sequence[Field]) -> Refusal:
    """Return the refusal of a body that could not be decoded."""
    if isinstance(error, msgspec.ValidationError):
        return bad("bad_body", f"the body is not an inference request: {error}")
    if isinstance(error, RecursionError):
        return bad("bad_json", "the body is nested too deeply")
    if (b"NaN" in body or b"Infinity" in body) and (name := _not_finite(body)):
        field = next((field for field in inputs if field.name == name), None)
        expected = f"; expected {describe(field)}" if field else ""
        what = f"input {name!r} holds NaN or Infinity, which JSON cannot carry"
        return bad("bad_json", f"{what}{expected}; missing is null")
    return bad("bad_json", f"the body is not JSON: {error}")


def _not_finite(body: bytes) -> str | None:
    """Return the name of the first input that holds NaN or Infinity, as other JSON readers would read it."""
    try:
        inputs = json.loads(body, parse_constant=_Constant)["inputs"]
        return next((str(tensor["name"]) for tensor in inputs if _holds(tensor["data"])), None)
    except (ValueError, RecursionError, TypeError, LookupError, AttributeError):
        return None


class _Constant(str):
    __slots__ = ()


def _holds(data: Any) -> bool:
    return isinstance(data, _Constant) or (isinstance(data, list) and any(map(_holds, data)))
