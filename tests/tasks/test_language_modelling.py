import dataclasses
import math
from pathlib import Path

import pytest
import torch

from malmoi.config import Sizes
from malmoi.data.corpus import Corpus, encoded
from malmoi.errors import UsageError
from malmoi.models import charcnn, gpt, ngram, nplm, rnn
from malmoi.objective import Task
from malmoi.tasks import language_modelling
from malmoi.tasks.language_modelling import LanguageModelling, LanguageModellingTask, report
from malmoi.text import Text

LINES = [
    "말모이 는 사전 이다",
    "",
    "the cat saw the moon , and the moon saw the cat",
    "🙂 emoji",
    "사전 은 낱말 을 모은다 " * 9,
] * 4


@pytest.fixture
def task(tmp_path: Path) -> LanguageModellingTask:
    path = tmp_path / "my.txt"
    path.write_text("\n".join(LINES * 3) + "\n", encoding="utf-8")
    config = LanguageModelling(data=str(path), tokens="given", batch=3, length=5, min_count=2)
    return config.prepare(tmp_path / "run", seed=1)


MODELS = {
    "ngram": ngram.Config(order=3, estimator="additive"),
    "nplm": nplm.Config(order=4, d_word=4, d=8),
    "lstm": rnn.LSTMConfig(d=8, layers=2),
    "charcnn": charcnn.Config(d_letter=3, widths=(1, 2), filters=2, d=8, layers=1),
    "gpt": gpt.Config(d=8, heads=2, layers=1, context=12),
}


def build(name: str, V: int) -> object:
    torch.manual_seed(0)
    model = MODELS[name].build(Sizes(vocabulary=V, characters=9, longest=2))
    if isinstance(model, charcnn.CharCNN):
        model.spell(1 + torch.arange(2 * V).view(V, 2) % 9)
    return model.double() if isinstance(model, torch.nn.Module) else model


def corpus_of(text: Text, folder: Path) -> Corpus:
    return Corpus.write(folder, encoded(LINES, text.encode), len(text.vocabulary))


def test_a_task_is_what_the_training_loop_asks_for(task):
    assert isinstance(task, Task)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("by_line", [True, False])
def test_perplexity_does_not_depend_on_how_much_is_read_at_once(
    task, name, by_line, tmp_path, monkeypatch
):
    corpus = corpus_of(task.text, tmp_path / "corpus")
    model = build(name, task.sizes.vocabulary)
    found = []
    for read in (7, 64, 100_000):
        monkeypatch.setattr(language_modelling, "READ", read)
        found.append(report(model, corpus, by_line=by_line))
    for other in found[1:]:
        assert other.events == found[0].events
        assert other.nats == pytest.approx(found[0].nats, rel=1e-12)


@pytest.mark.parametrize("by_line", [True, False])
def test_events_characters_and_bytes_equal_an_independent_count(task, by_line, tmp_path):
    corpus = corpus_of(task.text, tmp_path / "corpus")
    found = report(build("lstm", task.sizes.vocabulary), corpus, by_line=by_line)
    words = [word for line in LINES for word in line.split()]
    known = set(task.text.vocabulary.types)
    assert found.events == len(words) + len(LINES)
    assert found.oov_events == sum(word not in known for word in words)
    assert found.characters == sum(len(line) + 1 for line in LINES)
    assert found.bytes == sum(len(line.encode()) + 1 for line in LINES)


@pytest.mark.parametrize("name", MODELS)
def test_line_by_line_is_the_sum_of_each_line_alone(task, name, tmp_path):
    corpus = corpus_of(task.text, tmp_path / "corpus")
    model = build(name, task.sizes.vocabulary)
    whole = report(model, corpus, by_line=True)
    alone = math.fsum(
        report(
            model,
            Corpus.write(
                tmp_path / str(i), encoded([line], task.text.encode), task.sizes.vocabulary
            ),
            by_line=True,
        ).nats
        for i, line in enumerate(LINES)
    )
    assert whole.nats == pytest.approx(alone, rel=1e-12)


def test_the_loss_of_an_epoch_counts_every_event_once(task):
    for order in ("lanes", "windows", "lines"):
        config = dataclasses.replace(task.config, order=order)
        other = LanguageModellingTask(config, task.text, task.corpora, seed=1)
        batches = other.batches("train", epoch=0)
        assert sum(batch.events for batch in batches) == task.corpora["train"].events, order


def test_the_loss_is_a_sum_over_what_the_mask_marks(task):
    model = build("lstm", task.sizes.vocabulary)
    batch = task.batches("train", epoch=0)[0]
    loss, _ = task.loss(model, batch, None)
    logits, _ = model(batch.x, model.begin(len(batch)))
    plain = torch.nn.functional.cross_entropy(logits[batch.mask], batch.y[batch.mask])
    assert loss.count == int(batch.mask.sum())
    assert loss.sum.item() / loss.count == pytest.approx(plain.item(), rel=1e-12)


def test_stupid_backoff_is_refused_a_perplexity(task, tmp_path):
    model = ngram.Config(estimator="stupid-backoff").build(task.sizes)
    with pytest.raises(UsageError, match="no perplexity"):
        report(model, corpus_of(task.text, tmp_path / "corpus"), by_line=False)
