"""Two files of one model have one digest; another weight has another."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from headgate.training.canonical import artefact_digest


def write(folder: Path, *, weight: float = 2.0, producer: str = "a", turned: bool = False) -> Path:
    """Write y = x * weight + one as a bundle's model."""
    folder.mkdir()
    weights = [
        numpy_helper.from_array(np.array([weight], np.float32), "weight"),
        numpy_helper.from_array(np.array([1.0], np.float32), "one"),
    ]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "weight"], ["z"]), helper.make_node("Add", ["z", "one"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])],
        weights[::-1] if turned else weights,
        doc_string=producer,
    )
    model = helper.make_model(graph, producer_name=producer, opset_imports=[helper.make_opsetid("", 18)])
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder


def test_prose_and_order_do_not_count_and_weights_do(tmp_path: Path) -> None:
    one = artefact_digest(write(tmp_path / "one"))
    assert artefact_digest(write(tmp_path / "two", producer="b", turned=True)) == one
    assert artefact_digest(write(tmp_path / "three", weight=3.0)) != one


def test_a_pyfunc_model_is_its_files_without_their_prose(tmp_path: Path) -> None:
    for name, text, prose in (("one", "x", "1.0"), ("two", "x", "2.0"), ("three", "y", "1.0")):
        folder = tmp_path / name / "pyfunc" / "data"
        folder.mkdir(parents=True)
        (folder / "model.skops").write_text(text)
        (folder.parent / "requirements.txt").write_text(prose)
    first, second, third = (artefact_digest(tmp_path / name) for name in ("one", "two", "three"))
    assert first == second
    assert third != first
