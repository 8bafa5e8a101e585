"""How many clients a worker takes when it may open fewer files than all of them need."""

import pytest

from headgate.gateway.limits import SPARE_FILES, Limits


@pytest.mark.parametrize("files", [0, SPARE_FILES, 300, 1024, 4096, Limits().files - 1])
def test_limits_fit_the_files_and_keep_room_for_everything(files: int) -> None:
    fitting = Limits().within(files)
    assert fitting.files <= max(files, SPARE_FILES + 3)
    assert min(fitting.connections, fitting.handshakes, fitting.calls) >= 1
    assert fitting.connections > Limits().connections * (files - SPARE_FILES) // (2 * Limits().files)


def test_limits_stay_when_there_are_files_enough() -> None:
    assert Limits().within(Limits().files) == Limits()
