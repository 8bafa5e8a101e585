"""Lets MLflow's own `pyfunc.load_model` answer through a Headgate bundle (MLmodel names this module)."""

from pathlib import Path
from typing import Any

from headgate.wiring import open_model


def _load_pyfunc(path: str) -> "BundleModel":
    return BundleModel(Path(path))


class BundleModel:
    """An opened bundle with the `predict` that MLflow expects."""

    def __init__(self, folder: Path) -> None:
        self._model = open_model(folder)

    def predict(self, frame: Any, params: Any = None) -> Any:
        """Return a DataFrame with a column per output, for a DataFrame with the signature's inputs."""
        import pandas as pd

        from headgate.registry.signature import cast

        del params  # no bundle has any
        fields = self._model.manifest.signature.inputs
        outputs = self._model.predict({field.name: cast(field, _plain(frame[field.name])) for field in fields})
        return pd.DataFrame({name: list(values) for name, values in outputs.items()}, index=frame.index)


def _plain(column: Any) -> list[Any]:
    """Return the values with every missing one as None."""
    return [None if missing else value for value, missing in zip(column.tolist(), column.isna(), strict=True)]
