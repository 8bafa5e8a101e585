"""What decides does not act: no file, process, network, clock or dice outside the modules that are named to act."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "headgate"
ACTS = tomllib.loads((Path(__file__).parent / "acts.toml").read_text())
OUTER = tuple(ACTS["outer"])
NAMED: dict[str, str] = ACTS["modules"]
WORLD = {
    *("asyncio", "http.client", "http.server", "multiprocessing", "os", "random", "secrets", "select", "shutil"),
    *("signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib.request"),
}
FILE_CALLS = {
    *("glob", "iterdir", "mkdir", "read_bytes", "read_text", "rglob", "rmdir", "touch", "unlink", "write_bytes"),
    *("write_text", "symlink_to", "hardlink_to"),
}


def deciding() -> list[str]:
    names = (path.relative_to(SOURCE).as_posix() for path in sorted(SOURCE.rglob("*.py")))
    return [name for name in names if not name.startswith(OUTER)]


def touches(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import():
                found |= {alias.name for alias in node.names} & WORLD
            case ast.ImportFrom(module=str(module)):
                found |= ({module} | {f"{module}.{alias.name}" for alias in node.names}) & WORLD
            case ast.Call(func=ast.Attribute(attr=name)) if name in FILE_CALLS:
                found.add(f".{name}()")
            case ast.Call(func=ast.Name(id="open")):
                found.add("open()")
    return found


@pytest.mark.parametrize("name", deciding())
def test_a_module_acts_only_where_it_is_named_to(name: str) -> None:
    found = touches(SOURCE / name)
    if name.endswith("steps.py"):
        return  # the file of a stage that acts
    if name in NAMED:
        assert found, f"{name} no longer acts: take it out of acts.toml"
    else:
        assert not found, f"{name} decides, but uses {', '.join(sorted(found))}: hand it in, or move it to steps.py"


def test_every_named_module_exists_and_says_why() -> None:
    assert set(NAMED) <= set(deciding())
    assert all(len(why) > 10 for why in NAMED.values())
