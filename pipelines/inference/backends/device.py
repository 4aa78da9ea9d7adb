"""Which device a model runs on, and how many pictures it takes at once there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipelines.lake.errors import CannotRun
from pipelines.registry.spec import ModelSpec

Device = Literal["auto", "cpu", "cuda"]

_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # one of them is there where a GPU is: NVIDIA's, WSL's, AMD's

# A network of MobileNet class holds about 24 float32 feature maps of half the side beside what it just made of them.
_BYTES_PER_PIXEL = 256
_BEST_ON_CPU = 16  # of 1 to 64, for MobileNetV2 at 84 x 112; larger ones leave the cache and lose a tenth
_CPU_BYTES = 512 << 20  # of one thread's pass
_BEST_ON_CUDA = 1024
_CUDA_SHARE = 0.25  # of the memory that is free


def chosen(device: Device) -> Literal["cpu", "cuda"]:
    """Return the device to use: for `auto`, CUDA where torch sees a GPU. Raises CannotRun where `cuda` has none."""
    if device == "cpu" or (device == "auto" and not any(Path(driver).exists() for driver in _DRIVERS)):
        return "cpu"  # without importing torch, which takes seconds
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise CannotRun(
            "TESSERA_DEVICE is cuda, but torch sees no GPU here. Set it to auto or cpu, or mend the driver."
        )
    return "cpu"


def batch_size(spec: ModelSpec, device: Literal["cpu", "cuda"]) -> int:
    """Return how many pictures fit into one pass, at least one; a power of two."""
    budget, best = _CPU_BYTES, _BEST_ON_CPU
    if device == "cuda":
        import torch

        budget, best = int(torch.cuda.mem_get_info()[0] * _CUDA_SHARE), _BEST_ON_CUDA
    per_picture = spec.preprocessing.width * spec.preprocessing.height * _BYTES_PER_PIXEL
    return 1 << (max(1, min(best, budget // per_picture)).bit_length() - 1)
