"""Backends: every kind gives what it promised, whatever the batch, the memory or the threads."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from pipelines.inference.backends import chosen, load, loading, onnx_session, program
from pipelines.inference.backends.batches import Served
from pipelines.inference.backends.device import batch_size
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.registry import Manifest, Registry
from pipelines.registry.spec import ModelSpec, Preprocessing
from tests.registry.networks import SPEC, flat, log, noise, onnx_network, torch_program

ONE = ModelSpec(SPEC.preprocessing, SPEC.outputs)


@pytest.fixture(params=["onnx", "torch", "keras", "pyfunc"])
def model(request: pytest.FixtureRequest, registry: Registry, name: str, tmp_path: Path) -> Any:
    version = registry.resolve(f"{name}/{log(request.param, name, 0, tmp_path)}")
    return load(registry.fetch(version), version.spec, "cpu", version.title)


def test_a_result_does_not_depend_on_its_neighbours(model: Any) -> None:
    pictures = noise(64)
    whole = model.predict(pictures)
    for count in (1, 7, 33):
        parts = [model.predict(pictures[start : start + count]) for start in range(0, 64, count)]
        for name, scores in whole.items():
            together = np.concatenate([part[name] for part in parts])
            assert np.abs(together - scores).max() <= 1e-5
    alone = model.predict(np.concatenate([pictures[40:41], flat(255, 255, 255, 6)]))
    for name, scores in whole.items():
        assert np.abs(alone[name][0] - scores[40]).max() <= 1e-5


def test_it_answers_as_promised(model: Any) -> None:
    answer = model.predict(noise(5))["colour"]
    expected = np.exp(noise(5).mean((1, 2)) / 25.5)
    assert model.device == "cpu"
    assert (answer.dtype, answer.shape) == (np.float32, (5, 3))
    assert np.abs(answer - expected / expected.sum(axis=1, keepdims=True)).max() < 1e-5


def test_no_pictures_give_no_scores(model: Any) -> None:
    assert {name: scores.shape for name, scores in model.predict(noise(0)).items()}["colour"] == (0, 3)


def test_threads_share_one_model(model: Any) -> None:
    pictures = [noise(9, seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model.predict, pictures))
    for batch, answer in zip(pictures, together, strict=True):
        assert np.abs(answer["colour"] - model.predict(batch)["colour"]).max() <= 1e-5


def test_it_takes_pictures_of_its_size_only(model: Any) -> None:
    for wrong in (noise(2).astype(np.float32), noise(2)[:, :-1], noise(2)[..., :1], noise(2)[0]):
        with pytest.raises(ValueError, match="takes uint8"):
            model.predict(wrong)


def test_read_only_pictures_are_taken(model: Any) -> None:
    pictures = noise(3)
    pictures.flags.writeable = False
    assert model.predict(pictures)["colour"].shape == (3, 3)


def test_a_model_is_loaded_once(registry: Registry, name: str) -> None:
    version = registry.log_onnx(name, onnx_network().SerializeToString(), SPEC)
    folder = registry.fetch(version)
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(lambda _: load(folder, SPEC, "cpu", name), range(16)))
    assert len({id(model) for model in models}) == 1


def test_without_a_gpu_auto_is_the_cpu_and_cuda_says_so() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert chosen("auto") == chosen("cpu") == "cpu"
    with pytest.raises(CannotRun, match="torch sees no GPU"):
        chosen("cuda")


def test_a_onnx_network_is_taken_as_it_was_exported(tmp_path: Path) -> None:
    for dtype in (TensorProto.UINT8, TensorProto.FLOAT):
        for batch in ("n", 4):
            path = tmp_path / "model.onnx"
            onnx.save(onnx_network(dtype=dtype, batch=batch), path)
            network = onnx_session.opened(path, SPEC, "cpu", "x")
            fixed = network.fixed_batch
            assert fixed == (4 if batch == 4 else None)
            size = fixed or 8
            model = Served(network, SPEC, "cpu", size, "x", is_fixed=fixed is not None, least=fixed or 1)
            answer = model.predict(noise(11))
            assert np.abs(answer["embedding"] - noise(11).mean((1, 2)) / 25.5).max() < 1e-4


@pytest.mark.parametrize("data", [b"", b"\x08\x0a", b"not a network"])
def test_broken_networks_are_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "network"
    path.write_bytes(data)
    with pytest.raises(CannotRun, match="fashion/3 is no network"):
        onnx_session.opened(path, SPEC, "cpu", "fashion/3")
    with pytest.raises(CannotRun, match="fashion/3 is no program"):
        program.opened(path, "fashion/3")


def test_the_twin_agrees_with_the_network(tmp_path: Path) -> None:
    (tmp_path / "network.pt2").write_bytes(torch_program())
    onnx.save(onnx_network(), tmp_path / "model.onnx")
    twin = program.on_cpu(tmp_path / "network.pt2", "x", floats=False)(noise(9))
    network = onnx_session.opened(tmp_path / "model.onnx", SPEC, "cpu", "x")(noise(9))
    for name in SPEC.widths:
        assert np.abs(twin[name] - network[name]).max() < 1e-5


class Exhaustible:
    """Stands for a device whose memory holds no more than `most` pictures."""

    def __init__(self, most: int, error: Exception | None = None) -> None:
        self.most, self.sizes = most, list[int]()
        self.error = error or MemoryError()

    def __call__(self, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        self.sizes.append(len(batch))
        if len(batch) > self.most:
            raise self.error
        return np.repeat(batch[:, 0, 0, :1].astype(np.float32) / 255, 3, axis=1)


EXHAUSTED = [
    MemoryError(),
    type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory"),
    RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : BFCArena: Failed to allocate memory for requested"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
]


@given(st.integers(0, 70), st.integers(1, 40), st.integers(1, 64), st.sampled_from(EXHAUSTED), st.booleans())
def test_memory_that_runs_out_halves_the_batch(
    count: int, most: int, size: int, error: Exception, is_fixed: bool
) -> None:
    network, pictures = Exhaustible(most, error), noise(count)
    model = Served(network, ONE, "cpu", size, "x", is_fixed=is_fixed)
    expected = np.repeat(pictures[:, 0, 0, :1].astype(np.float32) / 255, 3, axis=1)
    assert np.array_equal(model.predict(pictures)["colour"], expected)
    network.sizes.clear()
    model.predict(pictures)
    assert all(held <= most for held in network.sizes)  # it has learnt
    if is_fixed:
        assert len(set(network.sizes)) <= 1


def test_where_not_one_picture_fits_it_ends() -> None:
    network = Exhaustible(0)
    with pytest.raises(CannotRun, match=r"x needs more memory on cuda .* even for 1 at a time"):
        Served(network, ONE, "cuda", 16, "x").predict(noise(20))
    assert network.sizes == [16, 8, 4, 2, 1]


def test_other_failures_are_not_tried_again() -> None:
    network = Exhaustible(0, ValueError("no such axis"))
    with pytest.raises(CannotRun, match="x failed on cpu: no such axis"):
        Served(network, ONE, "cpu", 16, "x").predict(noise(20))
    assert network.sizes == [16]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.full((4, 3), np.nan, np.float32), "no numbers"),
        (np.full((4, 3), np.inf, np.float32), "no numbers"),
        (np.full((4, 3), 1.01, np.float32), "no probabilities"),
        (np.full((4, 3), -0.01, np.float32), "no probabilities"),
        (np.full((4, 2), 0.5, np.float32), r"shaped \(4, 2\) where \(4, 3\)"),
        (np.full((3, 3), 0.5, np.float32), r"shaped \(3, 3\)"),
        ({"color": np.zeros((4, 3), np.float32)}, "gives no colour"),
        ([np.zeros((4, 3), np.float32)] * 2, "2 outputs where 1"),
    ],
)
def test_answers_that_break_the_promise(given: Any, says: str) -> None:
    with pytest.raises(ContractBroken, match=f"the model fashion/3 .*{says}"):
        Served(lambda _: given, ONE, "cpu", 16, "fashion/3").predict(noise(4))


def test_rounding_beyond_the_ends_is_cut_off() -> None:
    off = np.array([[1 + 5e-7, -5e-7, 0.5]], np.float32)
    scores = Served(lambda _: off, ONE, "cpu", 16, "x").predict(noise(1))["colour"]
    assert (scores.max(), scores.min()) == (1, 0)


def test_an_embedding_may_be_any_number() -> None:
    spec = ModelSpec(SPEC.preprocessing, (), embedding=3)
    given = np.array([[-7, 0, 7]], np.float32)
    assert np.array_equal(Served(lambda _: given, spec, "cpu", 4, "x").predict(noise(1))["embedding"], given)


def test_batches_are_cut_by_memory() -> None:
    sizes = [batch_size(ModelSpec(Preprocessing(side, side), ONE.outputs), "cpu") for side in (32, 224, 1024, 4096)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1
    assert sizes[-1] == 1


def test_what_cannot_use_the_gpu_says_so(
    registry: Registry, name: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    version = registry.resolve(f"{name}/{log('onnx', name, 0, tmp_path)}")
    folder = registry.fetch(version)
    with caplog.at_level(logging.WARNING):
        model = loading._onnx(folder, Manifest.read(folder, "fashion/3"), SPEC, "cuda", "fashion/3")
    assert (model.device, onnx_session.has_cuda()) == ("cpu", False)
    assert "fashion/3 runs on the CPU: its version holds no network.pt2 and ONNX Runtime here knows" in caplog.text
