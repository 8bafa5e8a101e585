"""features.py is read before it runs: what would differ between training and serving is refused, with its line."""

import pytest

from headgate.base.errors import BadInput
from headgate.features.source import check

GOOD = "def features(columns):\n    return columns\n"


def refusal(source: str) -> str:
    with pytest.raises(BadInput) as caught:
        check(source, "features.py")
    return str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        GOOD,
        "import math\nimport numpy as np\nfrom numpy.typing import NDArray\nfrom collections.abc import Mapping\n"
        + GOOD,
        "from __future__ import annotations\nimport numpy.linalg\nfrom datetime import datetime\n" + GOOD,
        "def features(columns):\n    id = columns['id']\n    return {'x': id}\n",  # a variable may be called id
        "TABLE = {'a': 1}\ndef half(x):\n    return x / 2\n" + GOOD,
    ],
)
def test_plain_computation_is_allowed(source: str) -> None:
    check(source, "features.py")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("import pandas as pd", "import pandas: only numpy and the standard library"),
        ("from sklearn.base import clone", "import sklearn.base: only numpy and the standard library"),
        ("import headgate", "import headgate: only numpy and the standard library"),
        ("from . import other", "relative import: features.py travels alone"),
        ("import os.path", "import os.path: it reaches outside"),
        ("from subprocess import run", "import subprocess: it reaches outside"),
        ("import socket", "import socket: it reaches outside"),
        ("import ctypes", "import ctypes: it loads or makes code"),
        ("import importlib", "import importlib: it loads or makes code"),
        ("import _ctypes", "import _ctypes: only numpy"),
        ("import random", "import random: the answer would change from call to call"),
        ("import time", "import time: the answer would change with the time of day"),
        ("import threading", "import threading: it shares state"),
        ("from math import *", "from math import *: name what is imported"),
        ("from numpy import random", "import numpy.random: the answer would change"),
        ("import numpy.random", "import numpy.random: the answer would change"),
        ("import numpy as n; n.load('x')", "n.load: it reaches outside"),
        ("import numpy as np; np.random.rand()", "np.random: the answer would change"),
        ("__import__('os')", "__import__: it loads or makes code"),
        ("exec('1')", "exec: it loads or makes code"),
        ("x = eval", "eval: it loads or makes code"),
        ("open('x')", "open: it reaches outside"),
        ("hash('x')", "hash: its answer differs from process to process"),
        ("().__class__", ".__class__: it loads or makes code"),
        ("import datetime; datetime.datetime.now()", ".now: the answer would change with the time of day"),
    ],
)
def test_what_would_differ_is_refused_with_its_line(line: str, why: str) -> None:
    words = refusal(f"# features\n{line}\n{GOOD}")
    assert f"line 2: {why}" in words
    assert "stored feature table" in words


def test_state_between_requests_is_refused() -> None:
    words = refusal("seen = 0\ndef features(columns):\n    global seen\n    seen += 1\n    return columns\n")
    assert "line 3: global seen: it shares state" in words


def test_everything_is_said_at_once_in_order_of_lines() -> None:
    words = refusal("import os\nimport pandas\ndef features(a, b):\n    return eval('a')\n")
    assert words.index("line 1") < words.index("line 2") < words.index("line 3") < words.index("line 4")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("x = 1\n", "there is no `def features(columns)`"),
        ("if True:\n    def features(c):\n        return c\n", "there is no `def features(columns)` at the top level"),
        ("def features():\n    return {}\n", "features takes (): it must take one parameter"),
        ("def features(a, b=1):\n    return a\n", "features takes (a, b=1)"),
        ("def features(*columns):\n    return {}\n", "features takes (*columns)"),
        ("async def features(columns):\n    return columns\n", "features is async"),
        ("def features(columns):\n    yield columns\n", "features is a generator"),
        (GOOD + GOOD, "line 3: features is defined again (first on line 1)"),
        ("def features(columns:\n", "is no Python on line 1"),
        ("x = 1\0", "is no Python"),
    ],
)
def test_features_is_one_plain_function_of_one_parameter(source: str, why: str) -> None:
    assert why in refusal(source)
