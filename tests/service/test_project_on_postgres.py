"""The same project folder on PostgreSQL and S3, by settings alone: from training to an audited promotion."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headgate.testing.postgres import fresh_database


@pytest.fixture
def elsewhere(small_project: Path) -> Iterator[dict[str, str]]:
    """Return the settings of a project whose state lies on PostgreSQL and S3, as environment variables."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    s3 = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "MLFLOW_S3_ENDPOINT_URL": f"http://{host}:{port}",
    }
    client = boto3.client(
        "s3",
        endpoint_url=s3["MLFLOW_S3_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="artefacts")
    with fresh_database() as journal, fresh_database() as tracking:
        yield {
            **s3,
            "HEADGATE_DATABASE": journal,
            "HEADGATE_TRACKING": tracking,
            "HEADGATE_ARTEFACTS": "s3://artefacts/small",
            "HEADGATE_KEYS": str(small_project / "keys"),
        }
    server.stop()


def test_from_training_to_promotion(small_project: Path, elsewhere: dict[str, str]) -> None:
    def headgate(*words: str, code: int = 0) -> Any:
        command = [sys.executable, "-m", "headgate.cli.main", *words, "--json", "-C", str(small_project)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **elsewhere})
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    (small_project / ".headgate" / "mlflow.db").unlink()
    for name, voucher in (("ada", ()), ("grace", ("--as", "ada"))):
        headgate("person", "add", name, *voucher)
    headgate("approve", "--scorecard", "--as", "grace", "--because", "the bar")
    assert headgate("train", "--as", "ada")["version"] == "1"
    assert headgate("gate", "1")["passed"]
    headgate("approve", "1", "--as", "grace", "--because", "good")
    headgate("promote", "1", "--as", "grace", "--because", "first")
    headgate("audit")
    headgate("reproduce", "1")
    assert not (small_project / ".headgate" / "headgate.db").exists()
    assert not (small_project / ".headgate" / "mlflow.db").exists()
