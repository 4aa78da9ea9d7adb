"""Torch on a GPU, where there is one; and what can be known of it where there is none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.inference.backends import load, program
from pipelines.inference.backends.cuda import _unasserted
from pipelines.registry import Registry
from pipelines.registry.spec import ModelSpec, Preprocessing

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU on this machine")
SPEC = ModelSpec(Preprocessing(32, 48), (("piece", ("Tee", "Shoe", "Bag")), ("season", ("Summer", "Winter"))), 16)


class Network(torch.nn.Module):
    """Convolutions, a step that insists on float32, and two groups, as a real one has them."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 3, 2, 1, bias=False),
            torch.nn.BatchNorm2d(16),
            torch.nn.ReLU6(),
            torch.nn.Conv2d(16, 16, 3, 2, 1, groups=16),
        )
        self.piece, self.season = torch.nn.Linear(16, 3), torch.nn.Linear(16, 2)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = self.body(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1).float().mean((2, 3))
        return self.piece(found).sigmoid(), self.season(found).softmax(1), found


def _saved(folder: Path) -> Path:
    torch.manual_seed(1)
    example = (torch.zeros((2, 48, 32, 3), dtype=torch.uint8),)
    with torch.no_grad():
        exported = torch.export.export(Network().eval(), example, dynamic_shapes=({0: torch.export.Dim("n")},))
    torch.export.save(exported, folder / "network.pt2")
    return folder / "network.pt2"


def _noise(count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(1).integers(0, 256, (count, 48, 32, 3), dtype=np.uint8)


def test_a_program_runs_in_bfloat16_once_its_notes_on_types_are_gone(tmp_path: Path) -> None:
    exported, pixels = program.opened(_saved(tmp_path), "x"), torch.from_numpy(_noise(4))
    with torch.no_grad():
        exact = exported.module()(pixels)
        with torch.autocast("cpu", torch.bfloat16):
            with pytest.raises(RuntimeError):  # why they must go
                exported.module()(pixels)
            near = _unasserted(exported.module())(pixels)
    for one, other in zip(exact, near, strict=True):
        assert (one - other.float()).abs().max() < 0.05


@needs_gpu
def test_the_gpu_agrees_with_the_cpu_whatever_the_batch(registry: Registry, name: str, tmp_path: Path) -> None:
    from torch.onnx import export

    path = _saved(tmp_path)
    exported = torch.export.load(path)
    names = ["piece", "season", "embedding"]
    found = export(exported, input_names=["pixels"], output_names=names, dynamo=True)
    assert found is not None
    version = registry.log_onnx(name, found.model_proto.SerializeToString(), SPEC, twin=path.read_bytes())
    folder, pictures = registry.fetch(version), _noise(1500)
    on_gpu, on_cpu = load(folder, SPEC, "cuda", name), load(folder, SPEC, "cpu", name)
    assert (on_gpu.device, on_cpu.device) == ("cuda", "cpu")
    whole, exact = on_gpu.predict(pictures), on_cpu.predict(pictures)
    for group, scores in whole.items():
        assert np.abs(scores - exact[group]).max() < 0.05  # bfloat16 has three digits
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda start: on_gpu.predict(pictures[start : start + 7]), range(0, 1500, 7)))
    for group, scores in whole.items():
        assert np.array_equal(np.concatenate([part[group] for part in parts]), scores)
