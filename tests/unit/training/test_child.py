"""What the process that trains prints when the user's code raises."""

import json
from pathlib import Path

import pytest

from headgate.training.child import main


def test_a_traceback_begins_in_the_users_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEADGATE_DEBUG", raising=False)
    (tmp_path / "train.py").write_text("raise ValueError('no rows')\n")
    spec = {"seed": 1, "code": str(tmp_path), "file": "train.py", "error": str(tmp_path / "error.json")}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    assert main(tmp_path / "spec.json") == 1
    printed = capsys.readouterr().err
    assert "ValueError: no rows" in printed
    assert f'File "{tmp_path / "train.py"}", line 1' in printed
    assert "child.py" not in printed
    assert "importlib" not in printed
    monkeypatch.setenv("HEADGATE_DEBUG", "1")
    assert main(tmp_path / "spec.json") == 1
    assert "child.py" in capsys.readouterr().err
