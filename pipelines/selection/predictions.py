"""Predictions of a bundle: how probable a registered model finds each label of each group, for each picture.

They are taken from `label_scores` where the lake holds them of the very same model, else made in a pass of their own:
what an image gets depends on the image and the model alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import chain
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.inference import label_scores
from pipelines.inference.scoring import ModelPlace, ScoreParams, scored
from pipelines.lake.errors import ContractBroken
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import recipe
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.producers import bound
from pipelines.registry import CHAMPION
from pipelines.selection.answers import Answers
from pipelines.selection.bundle import Bundle
from pipelines.selection.option import Work, applied
from pipelines.selection.prediction_files import as_parquet, count_of, request_of, write_json

STEP = "select predict"
MODEL = label_scores.NAME  # its champion


def predict(
    journal: Journal, bundles: Objects, resolve: Callable[[], ModelPlace], asked: str = MODEL
) -> dict[str, Any]:
    """Write `predictions.parquet` and `predictions.json` for this run's bundle, and return a summary.

    `asked` names the model and `resolve` finds it, once: a repeat goes on with the version of the first attempt.
    Images that cannot be decoded become rejects, and are left out. Raises CannotRun where there is no whole bundle or
    no such model, ContractBroken where the bundle holds the predictions of another.
    """
    asked = asked.removesuffix(f"@{CHAMPION}")  # which a name alone means
    with applied(journal, bundles, STEP) as work:
        work.step.params = json.dumps({"model": asked})
        if not work.image_ids:
            return work.summary
        bundle, is_made = work.bundle, work.bundle.has_predictions
        if not is_made:
            bundle.create(bundle.predictions_copy, _made(work, resolve(), asked))
        data = bundle.objects.get(bundle.predictions_copy)  # of whichever attempt came first
        model = _require_asked(bundle, data, asked)
        if is_made:
            work.step.unchanged = count_of(data)
            work.step.rejected = work.step.rows_in - work.step.unchanged
        _publish(bundle, data)
    return work.summary | {"model": model}


def _require_asked(bundle: Bundle, data: bytes, asked: str) -> str:
    """Return the version that predictions are of. Raises ContractBroken where it is not the one asked for."""
    before, model = request_of(data)
    if asked not in (before, model):
        raise ContractBroken(
            f"{bundle.uri} holds the predictions of {model}, asked for as {before}, which stay as they are. "
            f"For those of {asked}, select under another run id."
        )
    return model


def _publish(bundle: Bundle, data: bytes) -> None:
    """Write the JSON, unless it is there; it may be larger than memory should hold."""
    if bundle.objects.find(bundle.predictions) is None:
        with TemporaryFile() as file:
            write_json(data, file)
            file.seek(0)
            bundle.objects.put(bundle.predictions, file)


def _made(work: Work, place: ModelPlace, asked: str) -> bytes:
    answers = Answers(place.model, work.image_ids)
    _look_up(work.journal.store, place, answers)
    there, failed = answers.there, list[Reject]()
    work.advance(len(there))
    pictures = chain.from_iterable(work.originals(there, failed))
    if len(there) < len(work.image_ids):
        for some in scored(pictures, place):
            for group in place.spec.groups if some.image_ids else ():
                answers.take(group, some.image_ids, some.scores[group])
            failed += some.rejects
            work.advance(len(some.image_ids))
    work.leave_out(failed)
    return as_parquet(answers, asked)


def _look_up(store: Store, place: ModelPlace, answers: Answers) -> None:
    """Take in what `label_scores` holds that was made with the very files of this model."""
    model = place.model
    table = bound(label_scores.TABLE, ScoreParams(model.name, model.version, model.digest), place)
    snapshot = store.snapshot(table)
    paths = {path for path in snapshot.files if path.startswith(f"{recipe(table)}/")}
    wanted = pa.array(answers.image_ids, pa.string())
    for batch in snapshot.batches(["image_id", "label_group", "scores"], paths):
        rows = pa.Table.from_batches([batch])
        rows = rows.filter(pc.is_in(rows["image_id"], wanted))
        for group in model.spec.groups if rows.num_rows else ():
            _take(answers, group, rows.filter(pc.equal(rows["label_group"], group)))


def _take(answers: Answers, group: str, rows: pa.Table) -> None:
    ids: Sequence[str] = rows["image_id"].to_pylist()
    scores = rows["scores"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    answers.take(group, ids, scores.reshape(len(ids), -1))
