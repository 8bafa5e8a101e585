"""Write docs/reference from the code: every key of headgate.yaml, every command, every exit code.

`make docs` runs it; a test in tests/architecture fails when what it would write is not what is there.
"""

import inspect
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import typer

from headgate.base import errors
from headgate.cli.main import build
from headgate.policy import model
from headgate.policy.metrics import HIGHER_IS_BETTER
from headgate.policy.schema import json_schema
from headgate.policy.span import show_span

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by `make docs` from the code. -->\n\n"


def pages() -> dict[str, str]:
    """Return file name -> text of every reference page."""
    return {
        "policy.md": NOTE + "\n".join(policy()) + "\n",
        "commands.md": NOTE + "\n".join(commands()) + "\n",
        "headgate.schema.json": json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n",
    }


def policy() -> Iterator[str]:
    """Yield the page of headgate.yaml: one table for each part, the outermost first."""
    yield "# headgate.yaml\n"
    yield "Every key. An unknown key, a wrong type or an impossible value is refused with file, line and key;"
    yield "`headgate check` looks without running anything. Spans are written `90s`, `10m`, `24h`, `14d`. Editors read"
    yield "[headgate.schema.json](headgate.schema.json), which `headgate schema` prints.\n"
    for part in _parts(model.ProjectPolicy):
        yield f"## {_title(part)}\n"
        yield f"{inspect.getdoc(part)}\n"
        yield "| key | type | default | |"
        yield "|---|---|---|---|"
        properties = part.model_json_schema()["properties"]
        for key, field in part.model_fields.items():
            shown = properties[key]
            says = field.description or "What it is: see below."
            yield f"| `{key}` | {_type(shown)} | {_default(field)} | {_cell(says + _bounds(shown))} |"
        yield ""
    yield "## Metrics\n"
    yield "| task | larger is better | smaller is better |"
    yield "|---|---|---|"
    for task, directions in HIGHER_IS_BETTER.items():
        larger, smaller = (", ".join(n for n, up in directions.items() if up is wanted) for wanted in (True, False))
        yield f"| {task} | {larger} | {smaller} |"


def _parts(root: type[model.Part]) -> list[type[model.Part]]:
    """Every part that the root reaches, each once, in the order in which the keys name them."""
    found, waiting = [root], [root]
    while waiting:
        for field in waiting.pop(0).model_fields.values():
            for name in re.findall(r"headgate\.policy\.\w+\.(\w+)", repr(field.annotation)):
                part = getattr(model, name)
                if part not in found:
                    found.append(part)
                    waiting.append(part)
    return found


def _title(part: type[model.Part]) -> str:
    kind = part.model_fields.get("kind")
    return f"A scorecard line: {str(kind.annotation).split(chr(39))[1]}" if kind else part.__name__


def _type(node: dict[str, Any]) -> str:
    match node:
        case {"$ref": reference}:
            said = _link(reference)
        case {"enum": values}:
            said = ", ".join(f"`{value}`" for value in values)
        case {"const": value}:
            said = f"`{value}`"
        case {"anyOf": inner} | {"oneOf": inner}:
            said = " or ".join(dict.fromkeys(_type(one) for one in inner if one.get("type") != "null"))
        case {"type": "array", "items": inner}:
            said = f"list of {_type(inner)}"
        case {"type": "object", "additionalProperties": dict(inner)}:
            said = f"name: {_type(inner)}"
        case {"type": "object", "patternProperties": inner}:
            said = f"name: {_type(next(iter(inner.values())))}"
        case _:
            plain = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "mapping"}
            said = plain.get(node["type"], node["type"])
    return said


def _link(reference: str) -> str:
    title = _title(getattr(model, reference.rsplit("/", 1)[1]))
    anchor = re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
    return f"[{title.removeprefix('A scorecard line: ')}](#{anchor})"


def _default(field: Any) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, timedelta):
        return f"`{show_span(value)}`"
    return (
        "" if isinstance(value, model.Part) or value in (None, (), {}, "") else f"`{json.dumps(value, default=_plain)}`"
    )


def _plain(part: model.Part) -> Any:
    return part.model_dump(mode="json")


def _bounds(node: dict[str, Any]) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    said = [f"{word} {node[key]:g}" for key, word in words.items() if key in node]
    return f" ({', '.join(said)})" if said else ""


def commands() -> Iterator[str]:
    """Yield the page of the command line."""
    yield "# Commands\n"
    yield "Each takes `--help`. What prints takes `--json`. `--debug` before the command shows tracebacks.\n"
    group: Any = typer.main.get_command(build())
    for name, command in group.commands.items():
        yield from _command(f"headgate {name}", command)
    yield "## Exit codes\n"
    yield "| code | meaning |"
    yield "|---|---|"
    yield "| 0 | done |"
    yield "| 1 | the answer is no: a gate not passed, an audit that found something |"
    yield "| 2 | wrong usage of the command line |"
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.HeadgateError)]
    for kind in sorted(kinds, key=lambda kind: kind.exit_code):
        if "exit_code" in vars(kind) and kind is not errors.HeadgateError:
            yield f"| {kind.exit_code} | {kind.__name__}: {inspect.getdoc(kind)} |"


def _command(name: str, command: Any) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is not None:
        for key, nested in inner.items():
            yield from _command(f"{name} {key}", nested)
        return
    yield f"## `{name}`\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    rows = [row for row in map(_parameter, command.params) if row]
    if rows:
        yield "| | |"
        yield "|---|---|"
        yield from rows
        yield ""


def _parameter(parameter: Any) -> str:
    if parameter.name == "help":
        return ""
    is_argument = parameter.param_type_name == "argument"
    written = parameter.name.upper() if is_argument else ", ".join([*parameter.opts, *parameter.secondary_opts])
    return f"| `{written}` | {_cell(parameter.help or '')} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)
        print(f"docs/reference/{name}")
