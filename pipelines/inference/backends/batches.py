"""Any number of pictures through a model: cut by memory, halved where that runs out, and the answers checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.lake.errors import CannotRun, ContractBroken, TesseraError
from pipelines.registry.spec import EMBEDDING, ModelSpec

Batch = NDArray[np.uint8]  # (n, height, width, 3)
Scores = NDArray[np.float32]
Network = Callable[[Batch], Any]  # what a runtime gives back: arrays by name, in the outputs' order, or a single one

_OVERSHOOT = 1e-6  # by how much rounding may carry a probability out of 0..1
_EXHAUSTED = ("MemoryError", "OutOfMemoryError", "ResourceExhaustedError")
_EXHAUSTED_SAYS = ("failed to allocate memory", "bad_alloc", "bad allocation", "can't allocate memory", "out of memory")


class Served:
    """A loaded model; safe to use from many threads at once.

    `size` is how many pictures go into a pass. With `is_fixed` every pass has that many, the last one filled up, so
    that shapes never change; a size that must not shrink says so by `least`.
    """

    def __init__(
        self,
        network: Network,
        spec: ModelSpec,
        device: str,
        size: int,
        title: str,
        *,
        is_fixed: bool = False,
        least: int = 1,
    ) -> None:
        self.device, self._network, self._spec, self._title = device, network, spec, title
        self._size, self._is_fixed, self._least = size, is_fixed, least

    def predict(self, batch: Batch) -> dict[str, Scores]:
        """Return each output's (n, width) float32 for (n, height, width, 3) uint8, n from 0 up.

        What a picture gets does not depend on the others. Raises CannotRun where not even the least batch fits into
        memory or the model fails, ContractBroken where its answers are not what it promised.
        """
        shown = self._spec.preprocessing
        if batch.dtype != np.uint8 or batch.shape[1:] != (shown.height, shown.width, 3):
            raise ValueError(f"{self._title} takes uint8 (n, {shown.height}, {shown.width}, 3), not {batch.shape}")
        parts = list(self._parts(batch))
        widths = self._spec.widths.items()
        return {
            name: np.concatenate([np.empty((0, width), np.float32), *(part[name] for part in parts)])
            for name, width in widths
        }

    def _parts(self, batch: Batch) -> Iterator[dict[str, Scores]]:
        done = 0
        while done < len(batch):
            size = self._size
            part = batch[done : done + size]
            try:
                answer = self._network(self._filled(part, size))
            except TesseraError:
                raise
            except Exception as error:  # each runtime has its own, and a Python function any
                if not _is_exhausted(error):
                    raise CannotRun(f"{self._title} failed on {self.device}: {error!s:.300}") from error
                self._shrink(size, error)
                continue
            yield self._answer(answer, len(part), size if self._is_fixed else len(part))
            done += len(part)

    def _filled(self, part: Batch, size: int) -> Batch:
        if not self._is_fixed or len(part) == size:
            return np.ascontiguousarray(part)
        return np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]), np.uint8)])

    def _shrink(self, size: int, error: Exception) -> None:
        if size <= self._least:
            raise CannotRun(
                f"{self._title} needs more memory on {self.device} than there is, even for {size} at a time. "
                "Give the machine more, run fewer workers, or use a smaller model."
            ) from error
        self._size = max(self._least, min(self._size, size // 2))  # another thread may have shrunk it further

    def _answer(self, given: Any, count: int, length: int) -> dict[str, Scores]:
        """Return a pass's outputs by name, without the filling. Raises ContractBroken."""
        arrays = self._named(given)
        answer = {}
        for name, width in self._spec.widths.items():
            scores = np.asarray(arrays[name], np.float32)
            if scores.shape != (length, width):
                raise self._broken(f"gives {name} shaped {scores.shape} where ({length}, {width}) was promised")
            answer[name] = self._checked(name, scores[:count])
        return answer

    def _named(self, given: Any) -> Mapping[str, Any]:
        names = tuple(self._spec.widths)
        if hasattr(given, "columns"):  # a data frame: a column for each label
            given = given.to_numpy()
        if isinstance(given, Mapping):
            if missing := [name for name in names if name not in given]:
                raise self._broken(f"gives no {', '.join(missing)}")
            return given
        arrays = list(given) if isinstance(given, Sequence) else [given]
        if len(arrays) != len(names):
            raise self._broken(f"gives {len(arrays)} outputs where {len(names)} were promised")
        return dict(zip(names, arrays, strict=True))

    def _checked(self, name: str, scores: Scores) -> Scores:
        if not np.isfinite(scores).all():
            raise self._broken(f"gives {name} that are no numbers (NaN or infinite)")
        if name == EMBEDDING:
            return scores
        if scores.size and (scores.min() < -_OVERSHOOT or scores.max() > 1 + _OVERSHOOT):
            raise self._broken(f"gives {name} from {scores.min():g} to {scores.max():g}, which are no probabilities")
        return scores.clip(0, 1)

    def _broken(self, what: str) -> ContractBroken:
        return ContractBroken(f"the model {self._title} {what}. Point its alias at a version that keeps its word.")


def _is_exhausted(error: Exception) -> bool:
    says = str(error).lower()
    return type(error).__name__ in _EXHAUSTED or any(words in says for words in _EXHAUSTED_SAYS)
