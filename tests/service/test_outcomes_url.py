"""Outcomes are imported from an object store as they are from a file; what is not there or cannot be asked is said."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from headgate.adapters.outcomes.files import pieces
from headgate.base.clock import SystemClock
from headgate.base.errors import BadInput, Unavailable
from headgate.testing.running import POLICY
from headgate.testing.waiting import LONGEST
from headgate.wiring import Project

ROWS = "".join(f"{uuid.UUID(int=number)},{number % 2}\n" for number in range(40))
KEYS = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """Return what stands for the name of a file: an S3 of our own with `truth.csv`."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **KEYS)
    client.create_bucket(Bucket="kept")
    client.put_object(Bucket="kept", Key="march/truth.csv", Body=f"id,value\n{ROWS}".encode())
    yield f"s3://k:s@kept/march/%s?scheme=http&endpoint_override={host}:{port}&region=us-east-1"
    server.stop()


def test_a_file_behind_a_url_is_imported_and_importing_it_again_changes_nothing(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "headgate.yaml").write_text(POLICY)
    command = [sys.executable, "-m", "headgate.cli.main", "outcomes", "import", bucket % "truth.csv", "--json"]
    for _ in range(2):
        done = subprocess.run(
            [*command, "-C", str(tmp_path)], capture_output=True, text=True, check=False, timeout=LONGEST
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"file": "truth.csv", "accepted": 40, "bad": 0, "errors": []}
    table = Project.open(tmp_path, SystemClock()).outcomes().table()
    assert len(set(table.column("id").to_pylist())) == 40
    assert set(table.column("source").to_pylist()) == {"truth.csv"}


def test_a_file_that_is_not_there_is_named_without_credentials(bucket: str) -> None:
    with pytest.raises(BadInput, match="there is no such file") as raised:
        next(pieces(bucket % "nothing.csv"))
    assert raised.value.where == "s3://kept/march/nothing.csv"


def test_a_url_of_no_kind_and_a_store_that_refuses_are_said(bucket: str) -> None:
    with pytest.raises(BadInput, match="cannot be used"):
        next(pieces("pigeon://kept/truth.csv"))
    with pytest.raises(Unavailable, match="does not answer"):
        next(pieces((bucket % "truth.csv").replace("scheme=http&", "scheme=https&")))  # it speaks no TLS
