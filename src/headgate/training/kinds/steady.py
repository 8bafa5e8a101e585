"""Write a skops file so that the same model gives the same bytes.

skops names objects and files by their address in memory and dates the files of its zip; here they are numbered in the
order in which they appear, and undated. What skops reads back is the same.
"""

import io
import json
import zipfile
from typing import Any

SCHEMA = "schema.json"
UNDATED = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can hold


def steady(data: bytes) -> bytes:
    """Return the skops file with steady names."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w") as new:
        numbers: dict[str, str] = {}
        schema = _renamed(json.loads(old.read(SCHEMA)), numbers)
        files = {_rename_file(name, numbers): old.read(name) for name in old.namelist() if name != SCHEMA}
        for name, content in sorted(files.items()):
            new.writestr(zipfile.ZipInfo(name, UNDATED), content)
        new.writestr(zipfile.ZipInfo(SCHEMA, UNDATED), json.dumps(schema, indent=1))
    return target.getvalue()


def _renamed(node: Any, numbers: dict[str, str]) -> Any:
    """Number every object and file below a node of the schema, in order of appearance."""
    if isinstance(node, list):
        return [_renamed(part, numbers) for part in node]
    if not isinstance(node, dict):
        return node
    done: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__":
            done[key] = int(_number(str(value), numbers))
        elif key == "file" and isinstance(value, str):
            done[key] = _rename_file(value, numbers)
        else:
            done[key] = _renamed(value, numbers)
    return done


def _rename_file(name: str, numbers: dict[str, str]) -> str:
    stem, dot, ending = name.partition(".")
    return _number(stem, numbers) + dot + ending if stem.isdigit() else name


def _number(address: str, numbers: dict[str, str]) -> str:
    return numbers.setdefault(address, str(len(numbers) + 1))
