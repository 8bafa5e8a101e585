"""The locked requirements are names and versions only, and hold everything that pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines}


OTHERS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("benchmarks/rivals/*/requirements.txt"))


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-torch.txt", *OTHERS])
def test_lines_are_name_and_version(name: str) -> None:
    for line in (ROOT / name).read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), line


def test_the_tools_of_development_stand_on_the_same_versions() -> None:
    dev = locked("requirements-dev.txt")
    assert {name: dev.get(name) for name in locked("requirements.txt")} == locked("requirements.txt")
    assert not locked("requirements-torch.txt").keys() & dev.keys()


@pytest.mark.parametrize(
    ("extras", "name"),
    [
        (("demo",), "requirements.txt"),
        (("demo", "dev", "postgres", "s3", "lightgbm", "xgboost"), "requirements-dev.txt"),
    ],
)
def test_what_pyproject_asks_for_is_locked_and_allowed(extras: tuple[str, ...], name: str) -> None:
    found = locked(name)
    asked = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    for requirement in map(Requirement, asked):
        if requirement.name != "headgate":
            assert requirement.specifier.contains(found[canonicalize_name(requirement.name)]), requirement
