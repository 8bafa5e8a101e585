"""MLflow keeps the registry's contract: on SQLite with files, on PostgreSQL with S3, and behind its own server."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.adapters.mlflow.registry import MlflowRegistry
from headgate.base.errors import BadInput, Unavailable
from headgate.registry.ports import Registry
from headgate.testing.postgres import fresh_database
from headgate.testing.registry_contract import RegistryContract, make_bundle, record
from headgate.testing.waiting import LONGEST, wait_for


class OverMlflow(RegistryContract):
    @pytest.fixture
    def model(self) -> str:
        return f"m{uuid.uuid4().hex[:12]}"

    def test_a_model_is_downloaded_by_its_uri(
        self, registry: Registry, model: str, bundle: Path, tmp_path: Path
    ) -> None:
        version = registry.register(record(model, bundle), bundle, None, "person:ada")
        got = registry.download(f"models:/{model}/{version.number}", tmp_path / "by model")
        assert (got / "MLmodel").is_file()
        assert (registry.download(f"runs:/{version.run}/model", tmp_path / "by run") / "bundle").is_dir()
        with pytest.raises(BadInput, match="MLflow has no such model"):
            registry.download(f"models:/{model}/99", tmp_path / "none")


class TestSqliteAndFiles(OverMlflow):
    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, tmp_path_factory: pytest.TempPathFactory) -> Registry:
        folder = tmp_path_factory.mktemp("mlflow")
        return MlflowRegistry(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artefacts"), "contract")


class TestPostgresAndS3(OverMlflow):
    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls) -> Iterator[Registry]:
        import boto3
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer(port=0)
        server.start()
        host, port = server.get_host_and_port()
        settings = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "MLFLOW_S3_ENDPOINT_URL": f"http://{host}:{port}",
        }
        with pytest.MonkeyPatch.context() as patch, fresh_database() as url:
            for key, value in settings.items():
                patch.setenv(key, value)
            boto3.client("s3", endpoint_url=settings["MLFLOW_S3_ENDPOINT_URL"]).create_bucket(Bucket="artefacts")
            yield MlflowRegistry(url, "s3://artefacts/headgate", "contract")
        server.stop()


class TestTrackingServer(OverMlflow):
    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
        folder = tmp_path_factory.mktemp("server")
        port = free_port()
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{folder / 'server.db'}", "--artifacts-destination", str(folder)]
        log = (folder / "server.log").open("w")
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={**os.environ})
        try:
            url = f"http://127.0.0.1:{port}/health"
            wait_for(
                lambda: answers(url) or process.poll() is not None, "it answers", (folder / "server.log").read_text
            )
            assert process.poll() is None, (folder / "server.log").read_text()
            yield MlflowRegistry(f"http://127.0.0.1:{port}", "", "contract")
        finally:
            process.terminate()
            process.wait(LONGEST)
            log.close()


def free_port() -> int:
    """Return a port that is free, below those that the kernel gives to whoever asks for any: it stays free."""
    least = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in range(least - 1 - os.getpid() % 5000, 1024, -1):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=LONGEST) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


@pytest.mark.filterwarnings("ignore::UserWarning")  # MLflow's own, of its own type hints
def test_any_mlflow_client_answers_through_a_version(small_project: Path) -> None:
    """What `mlflow.pyfunc.load_model` gives is what the bundle answers."""
    import mlflow
    import pandas as pd

    from headgate.training.steps import start
    from headgate.wiring import Project

    project = Project.open(small_project)
    start(project.bench("churn", print), "person:ada").through("register")
    mlflow.set_tracking_uri(f"sqlite:///{project.state / 'mlflow.db'}")
    frame = pd.DataFrame({"age": [20.0, 70.0, None], "plan": ["small", "large", "small"]})
    answered = mlflow.pyfunc.load_model("models:/churn/1").predict(frame)
    run = mlflow.search_runs(experiment_names=["small/churn"])
    assert answered["probability"].tolist()[0] > answered["probability"].tolist()[1]
    assert 0.5 < run["metrics.roc_auc"][0] <= 1
    assert run["metrics.roc_auc/plan:small"][0] > 0
    assert run["params.strength"][0] == "1.0"
    assert run["tags.headgate.digest"][0].startswith("sha256:")


def test_no_password_is_shown_when_the_server_is_away(tmp_path: Path) -> None:
    registry = MlflowRegistry("http://ada:secret@127.0.0.1:9", "", "contract")
    with pytest.raises(Unavailable) as caught:
        registry.register(record("m", make_bundle(tmp_path / "b", "m", "w")), tmp_path / "b", None, "person:ada")
    assert "secret" not in str(caught.value)
    assert "http://127.0.0.1" in str(caught.value)


def test_a_project_that_was_moved_brings_its_artefacts_and_a_copy_keeps_to_its_own(
    small_project: Path, tmp_path: Path
) -> None:
    from headgate.training.steps import start
    from headgate.wiring import Project

    first = Project.open(small_project)
    start(first.bench("churn", print), "person:ada").through("register")
    version = first.registry().version("churn", "1")
    copied, moved = tmp_path / "copied", tmp_path / "moved"
    shutil.copytree(small_project, copied)
    # Copied, it reads what lies in the copy, though the former place is still there
    for bundle in (copied / ".headgate" / "artefacts").rglob("bundle.json"):
        bundle.write_text(bundle.read_text() + " ")
    got = Project.open(copied).registry().fetch(version, "bundle", tmp_path / "of the copy")
    assert (got / "bundle.json").read_text().endswith(" ")
    # Moved, its version can be fetched, and the next one is stored in the new place alone
    small_project.rename(moved)
    project = Project.open(moved)
    project.registry().fetch(version, "record", tmp_path / "record")
    project.registry().fetch(version, "bundle", tmp_path / "bundle")
    policy = moved / "headgate.yaml"
    policy.write_text(policy.read_text().replace("strength: 1.0", "strength: 0.5"))
    assert start(Project.open(moved).bench("churn", print), "person:ada").through("register").version == "2"
    assert not small_project.exists()
    second = Project.open(moved).registry().version("churn", "2")
    Project.open(moved).registry().fetch(second, "bundle", tmp_path / "second")


@pytest.mark.parametrize(
    ("said", "way_out"),
    [
        ("(sqlite3.OperationalError) database or disk is full", "free disk space, then repeat"),
        ("[Errno 28] No space left on device", "free disk space, then repeat"),
        ("unable to open database file", "start the tracking server"),
    ],
)
def test_a_full_disk_is_not_taken_for_a_server_that_is_away(tmp_path: Path, said: str, way_out: str) -> None:
    class Full:
        def search_experiments(self, **_asked: object) -> None:
            raise OSError(said)

    registry = MlflowRegistry(f"sqlite:///{tmp_path}/mlflow.db", "", "contract")
    registry.__dict__["_client"] = Full()
    with pytest.raises(Unavailable, match="MLflow did not do it") as caught:
        registry.ping()
    assert caught.value.way_out.startswith(way_out)
    assert caught.value.where == f"sqlite:///{tmp_path}/mlflow.db"


OPEN = """
import os, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from headgate.adapters.mlflow.registry import MlflowRegistry
left = int(sys.argv[2])
@event.listens_for(Engine, "before_cursor_execute")
def count(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)
MlflowRegistry(f"sqlite:///{sys.argv[1]}/mlflow.db", sys.argv[1], "p").ping()
print(-left)
"""


def test_killed_while_the_store_is_made_the_next_process_makes_it(tmp_path: Path) -> None:
    """Killed before so many statements of the database: at the first, and in the middle of MLflow's migrations."""
    command = [sys.executable, "-c", OPEN, str(tmp_path)]
    for statement in (1, 100, 300):
        killed = subprocess.run([*command, str(statement)], stderr=subprocess.DEVNULL, check=False)
        assert killed.returncode == -9
        assert not (tmp_path / "mlflow.db").exists()
    again = subprocess.run([*command, "-1"], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert int(again.stdout) > 400, "the last was killed after the migrations"
    assert sorted(path.name for path in tmp_path.glob("mlflow.db*")) == ["mlflow.db"]
