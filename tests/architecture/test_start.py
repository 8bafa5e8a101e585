"""The command line starts light: --help loads none of the heavy libraries.  The time itself is a benchmark's matter."""

import subprocess
import sys

import pytest

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
