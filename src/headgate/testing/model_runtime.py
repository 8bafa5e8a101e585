"""What every ModelRuntime must do, as a suite that runs over each implementation.

Subclass `ModelRuntimeContract` and give it a fixture `runtime`: a runtime of a model over the features `a`
(float32) and `k` (string, may be missing) whose one output `prediction` is a + 1, plus 10 where k is "ten".
"""

from typing import Any

import numpy as np

from headgate.registry.field import Field
from headgate.registry.ports import ModelRuntime
from headgate.registry.signature import Signature

CONTRACT_FEATURES = (Field("a", "float32", missing=True), Field("k", "string", missing=True))
CONTRACT = Signature(CONTRACT_FEATURES, CONTRACT_FEATURES, (Field("prediction", "float32"),))


def some_features(a: list[float], k: list[str | None]) -> dict[str, Any]:
    """Return the two feature columns."""
    column = np.empty(len(k), object)
    column[:] = k
    return {"a": np.array(a, np.float32), "k": column}


class ModelRuntimeContract:
    """The suite."""

    def test_answers_come_in_the_order_of_the_rows_as_float32(self, runtime: ModelRuntime) -> None:
        """Rows and answers are in the same order."""
        answer = runtime.run(some_features([1, 2, 3], ["x", "ten", "x"]))
        assert list(answer) == ["prediction"]
        assert answer["prediction"].dtype == np.float32
        assert answer["prediction"].tolist() == [2, 13, 4]

    def test_one_row_alone_answers_as_it_does_among_others(self, runtime: ModelRuntime) -> None:
        """A row's answer does not depend on its batch."""
        assert runtime.run(some_features([2], ["ten"]))["prediction"].tolist() == [13]

    def test_no_rows_have_no_answers(self, runtime: ModelRuntime) -> None:
        """An empty batch is answered with nothing."""
        assert runtime.run(some_features([], []))["prediction"].shape == (0,)

    def test_missing_values_reach_the_model(self, runtime: ModelRuntime) -> None:
        """NaN and None are handed on, not refused."""
        answer = runtime.run(some_features([np.nan, 1], [None, None]))["prediction"]
        assert np.isnan(answer[0])
        assert answer[1] == 2  # noqa: PLR2004 - 1 + 1

    def test_strings_of_any_script_and_length_pass(self, runtime: ModelRuntime) -> None:
        """Strings pass as they are."""
        odd = ["", "é中\U0001f600", "x" * 5000, "ten ", "TEN"]
        assert runtime.run(some_features([0] * 5, [*odd]))["prediction"].tolist() == [1] * 5

    def test_nothing_is_kept_between_calls(self, runtime: ModelRuntime) -> None:
        """Calls do not know each other."""
        first = runtime.run(some_features([1], ["ten"]))["prediction"].tolist()
        runtime.run(some_features([5, 6], ["x", None]))
        assert runtime.run(some_features([1], ["ten"]))["prediction"].tolist() == first

    def test_columns_of_the_caller_are_left_as_they_were(self, runtime: ModelRuntime) -> None:
        """Inputs are not written to."""
        given = some_features([1, np.nan], ["ten", None])
        runtime.run(given)
        assert given["k"].tolist() == ["ten", None]
        assert given["a"][0] == 1

    def test_closing_twice_does_nothing(self, runtime: ModelRuntime) -> None:
        """Closing is idempotent."""
        runtime.close()
        runtime.close()
