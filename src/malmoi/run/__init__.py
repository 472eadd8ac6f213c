"""The folder a training leaves: everything that using its model needs, and nothing that runs.

    recipe.toml         the recipe, complete
    model.json          what kind of model, how large
    model.safetensors   its weights: the best ones
    text/               how text becomes tokens
    metrics.jsonl       one line an event of the training
    report.json         what it reached
    README.md           the model card
    MANIFEST.json       SHA-256 of each of them; written last: a run that has one is finished
    state/              while it trains: checkpoints, and the manifest of what lies fixed already

A `Draft` is a run folder being written, by one process at a time; a `Run` is a finished one, whose
every byte has been verified.
"""

from malmoi.run.claiming import claim as claim
from malmoi.run.draft import Draft as Draft
from malmoi.run.finished import Run as Run, open_run as open_run
from malmoi.run.layout import is_finished as is_finished, is_resumable as is_resumable
