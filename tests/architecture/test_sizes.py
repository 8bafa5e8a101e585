"""Files, functions and classes stay small; what is larger is listed in limits.toml, and the list may only tighten."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "headgate"
LIMITS = tomllib.loads((Path(__file__).parent / "limits.toml").read_text())
SLACK = 10  # lines that a listed one may lie under its number before the number must follow

Sizes = dict[str, int]


def modules() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), path.read_text()


def files() -> Sizes:
    return {name: text.count("\n") for name, text in modules()}


def parts(*kinds: type[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]) -> Sizes:
    return {
        f"{name}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for name, text in modules()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kinds)
    }


def complaints(sizes: Sizes, limit: int, listed: Sizes) -> list[str]:
    large = [f"{name}: {size} lines, at most {listed.get(name, limit)}" for name, size in sizes.items()]
    large = [line for line, (name, size) in zip(large, sizes.items(), strict=True) if size > listed.get(name, limit)]
    gone = [f"{name} is listed and no longer exists" for name in listed if name not in sizes]
    fits = [f"{name} fits: take it off the list" for name in listed if sizes.get(name, limit + 1) <= limit]
    loose = [
        f"{name}: lower its number to {sizes[name]}"
        for name, most in listed.items()
        if name in sizes and limit < sizes[name] < most - SLACK
    ]
    return large + gone + fits + loose


def test_files_are_small() -> None:
    assert complaints(files(), LIMITS["file"], LIMITS["files"]) == []


def test_functions_are_small() -> None:
    sizes = parts(ast.FunctionDef, ast.AsyncFunctionDef)
    assert complaints(sizes, LIMITS["function"], LIMITS["functions"]) == []


def test_classes_are_small() -> None:
    assert complaints(parts(ast.ClassDef), LIMITS["class"], LIMITS["classes"]) == []


def test_most_functions_are_very_small() -> None:
    sizes = sorted(parts(ast.FunctionDef, ast.AsyncFunctionDef).values())
    assert sizes[len(sizes) // 2] <= 10


def test_the_list_itself_is_held_to_the_code() -> None:
    assert complaints({"a.py": 300}, 250, {}) == ["a.py: 300 lines, at most 250"]
    assert complaints({"a.py": 300}, 250, {"a.py": 320}) == ["a.py: lower its number to 300"]
    assert complaints({"a.py": 200}, 250, {"a.py": 320}) == ["a.py fits: take it off the list"]
    assert complaints({}, 250, {"a.py": 320}) == ["a.py is listed and no longer exists"]
