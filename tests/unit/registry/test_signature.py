"""Signatures: what breaks a caller is said line by line, and what is stored is read back."""

from hypothesis import given
from hypothesis import strategies as st

from headgate.registry.signature import DType, Field, Signature, breaks

dtypes: st.SearchStrategy[DType] = st.sampled_from(["float32", "float64", "int64", "bool", "string", "timestamp"])
fields = st.lists(
    st.builds(Field, st.sampled_from("abcd"), dtypes, st.none() | st.integers(1, 5), st.booleans()),
    unique_by=lambda field: field.name,
).map(tuple)
signatures = st.builds(Signature, fields, fields, fields)


def taking(*inputs: Field) -> Signature:
    return Signature(inputs, (), (Field("prediction", "float32"),))


@given(signatures)
def test_what_is_stored_is_read_back(signature: Signature) -> None:
    assert Signature.from_json(signature.to_json()) == signature  # type: ignore[arg-type]


@given(signatures)
def test_nothing_breaks_itself(signature: Signature) -> None:
    assert breaks(signature, signature) == ()


def test_each_break_is_named() -> None:
    old = taking(Field("a", "float64", missing=True), Field("b", "string"))
    new = Signature((Field("a", "float64"), Field("b", "int64"), Field("c", "bool")), (), ())
    assert breaks(old, new) == (
        "input a could be missing and no longer can",
        "input b was string and is int64",
        "input c is new and callers do not send it",
        "output prediction is gone",
    )


def test_an_input_that_is_no_longer_read_or_may_now_be_missing_breaks_nobody() -> None:
    old = taking(Field("a", "float64"), Field("b", "string"))
    assert breaks(old, taking(Field("a", "float64", missing=True))) == ()


def test_another_width_of_an_output_breaks() -> None:
    old = Signature((), (), (Field("probabilities", "float32", width=3),))
    new = Signature((), (), (Field("probabilities", "float32", width=4),))
    assert breaks(old, new) == ("output probabilities was float32[3] and is float32[4]",)
