"""What the docs say is so: links lead somewhere, commands and options exist, examples load, every event is listed."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from headgate.cli.main import build
from headgate.cli.starter import starter
from headgate.gateway.metrics.catalogue import METRICS
from headgate.policy.load import examine
from headgate.policy.metrics import HIGHER_IS_BETTER

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "headgate"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
HOW_TO = sorted((ROOT / "docs" / "how-to").glob("*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")
INDENTED = re.compile(r"^ {4}(headgate [^#\n]+)", re.MULTILINE)
INLINE = re.compile(r"`(headgate [a-z][^`\n]*)`")


def ids(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [target for target, _ in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@cache
def commands() -> Any:
    return typer.main.get_command(build())


def wrong_with(words: list[str]) -> str:
    """Say which word of a command line the program does not know; nothing where it knows all."""
    command = commands()
    for word in words[1:]:
        inner = getattr(command, "commands", None)
        if inner and not word.startswith("-"):
            if word not in inner:
                return f"no command {word}"
            command = inner[word]
        elif word.startswith("-") and not word.lstrip("-").replace(".", "").isdigit():
            known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            if word.split("=")[0] not in known:
                return f"no option {word}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_command_and_option_exists(page: Path) -> None:
    text = page.read_text()
    lines = [line.split("  ")[0] for line in INDENTED.findall(text)] + INLINE.findall(text)
    wrong = {
        line: wrong_with(shlex.split(line.split(" | ")[0].split("&&")[0])) for line in lines if "..." not in line[-5:]
    }
    assert {line: why for line, why in wrong.items() if why} == {}


@pytest.mark.parametrize("page", HOW_TO, ids=ids)
def test_every_policy_example_loads(page: Path) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL):
        whole = yaml.safe_load(starter("binary", "docs")["headgate.yaml"])
        model = whole["models"]["malignant"]
        model["data"]["columns"] |= {"origin": {"type": "string"}}
        for key, value in yaml.safe_load(block).items():
            (whole if key in ("approval", "settings", "webhooks") else model)[key] = value
        if "ensemble" in model:  # fits nothing, and asks other models
            others = yaml.safe_load(starter("binary", "docs")["headgate.yaml"])["models"]["malignant"]
            whole["models"] |= {member["model"]: others for member in model["ensemble"]["members"].values()}
            model.pop("training", None)
        assert [problem.show(page.name) for problem in examine(yaml.safe_dump(whole))[1]] == []


def test_the_table_of_metrics_is_the_code() -> None:
    text = (ROOT / "docs" / "how-to" / "write-a-scorecard.md").read_text()
    for task, directions in HIGHER_IS_BETTER.items():
        better, worse = (
            ", ".join(name for name, up in directions.items() if up is direction) for direction in (True, False)
        )
        assert f"| {task} | {better} | {worse} |" in text


def recorded_kinds() -> Iterator[str]:
    """Yield the kind of every event that src makes: NewEvent's first argument, constants followed to their values."""
    trees = {path: ast.parse(path.read_text()) for path in SOURCE.rglob("*.py") if "testing" not in path.parts}
    constants = {path: dict(_constants(tree)) for path, tree in trees.items()}
    for path, tree in trees.items():
        imported = _imported(tree, constants)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "NewEvent":
                match node.args[0]:
                    case ast.Constant(value=str(kind)):
                        yield kind
                    case ast.Name(id=name):
                        yield {**imported, **constants[path]}[name]
                    case ast.Attribute(attr="kind"):
                        pass  # an event that is made again from another one
                    case other:
                        pytest.fail(f"{path}: the kind of an event is not a constant: {ast.dump(other)}")


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        names, values = node.targets[0], node.value
        pairs = (
            zip(names.elts, values.elts, strict=False)
            if isinstance(names, ast.Tuple) and isinstance(values, ast.Tuple)
            else [(names, values)]
        )
        for name, value in pairs:
            if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield name.id, value.value


def _imported(tree: ast.Module, constants: dict[Path, dict[str, str]]) -> dict[str, str]:
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("headgate."):
            path = SOURCE.parent / (node.module.replace(".", "/") + ".py")
            for alias in node.names:
                if alias.name in constants.get(path, {}):
                    found[alias.asname or alias.name] = constants[path][alias.name]
    return found


def test_every_kind_of_event_is_listed_and_no_other() -> None:
    listed = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", (ROOT / "docs/reference/events.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(set(recorded_kinds()))


def test_every_metric_is_listed_and_no_other() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text()
    rows = re.findall(r"^\| `(headgate_\w+)` \| (\w+) \| ([^|]*) \| (.*) \|$", page, re.MULTILINE)
    assert rows == [(metric.name, metric.kind, ", ".join(metric.labels), metric.help) for metric in METRICS]


def test_metrics_follow_the_conventions() -> None:
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert not re.search(r"_(ms|us|milliseconds|kb|mb)(_|$)", metric.name), metric.name
        assert metric.help.endswith("."), metric.name
