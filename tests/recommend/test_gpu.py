"""The search by blocked algebra: the same rows, to the last digit, on whatever device there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels import crowd, fresh, pieces_of, rules

torch = pytest.importorskip("torch")
gpu = pytest.importorskip("pipelines.recommend.gpu")
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32), st.integers(1, 120), st.sampled_from([1 << 9, 1 << 12, 1 << 26]))
def test_the_best_are_those_of_the_compiled_search(device: str, seed: int, count: int, numbers: int) -> None:
    held = pieces_of(crowd(seed, count))
    for (method, rule), other in zip(rules(held), (gpu.Similar(device), gpu.Complementary(device)), strict=True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gpu, "_NUMBERS", numbers)  # blocks of all sizes
            best = fresh(held, other, rule)
        expected = fresh(held, method, rule)
        np.testing.assert_array_equal(best.pieces, expected.pieces)
        np.testing.assert_array_equal(best.scores, expected.scores)
