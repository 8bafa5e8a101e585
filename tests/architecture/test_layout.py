"""The tree is what ARCHITECTURE.md says, and every file says what it is for."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "headgate"
PACKAGES = sorted(path.parent for path in SOURCE.rglob("__init__.py"))
FOLDERS = {path.name for path in PACKAGES if path.parent == SOURCE}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def python_files(*roots: str) -> list[str]:
    found = (path for root in roots for path in (ROOT / root).rglob("*.py"))
    return sorted(path.relative_to(ROOT).as_posix() for path in found if "/data/" not in path.as_posix())


def test_architecture_lists_exactly_the_folders() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    listed = set(re.findall(r"^ {8}([a-z_]+)/ ", text, flags=re.MULTILINE))
    assert listed == FOLDERS


def test_no_folder_is_empty() -> None:
    for package in PACKAGES:
        others = [path for path in package.iterdir() if path.name not in {"__init__.py", "__pycache__"}]
        assert others, f"{package} holds nothing but __init__.py"


def test_every_folder_with_code_is_a_package() -> None:
    for path in SOURCE.rglob("*.py"):
        if "templates" not in path.parts:
            assert (path.parent / "__init__.py").exists(), path


@pytest.mark.parametrize("name", python_files("src", "tests", "examples", "benchmarks"))
def test_a_file_says_what_it_is_for_and_is_finished(name: str) -> None:
    text = (ROOT / name).read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), f"{name} has no module docstring"
    if name != "tests/architecture/test_layout.py":
        assert not UNFINISHED.search(text), f"{name} is not finished"
    for node in ast.walk(tree):
        raised = node.exc if isinstance(node, ast.Raise) else None
        assert "NotImplementedError" not in (ast.dump(raised) if raised else ""), f"{name}: a stub"
        if isinstance(node, ast.ExceptHandler) and isinstance(node.body[0], ast.Pass):
            line = text.splitlines()[node.body[0].lineno - 1]
            assert "#" in line, f"{name}:{node.lineno} swallows an error and does not say why"


def test_test_files_have_names_of_their_own() -> None:
    names = Counter(Path(name).name for name in python_files("tests"))
    assert [name for name, count in names.items() if count > 1 and name != "conftest.py"] == []


def test_no_test_is_skipped_or_left_to_fail() -> None:
    marks = re.compile(r"pytest\.(mark\.(skip|skipif|xfail)|skip\(|xfail\(|importorskip)")
    here = Path(__file__).name
    tests = [name for name in python_files("tests") if not name.endswith(here)]
    assert [name for name in tests if marks.search((ROOT / name).read_text())] == []
