"""Values become another number type by rounding and clipping, and every clipped value is counted."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import napari_shrinkage as ns
from napari_shrinkage.conversion import DTYPES, converted, converted_result, wanted_dtype

INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]


@given(values=hnp.arrays(np.float32, 20, elements=st.floats(width=32)), dtype=st.sampled_from(INTEGERS))
def test_integers_are_the_nearest_that_the_type_holds(values, dtype):
    made, clipped = converted(values, dtype)
    limits = np.iinfo(dtype)
    assert made.dtype == dtype
    outside = 0
    for value, result in zip(values.tolist(), made.tolist(), strict=True):
        if np.isnan(value):
            expected, out = 0, True
        elif np.isinf(value):
            expected, out = (limits.max if value > 0 else limits.min), True
        else:
            nearest = round(value)
            expected = min(max(nearest, limits.min), limits.max)
            out = nearest != expected
        assert result == expected
        outside += out
    assert clipped == outside


def test_wider_floats_keep_every_value_and_narrower_ones_are_clipped():
    values = np.array([1.5, -np.inf, np.nan, 1e6], np.float32)
    wide, clipped = converted(values, "float64")
    np.testing.assert_array_equal(wide, values)
    assert clipped == 0
    narrow, clipped = converted(values, "float16")
    assert clipped == 1
    np.testing.assert_array_equal(narrow, np.array([1.5, -np.inf, np.nan, 65504], np.float16))


def test_bool_is_true_from_one_half_on():
    made, clipped = converted(np.array([0.2, 0.5, 7.0], np.float32), bool)
    np.testing.assert_array_equal(made, [False, True, True])
    assert clipped == 0


def test_same_is_the_inputs_type_and_unknown_types_are_refused():
    assert wanted_dtype("same", np.uint16) == np.uint16
    assert wanted_dtype("float32", np.uint16) == np.float32
    with pytest.raises(ValueError, match="expected one of same, float32"):
        wanted_dtype("complex64", np.uint16)
    assert all(wanted_dtype(name, np.uint8) is not None for name in DTYPES)


def result(lazy: bool = False) -> ns.Result:
    values = (250 + 3 * np.random.default_rng(0).standard_normal((2, 40, 50))).astype(np.float32)
    array = da.from_array(values, chunks=(1, 40, 50)) if lazy else values
    restorer = ns.Shrinkage(transform=ns.Wavelet(levels=1), threshold=ns.Ratio(r=0.0))
    return ns.drain(ns.run(ns.Recipe.of(restorer, ns.Gaussian(1.0)), ns.Stack(array, "TYX")))


def test_a_record_says_how_many_values_were_clipped():
    made = result()
    as_bytes = converted_result(made, "same", np.dtype(np.uint8))
    clipped = int((np.rint(made.stack.array) > 255).sum())
    assert clipped
    assert as_bytes.record.messages[-1].startswith(f"{clipped} of 4000 values")
    assert converted_result(made, "float32", np.dtype(np.uint8)) is made
    assert converted_result(made, "uint16", np.dtype(np.uint8)).record.messages == made.record.messages


def test_lazy_results_are_converted_lazily_to_the_same_values():
    lazy = converted_result(result(lazy=True), "same", np.dtype(np.uint8))
    assert lazy.stack.is_lazy
    assert "they are not counted" in lazy.record.messages[-1]
    expected = converted_result(result(), "same", np.dtype(np.uint8)).stack.array
    np.testing.assert_allclose(np.asarray(lazy.stack.array).astype(int), expected.astype(int), atol=1)
