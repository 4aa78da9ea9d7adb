"""Others that score pictures: the same bytes from the same Parquet, the same network, probabilities into Parquet.

A peer is opened on a folder and a network, and gives the function that scores the first `count` pictures. Its settings
are the fastest of those that were tried on two cores; one that cannot run here raises Absent.
"""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BATCH = 32
Run = Callable[[int], None]
Score = Callable[[np.ndarray], list[np.ndarray]]  # uint8 (n, height, width, 3) to each output's (n, width)
OPTIONS = {"RAY_USAGE_STATS_ENABLED": "0", "DO_NOT_TRACK": "true", "HF_HUB_OFFLINE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


class Absent(Exception):
    """A peer cannot be run here; says why."""


@dataclass(frozen=True)
class Work:
    """What is scored: `images-COUNT.parquet` (image_id, data) in `folder`, by a network of `NETWORKS`."""

    folder: Path
    network: str
    width: int
    height: int
    cores: int

    def images(self, count: int) -> Path:
        return self.folder / f"images-{count}.parquet"

    def scores(self, count: int) -> Path:
        return self.folder / f"scores-{count}-{os.getpid()}.parquet"

    def picture(self, data: bytes) -> np.ndarray:
        """Return encoded bytes as (height, width, 3) uint8, by Pillow."""
        from PIL import Image

        with Image.open(io.BytesIO(data)) as opened:
            return np.asarray(opened.convert("RGB").resize((self.width, self.height), Image.Resampling.BILINEAR))

    def by_torch(self, threads: int) -> Score:
        """Return the network in torch, eager."""
        import torch
        from _inference_networks import build

        torch.set_num_threads(threads)
        network = build(self.network).network.to(memory_format=torch.channels_last)

        def score(pixels: np.ndarray) -> list[np.ndarray]:
            with torch.inference_mode():
                return [found.numpy() for found in network(torch.as_tensor(pixels))]

        return score

    def by_onnx(self, threads: int) -> Score:
        """Return the network in ONNX Runtime, which is Tessera's engine too."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        path = str(self.folder / f"{self.network}.onnx")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda pixels: session.run(None, {"pixels": np.asarray(pixels)})


def loader(work: Work, engine: Callable[[int], Score]) -> Run:
    """A torch DataLoader: two processes decode, this one scores on all cores."""
    from torch.utils.data import DataLoader, Dataset

    class Pictures(Dataset[tuple[str, np.ndarray]]):
        def __init__(self, path: Path) -> None:
            held = pq.read_table(path)
            self.ids, self.data = held["image_id"].to_pylist(), held["data"].to_pylist()

        def __len__(self) -> int:
            return len(self.ids)

        def __getitem__(self, place: int) -> tuple[str, np.ndarray]:
            return self.ids[place], work.picture(self.data[place])

    score = engine(work.cores)

    def run(count: int) -> None:
        parts = []
        for ids, pixels in DataLoader(Pictures(work.images(count)), BATCH, num_workers=2, prefetch_factor=4):
            parts.append(_table(ids, score(pixels.numpy())))
        pq.write_table(pa.concat_tables(parts), work.scores(count))

    return run


def pipeline(work: Work) -> Run:
    """Transformers' `pipeline("image-classification")` with its Pillow processor, which needs no torchvision."""
    import torch
    import transformers
    from _inference_networks import build
    from PIL import Image

    kinds = {"mobilenet-v2": ("mobilenet_v2", "MobileNetV2"), "efficientnet-b0": ("efficientnet", "EfficientNet")}
    if work.network not in kinds:
        raise Absent("transformers has no pipeline for a network of several heads")
    module, name = kinds[work.network]
    found = importlib.import_module(f"transformers.models.{module}.image_processing_pil_{module}")
    size = {"height": work.height, "width": work.width}
    processor = getattr(found, f"{name}ImageProcessorPil")(size=size, do_center_crop=False)
    torch.set_num_threads(work.cores)
    network: Any = build(work.network).network.network
    scorer = transformers.pipeline("image-classification", model=network, image_processor=processor, device="cpu")

    def run(count: int) -> None:
        held = pq.read_table(work.images(count))
        pictures = [Image.open(io.BytesIO(data)) for data in held["data"].to_pylist()]
        rows = scorer(pictures, batch_size=BATCH, top_k=network.config.num_labels)
        scores = [np.array([[each["score"] for each in row] for row in rows], np.float32)]
        pq.write_table(_table(held["image_id"], scores), work.scores(count))

    return run


def keras(work: Work) -> Run:
    """Keras' own network of that name, `predict` over tf.data."""
    import keras as framework
    import tensorflow as tf

    made = framework.applications
    shape = (work.height, work.width, 3)
    networks = {
        "mobilenet-v2": lambda: made.MobileNetV2(weights=None, input_shape=shape),
        "efficientnet-b0": lambda: made.EfficientNetB0(weights=None, input_shape=shape),
    }
    if work.network not in networks:
        raise Absent("Keras has no network like it")
    network = networks[work.network]()

    def picture(data: Any) -> Any:
        return tf.image.resize(tf.io.decode_jpeg(data, channels=3), (work.height, work.width))

    def run(count: int) -> None:
        held = pq.read_table(work.images(count))
        images = tf.data.Dataset.from_tensor_slices(held["data"].to_pylist())
        images = images.map(picture, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)
        pq.write_table(_table(held["image_id"], [network.predict(images, verbose=0)]), work.scores(count))

    return run


def ray_data(work: Work, engine: Callable[[int], Score]) -> Run:
    """Ray Data: an actor for each core decodes and scores."""
    ray = _module("ray")
    data = _module("ray.data")
    ray.init(
        num_cpus=work.cores + 1,  # one for reading: it would wait for ever for what the actors hold
        include_dashboard=False,
        log_to_driver=False,
    )
    data.DataContext.get_current().enable_progress_bars = False

    class Scorer:
        def __init__(self) -> None:
            self.score = engine(1)

        def __call__(self, batch: pa.Table) -> pa.Table:
            pixels = np.stack([work.picture(each) for each in batch["data"].to_pylist()])
            return _table(batch["image_id"], self.score(pixels))

    def run(count: int) -> None:
        read = data.read_parquet(str(work.images(count)), override_num_blocks=max(1, count // 256))
        scored = read.map_batches(
            Scorer, batch_size=BATCH, concurrency=work.cores, num_cpus=1, batch_format="pyarrow", zero_copy_batch=True
        )
        scored.write_parquet(str(work.scores(count)))

    return run


def daft(work: Work, engine: Callable[[int], Score]) -> Run:
    """Daft: a process for each core decodes and scores."""
    framework = _module("daft")
    kind = framework.DataType.list(framework.DataType.list(framework.DataType.float32()))

    @framework.cls(max_concurrency=work.cores, use_process=True)
    class Scorer:
        def __init__(self) -> None:
            self.score = engine(1)

        @framework.method.batch(return_dtype=kind, batch_size=BATCH)
        def scores(self, data: Any) -> Any:
            found = self.score(np.stack([work.picture(each) for each in data.to_pylist()]))
            return [[part[row] for part in found] for row in range(len(data))]

    scorer = Scorer()

    def run(count: int) -> None:
        read = framework.read_parquet(str(work.images(count))).into_batches(BATCH)
        scored = read.select(framework.col("image_id"), scorer.scores(framework.col("data")))
        scored.write_parquet(str(work.scores(count)))

    return run


PEERS: dict[str, Callable[[Work], Run]] = {
    "torch eager, DataLoader": lambda work: loader(work, work.by_torch),
    "transformers pipeline": pipeline,
    "Keras predict, tf.data": keras,
    "Ray Data, torch": lambda work: ray_data(work, work.by_torch),
    "Daft, torch": lambda work: daft(work, work.by_torch),
    "DataLoader, ONNX Runtime": lambda work: loader(work, work.by_onnx),
    "Ray Data, ONNX Runtime": lambda work: ray_data(work, work.by_onnx),
    "Daft, ONNX Runtime": lambda work: daft(work, work.by_onnx),
}
SAME_ENGINE = tuple(name for name in PEERS if name.endswith("ONNX Runtime"))  # their own way round our engine


def _table(ids: Any, scores: list[np.ndarray]) -> pa.Table:
    names = [f"output_{place}" for place in range(len(scores))]
    return pa.table(
        [pa.array(ids) if isinstance(ids, list | tuple) else ids, *map(_lists, scores)], ["image_id", *names]
    )


def _lists(scores: np.ndarray) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(scores).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, scores.shape[1]).cast(pa.list_(pa.float32()))


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Absent(f"{name} cannot be imported ({error})") from error
