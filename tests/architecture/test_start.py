"""The command line starts light: --help loads none of the heavy libraries.  The time itself is a benchmark's matter."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headgate.cli.main import build

HEADGATE = str(Path(sys.executable).with_name("headgate"))
HEAVY = ("mlflow", "pandas", "sklearn", "sqlalchemy", "pyarrow", "duckdb", "onnx", "onnxruntime", "pandera", "alembic")
PROBE = """
import sys
from headgate.cli.main import main
sys.argv = ["headgate", *{arguments!r}]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print("LOADED", *sorted({heavy!r} & sys.modules.keys()))
"""


def loaded_by(*arguments: str) -> list[str]:
    script = PROBE.format(arguments=arguments, heavy=set(HEAVY))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.rsplit("LOADED", 1)[1].split()


@pytest.mark.parametrize("arguments", [("--help",), ("train", "--help"), ("--version",)], ids=" ".join)
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert loaded_by(*arguments) == []


def test_a_worker_loads_no_training_library() -> None:
    heavy = {"mlflow", "pandas", "sklearn", "duckdb", "pyarrow", "grpc"}  # gRPC comes with --grpc-port
    script = f"import headgate.gateway.worker, sys; print(*{heavy!r} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


def test_every_command_stands_under_a_heading_of_the_help() -> None:
    app = build()
    entries: list[Any] = [*app.registered_commands, *app.registered_groups]
    assert entries
    assert [entry.name for entry in entries if not isinstance(entry.rich_help_panel, str)] == []


def test_the_shell_completes_commands_and_options() -> None:
    def completed(words: str, place: int) -> list[str]:
        asked = {"_HEADGATE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(place)}
        done = subprocess.run([HEADGATE], env={**os.environ, **asked}, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert {"register", "reproduce", "restore"} <= set(completed("headgate re", 1))
    assert "--because" in completed("headgate promote 1 --be", 3)
