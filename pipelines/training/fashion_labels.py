"""The first task: what a fashion piece is, in the groups of `labels`, from its picture alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from pipelines.executor import cores
from pipelines.inference.label_scores import NAME
from pipelines.inference.true_labels import GROUPS, PIECE
from pipelines.ingest.inbox.labelled_samples import CLASS_LIST_21
from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import sha256
from pipelines.lake.runs import Journal
from pipelines.registry.spec import ModelSpec, Preprocessing
from pipelines.training import baselines, export
from pipelines.training.evaluation import Scores, as_rows, evaluate
from pipelines.training.fit import FitParams, Known, epochs
from pipelines.training.labelled import gather
from pipelines.training.network import Network, NetworkParams, network_of
from pipelines.training.pretrained import begin_from
from pipelines.training.samples import SIDES, Samples, vocabulary
from pipelines.training.trained import Trained

_SHOWN_FIRST = 512  # pictures that tell what the norms of weights from elsewhere would have measured
_LEAST = 200  # samples; fewer say nothing of a model


@dataclass(frozen=True)
class FashionLabelParams:
    """What the model is made of."""

    preprocessing: Preprocessing = field(default_factory=lambda: Preprocessing(84, 112))  # 60 x 80, enlarged by 1.4
    network: NetworkParams = field(default_factory=NetworkParams)
    fit: FitParams = field(default_factory=FitParams)
    threshold: float = 0.4  # of a piece label, as in `labels`
    sample_pieces: int = 3_000  # of the sample shop, so that its garments come out right too
    sample_seed: int = 11  # another than that of the shop people see


def learn(journal: Journal, scratch: Path, params: FashionLabelParams, first: Path | None = None) -> Trained:
    """Train on what the lake holds, and judge on the tenth of it that nothing was learned or chosen from.

    `first` names a TFLite MobileNetV2 whose weights the body begins with; without it they are random.
    Raises CannotRun when there is too little to learn from.
    """
    with journal.step(f"train {NAME}") as step:
        shown = params.preprocessing
        samples = gather(journal.store, shown, params.sample_pieces, params.sample_seed, scratch)
        step.rows_in = step.new = len(samples.samples)
        if min(len(samples.of(side).photographed.samples) for side in SIDES) < _LEAST:
            raise CannotRun(
                f"the lake holds {len(samples.photographed.samples)} labelled photographs, too few to train on. "
                "Take a catalogue in and make its labels first: tessera ingest fashion, tessera run labels."
            )
        groups = {group: CLASS_LIST_21 if group == PIECE else vocabulary(samples.samples, group) for group in GROUPS}
        torch.set_num_threads(cores())
        torch.manual_seed(params.fit.seed)
        network = network_of(groups, params.network)
        if first:
            begin_from(network, first, torch.from_numpy(samples.of("train").pixels[:_SHOWN_FIRST]))
        network = fitted(network, samples, groups, params.fit, journal)
        return judged(export.rounded(network), samples, groups, params, sha256(first.read_bytes()) if first else None)


def fitted(
    network: Network, samples: Samples, groups: Mapping[str, tuple[str, ...]], params: FitParams, journal: Journal
) -> Network:
    """Return the network with the weights of the epoch whose validation loss was least."""
    train, validation = Known.of(samples.of("train"), groups), Known.of(samples.of("validation"), groups)
    best = float("inf")
    for epoch in epochs(network, train, validation, params):
        journal.progress(f"train {NAME}", epoch.number, params.epochs)
        if epoch.validation_loss < best:
            best, kept = epoch.validation_loss, epoch.weights
    network.load_state_dict(kept)
    return network.eval()


def judged(
    network: Network,
    samples: Samples,
    groups: Mapping[str, tuple[str, ...]],
    params: FashionLabelParams,
    first_sha256: str | None,
) -> Trained:
    """Return a trained network with its figures beside those of two baselines on the same samples.

    The baselines learn from, and all are judged on, photographed pieces alone: drawn ones are easy.
    """
    learned, test = samples.of("train").photographed, samples.of("test").photographed
    found: dict[str, Scores] = {
        "model": scores(network, test, groups),
        "neighbours": baselines.neighbours(learned, test, groups),
        "linear": baselines.linear(learned, test, groups),
    }
    drawn = samples.of("test").drawn
    figures = {name: as_rows(evaluate(of_one, test, groups, params.threshold)) for name, of_one in found.items()}
    figures["model_on_drawn"] = as_rows(evaluate(scores(network, drawn, groups), drawn, groups, params.threshold))
    shown = params.preprocessing
    spec = ModelSpec(shown, tuple(groups.items()), network.embedding_size)
    sizes = {side: len(samples.of(side).photographed.samples) for side in SIDES}
    met = {label for sample in samples.photographed.samples for label in sample.labels.get(PIECE, ())}
    unseen = [label for label in groups[PIECE] if label not in met]
    model = export.to_onnx(network, shown.width, shown.height)
    told = {"photographed": sizes, "unseen": unseen, "first_sha256": first_sha256, "params": asdict(params)}
    return Trained(model, spec, {"held_out": figures, **told})


@torch.no_grad()
def scores(network: Network, samples: Samples, groups: Mapping[str, tuple[str, ...]]) -> Scores:
    """Return the network's probabilities for samples."""
    network.eval()
    parts = [
        network(torch.from_numpy(samples.pixels[start : start + 256])) for start in range(0, len(samples.samples), 256)
    ]
    return {group: torch.cat([part[k] for part in parts]).numpy() for k, group in enumerate(groups)}
