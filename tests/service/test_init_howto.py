"""The training script in docs/how-to/bring-your-own-model.md runs as it is printed, in a starter project."""

import os
import re
import subprocess
import sys
from pathlib import Path

from headgate.cli.starter import starter
from headgate.testing.waiting import LONGEST

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "bring-your-own-model.md"


def test_the_recorded_script_registers_a_version(tmp_path: Path) -> None:
    (script,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    for name, text in starter("binary", "mine").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    policy = tmp_path / "headgate.yaml"
    text = policy.read_text().replace("file: features.py #", "file: null #")
    policy.write_text(re.sub(r"inputs: \[.*\]", "inputs: [radius, texture]", text))
    (tmp_path / "fit.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "fit.py"],
        cwd=tmp_path,
        env={**os.environ, "HEADGATE_ACTOR": "ada"},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "number='1'" in done.stdout
