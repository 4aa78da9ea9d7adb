"""Cards: what a person should know of a model before trusting it, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.registry.spec import ModelSpec

_NAMES = {
    "model": "This model",
    "neighbours": "10 nearest neighbours on colours and edges",
    "linear": "Logistic model on colours and edges",
}
_MEASURES = {"top1": "Top-1", "average_precision": "Mean average precision", "macro_f1": "Macro F1"}


_CARD = """\
# {name}

Says of a picture of one fashion piece what it is, and where it lies among others (an embedding of {embedding} numbers).
Its groups: {groups}.

- **Shown**: sRGB, {width} x {height} pixels, {fit}.
- **Network**: MobileNetV2, {network[width]} times its channels, one linear head per group, stored in half precision.
  {first}
- **Learned from**: {sizes[train]:,} photographed pieces of the public Kaggle set `fashion-product-images-small` and
  drawn ones of the sample shop (seed {sample_seed}); {sizes[validation]:,} others chose the epoch, {sizes[test]:,} more
  were kept for the figures below. A picture's side is said by its SHA-256.
- **Labels**: the catalogue's own words. A piece whose name and article type say none of the 21 classes is taken as none
  of them.
- **Recipe**: {recipe[epochs]} epochs, AdamW, batches of {recipe[batch]}, highest rate {recipe[learning_rate]};
  mirrored, moved, turned, lit and blurred at random.

## Held-out figures

{table}

Of each group those samples count of which the catalogue says something; means are over the labels that occur among
them. For `piece`, a label is said above {threshold}.

On drawn pieces of the sample shop: {drawn}.

## Cautions

- The set's page is said to state MIT; the photographs are a shop's. The weights hold no picture, yet whoever sells what
  they make should ask for leave.
- It knows catalogue shots on plain ground. People, rooms and several pieces at once are strange to it.
- Season, usage and gender are a shop's habits, not facts one can see; rare labels are little better than guesses.
- No photograph taught it these pieces, only drawings or nothing: {unseen}.
"""

_FROM_IMAGENET = """It began from ImageNet weights: `mobilenet_v2_1.0_224_quant.tflite` of google-coral, Apache-2.0,
  SHA-256 {}; the pictures of ImageNet are for research."""


def card(name: str, spec: ModelSpec, figures: Mapping[str, Any]) -> str:
    """Return the card of a fashion-label model; `figures` as `fashion_labels.judged` gives them."""
    shown, params = spec.preprocessing, figures["params"]
    return _CARD.format(
        name=name,
        groups=", ".join(f"{group} ({len(labels)} labels)" for group, labels in spec.outputs),
        embedding=spec.embedding,
        width=shown.width,
        height=shown.height,
        fit="whole on white, its aspect kept" if shown.fit == "pad" else "stretched",
        network=params["network"],
        first=_FROM_IMAGENET.format(figures["first_sha256"])
        if figures["first_sha256"]
        else "It began from random weights.",
        recipe=params["fit"],
        threshold=params["threshold"],
        sample_seed=params["sample_seed"],
        sizes=figures["photographed"],
        table="\n".join(_table(figures["held_out"])),
        drawn=_drawn(figures["held_out"]["model_on_drawn"]),
        unseen=", ".join(figures["unseen"]) or "none",
    )


def _table(held_out: Mapping[str, Any]) -> list[str]:
    lines = [
        "| Group | Samples | Measure | " + " | ".join(_NAMES.values()) + " |",
        "| --- | --- | --- |" + " --- |" * 3,
    ]
    for group, own in held_out["model"].items():
        for measure, words in _MEASURES.items():
            if own[measure] is not None:
                values = " | ".join(f"{held_out[name][group][measure]:.3f}" for name in _NAMES)
                lines.append(f"| {group} | {own['samples']:,} | {words} | {values} |")
    return lines


def _drawn(figures: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{group} {of_group['top1']:.3f}" if of_group["top1"] is not None else f"{group} F1 {of_group['macro_f1']:.3f}"
        for group, of_group in figures.items()
    )
