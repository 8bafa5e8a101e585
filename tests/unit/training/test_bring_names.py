"""An error about a fetched model names what somebody typed."""

from pathlib import Path

import pytest

from headgate.base.errors import BadInput
from headgate.training.bring import _naming


def test_the_source_is_named_and_not_the_folder_it_was_fetched_to(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught, _naming("models:/x/1", tmp_path):
        raise BadInput("it is no valid ONNX model", where=str(tmp_path / "fetched"), way_out="export it again")
    assert (caught.value.where, caught.value.way_out) == ("models:/x/1", "export it again")


def test_other_places_stay_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught, _naming("models:/x/1", tmp_path):
        raise BadInput("it has no rows", where="rows.csv")
    assert caught.value.where == "rows.csv"
