"""The commands that read, keep and mend the state, on a real project folder."""

import io
import json
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from headgate.adapters.sql.store import SqlEventStore
from headgate.base.digest import Json
from headgate.cli import backup, journal, webhook
from headgate.cli.output import open_project
from headgate.journal.chain import verify_chain
from headgate.journal.event import NewEvent
from headgate.testing.waiting import LONGEST

HOOKS = """\
webhooks:
  chat: { url: "https://example.com/x", secret_env: CHAT_SECRET }
"""


@pytest.fixture
def folder(small_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHAT_SECRET", "topsecret")
    policy = small_project / "headgate.yaml"
    policy.write_text(policy.read_text() + HOOKS)
    store = opened(small_project)
    news = [NewEvent("person.noted", "person:ada", "first", {"name": "ada"})]
    store.append("project", 0, news)
    store.append("model/churn", 0, [NewEvent("run.finished", "person:ada", "", {"run": str(n)}) for n in range(3)])
    store.close()
    return small_project


def opened(folder: Path) -> SqlEventStore:
    store = open_project(folder).journal()
    assert isinstance(store, SqlEventStore)
    return store


def run(*arguments: str) -> Result:
    app = typer.Typer()
    for noun in (journal, backup, webhook):
        noun.attach(app)
    return CliRunner().invoke(app, list(arguments))


def lines(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_journal_prints_filtered_events_as_json_lines(folder: Path) -> None:
    at = ["-C", str(folder), "--json"]
    assert [event["position"] for event in lines(run("journal", *at))] == [1, 2, 3, 4]
    assert [event["body"]["run"] for event in lines(run("journal", *at, "--model", "churn", "-n", "2"))] == ["1", "2"]
    assert [event["kind"] for event in lines(run("journal", *at, "--kind", "person.*"))] == ["person.noted"]
    assert lines(run("journal", *at, "--actor", "process:*")) == []
    assert lines(run("journal", *at, "--since", "2999-01-01T00:00+00:00")) == []
    shown = run("journal", "-C", str(folder))
    assert "person.noted" in shown.stdout
    assert "first" in shown.stdout


def test_journal_for_people_is_short_and_whole_with_full(folder: Path) -> None:
    store, digest = opened(folder), "sha256:" + "ab" * 32
    body: dict[str, Json] = {"version": "1", "digest": digest, "lines": [{"why": "x" * 4000}]}
    store.append("model/churn", 3, [NewEvent("verdict.given", "person:ada", "asked for", body)])
    store.close()
    shown = run("journal", "-C", str(folder), "-n", "1").stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["5", "asked", "digest"]
    assert all(len(line) < 120 for line in shown)
    full = run("journal", "-C", str(folder), "-n", "1", "--full").stdout
    assert digest in full
    assert "x" * 4000 in full


@pytest.mark.parametrize("time", ["yesterday", "2026-03-01T12:00"])
def test_a_time_without_a_zone_is_refused_with_an_example(folder: Path, time: str) -> None:
    result = run("journal", "-C", str(folder), "--since", time)
    assert result.exit_code == 4
    assert f"--since {time}" in result.stderr
    assert "zone" in result.stderr
    assert "1h, 14d" in result.stderr


def test_since_takes_a_span_back_from_now(folder: Path) -> None:
    assert "person.noted" in run("journal", "-C", str(folder), "--since", "1h").stdout
    assert run("journal", "-C", str(folder), "--since", "1ms").stdout == ""


def test_follow_prints_what_happens_later(folder: Path) -> None:
    code = (
        "import typer; from headgate.cli import journal; app = typer.Typer(); journal.attach(app);"
        "app.command('x')(lambda: None); app()"
    )
    command = [sys.executable, "-c", code, "journal", "-C", str(folder), "--json", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [json.loads(process.stdout.readline())["position"] for _ in range(4)]
        opened(folder).append("project", 1, [NewEvent("person.noted", "person:ada", "", {"name": "bob"})])
        seen.append(json.loads(process.stdout.readline())["position"])
        process.send_signal(2)
        assert process.wait(LONGEST) == 0
    assert seen == [1, 2, 3, 4, 5]


def test_a_backup_under_way_of_writers_is_restored_whole(folder: Path, tmp_path: Path) -> None:
    """The head of the backup never runs ahead of its journal; what came after is gone, and kept aside."""
    stop, store = threading.Event(), opened(folder)

    def write() -> None:
        at = 1
        while not stop.is_set():
            at = store.append("project", at, [NewEvent("a.b", "person:ada", "", {"n": at})])[-1].sequence

    writer = threading.Thread(target=write)
    writer.start()
    kept = tmp_path / "kept.tgz"
    result = run("backup", str(kept), "-C", str(folder))
    stop.set()
    writer.join()
    assert result.exit_code == 0, result.output
    assert kept.stat().st_mode & 0o777 == 0o600
    last = store.last()
    store.close()
    assert last is not None

    refused = run("restore", str(kept), "-C", str(folder))
    assert refused.exit_code == 3
    assert "there is a state already" in refused.stderr
    assert run("restore", str(kept), "-C", str(folder), "--force").exit_code == 0
    restored = opened(folder)
    head = restored.head()
    assert verify_chain(restored.read(), head) is None
    end = restored.last()
    assert end is not None
    assert 4 <= head.position <= end.position <= last.position
    restored.append("model/churn", 3, [NewEvent("a.b", "person:ada", "goes on", {})])
    restored.close()
    (former,) = folder.glob(".headgate.before-*")
    with sqlite3.connect(former / "headgate.db") as connection:
        assert connection.execute("SELECT max(position) FROM events").fetchone() == (last.position,)
    connection.close()
    assert not list(folder.glob("..headgate.restore-*"))


def test_a_head_kept_elsewhere_is_in_the_backup_and_comes_back_with_it(folder: Path, tmp_path: Path) -> None:
    """A head that ran on would rightly call the restored journal cut."""
    policy = folder / "headgate.yaml"
    head = tmp_path / "elsewhere" / "head.json"
    policy.write_text(policy.read_text() + f"settings: {{ head: {head}, state: other }}\n")
    store = opened(folder)
    event = NewEvent("a.b", "person:ada", "", {})
    store.append("project", 0, [event])
    assert run("backup", str(tmp_path / "kept.tar"), "-C", str(folder)).exit_code == 0
    store.append("project", 1, [event])
    store.close()
    shutil.rmtree(folder / "other")
    refused = run("restore", str(tmp_path / "kept.tar"), "-C", str(folder))
    assert (refused.exit_code, str(head) in refused.stderr) == (3, True)
    assert run("restore", str(tmp_path / "kept.tar"), "-C", str(folder), "--force").exit_code == 0
    restored = opened(folder)
    assert restored.head().position == 1
    assert restored.append("project", 1, [event])[0].position == 2
    restored.close()


def test_a_backup_overwrites_nothing_and_is_not_its_own_content(folder: Path) -> None:
    inside = folder / ".headgate" / "kept.tar"
    assert run("backup", str(inside), "-C", str(folder)).exit_code == 0
    again = run("backup", str(inside), "-C", str(folder))
    assert again.exit_code == 3
    assert "this file exists" in again.stderr
    with tarfile.open(inside) as tar:
        names = tar.getnames()
    assert "state/kept.tar" not in names
    assert any(name.endswith("head.json") for name in names)
    assert names[-1] == "backup.json"
    assert not [name for name in names if name.endswith(("-wal", "-shm"))]


def evil(path: Path, change: Callable[[tarfile.TarFile], None]) -> Path:
    with tarfile.open(path, "w") as tar:
        change(tar)
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        info.size = 1 if kind == tarfile.REGTYPE else 0
        tar.addfile(info, io.BytesIO(b"x") if info.size else None)

    return add


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (member("../outside"), "would land outside"),
        (member("/etc/outside"), "would land outside"),
        (member("state/../../outside"), "would land outside"),
        (member("state//x"), "would land outside"),
        (member("state/link", tarfile.SYMTYPE, "/etc/passwd"), "is no plain file"),
        (member("state/link", tarfile.LNKTYPE, "state/x"), "is no plain file"),
        (member("state/pipe", tarfile.FIFOTYPE), "is no plain file"),
        (lambda tar: (member("state/x")(tar), member("state/x")(tar), None)[-1], "is there twice"),
        (member("state/x"), "no readable list"),
    ],
)
def test_a_file_that_is_no_honest_backup_changes_nothing(
    folder: Path, tmp_path: Path, change: Callable[[tarfile.TarFile], None], why: str
) -> None:
    before = sorted(folder.rglob("*"))
    result = run("restore", str(evil(tmp_path / "evil.tar", change)), "-C", str(folder), "--force")
    assert result.exit_code == 4
    assert why in result.stderr
    assert sorted(folder.rglob("*")) == before
    assert not list(tmp_path.rglob("outside"))


def test_a_damaged_or_cut_backup_changes_nothing(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.tar"
    assert run("backup", str(kept), "-C", str(folder)).exit_code == 0
    whole = kept.read_bytes()
    place = whole.index(b"SQLite format 3") + 5000
    kept.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    damaged = run("restore", str(kept), "-C", str(folder), "--force")
    assert (damaged.exit_code, "not what was backed up: state/" in damaged.stderr) == (7, True), damaged.output
    for cut in (0, 100, len(whole) // 2):
        kept.write_bytes(whole[:cut])
        assert run("restore", str(kept), "-C", str(folder), "--force").exit_code == 4
    assert run("restore", str(tmp_path / "none.tar"), "-C", str(folder), "--force").exit_code == 4
    assert opened(folder).last() is not None


def found(folder: Path, code: int) -> dict[str, dict[str, str]]:
    result = run("doctor", "-C", str(folder), "--json")
    assert result.exit_code == code, result.output
    return {finding["name"]: finding for finding in json.loads(result.stdout)}


def test_doctor_finds_a_well_project_well(folder: Path) -> None:
    findings = found(folder, 0)
    assert {finding["level"] for finding in findings.values()} <= {"ok", "warn"}
    assert "4 events" in findings["database"]["said"]
    assert "the last 4 events are whole" in findings["chain"]["said"]
    assert findings["signed head"]["said"] == "holds, at event 4"
    assert set(findings) >= {"state folder", "disk", "clock", "registry", "webhook chat"}
    assert "webhook chat" in run("doctor", "-C", str(folder)).stdout


def test_doctor_fails_on_what_does_not_work_and_says_the_way_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAT_SECRET")
    database = folder / ".headgate" / "headgate.db"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE events SET reason = 'x', at = '2999-01-01T00:00:00.000000+00:00' WHERE position = 4")
    connection.close()
    findings = found(folder, 1)
    assert findings["webhook chat"]["said"] == "CHAT_SECRET is not set"
    assert findings["webhook chat"]["way_out"] == "set it where `headgate tick` runs"
    assert findings["chain"]["said"].startswith("event 4 edited")
    assert findings["clock"]["level"] == "fail"
    assert "recorded at 2999-01-01" in findings["clock"]["said"]
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM events WHERE position >= 3")
    connection.close()
    assert found(folder, 1)["signed head"]["said"].startswith("event 3 truncated")


def test_webhook_list_and_replay(folder: Path) -> None:
    at = ["-C", str(folder), "--json"]
    (row,) = json.loads(run("webhook", "list", *at).stdout)
    assert (row["webhook"], row["done"], row["why"]) == ("chat", 0, "new: starts with the next `headgate tick`")
    assert run("webhook", "replay", "chat", "--from", "2", *at).exit_code == 0
    (row,) = json.loads(run("webhook", "list", *at).stdout)
    assert row["position"] == 1
    unknown = run("webhook", "replay", "pager", "--from", "1", "-C", str(folder))
    assert unknown.exit_code == 4
    assert "there is no webhook pager" in unknown.stderr
    assert "the project has: chat" in unknown.stderr
    assert "chat" in run("webhook", "list", "-C", str(folder)).stdout


def test_help_comes_fast_without_the_heavy_libraries() -> None:
    code = "import sys, headgate.cli.journal, headgate.cli.backup, headgate.cli.webhook; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sqlalchemy", "alembic", "httpx", "mlflow", "pandas", "cryptography", "rich.table"} & set(loaded)
