"""A translator in the hand: a line for a line, whatever it is translated with."""

import math
from collections.abc import Callable

import pytest
import torch

from malmoi.config import Sizes
from malmoi.data.examples import Pair
from malmoi.decode.hypothesis import LengthPenalty
from malmoi.errors import EmptyText, UsageError
from malmoi.models import bahdanau, sutskever, transformer
from malmoi.sentences import Sentences
from malmoi.tasks.translation import Translation
from malmoi.text import Bitext
from malmoi.use.laws import check
from malmoi.use.search import Search
from malmoi.use.translator import Translator

EN = ["the red word is long", "a word", "the list of the words", "so", "it is a list"]
KO = ["빨간 낱말 은 길다", "낱말", "낱말 의 목록", "그래", "그것 은 목록"]
MODELS = {
    "sutskever": sutskever.Config(d=8, layers=1),
    "bahdanau": bahdanau.Config(d=8),
    "transformer": transformer.Config(d=8, heads=2, layers=1, d_ff=16),
}


def build(name: str = "bahdanau", kind: str = "words") -> Translator:
    bitext = Bitext.learn(lambda: EN, lambda: KO, kind=kind)
    torch.manual_seed(0)
    sizes = Sizes(len(bitext.target.vocabulary), source=len(bitext.source.vocabulary))
    model = MODELS[name].build(sizes).double()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.6)
    return Translator(model, bitext, Translation(data="x", tokens=kind))


@pytest.fixture(params=MODELS)
def translator(request: pytest.FixtureRequest) -> Translator:
    return build(request.param)


HARD = [*EN, "", " \t ", "unseen", "a\u2028word", "the " * 40, "e\u0301\u200b", "<s> </s> <unk>"]


def test_a_line_out_for_a_line_in_and_blank_for_blank(translator: Translator) -> None:
    found = translator.translate(HARD, beam=2)
    assert [answer.source for answer in found] == HARD
    assert [answer.text for answer in found if not answer.source.strip()] == ["", ""]
    assert not any("\n" in answer.text for answer in found)


@pytest.mark.parametrize("beam", [1, 3])
def test_no_translation_depends_on_what_it_is_translated_with(
    translator: Translator, beam: int
) -> None:
    together = translator.translate(HARD, beam=beam)
    for line, answer in zip(HARD, together, strict=True):
        alone = translator.translate(line, beam=beam)
        assert [w.text for w in alone.best] == [w.text for w in answer.best]
        assert alone.best[0].log_prob == pytest.approx(answer.best[0].log_prob, rel=1e-9)


def test_a_score_is_the_sum_over_a_loop_of_single_steps(translator: Translator) -> None:
    bitext, model = translator.bitext, translator.model
    pairs = [(s, t) for s in ("a word", "", "so so so so so so so so so") for t in (KO[0], "")]
    for (source, target), score in zip(pairs, translator.score(pairs), strict=True):
        ids = torch.tensor([[*bitext.source.encode(source), 0]])
        carry = model.begin(Sentences(ids, torch.ones_like(ids, dtype=torch.bool)))
        total, before = 0.0, 0
        for token in [*bitext.target.encode(target), 0]:
            with torch.no_grad():
                logits, carry = model(torch.tensor([[before]]), carry)
            total += logits[0, 0].log_softmax(-1)[token].item()
            before = token
        assert score == pytest.approx(total, rel=1e-9)


def test_the_likeliest_of_a_beam_has_the_score_it_says(translator: Translator) -> None:
    for answer in translator.translate(EN, beam=4, n=4, length_penalty=0.0):
        assert [w.log_prob for w in answer.best] == sorted(
            (w.log_prob for w in answer.best), reverse=True
        )
        assert len({w.tokens for w in answer.best}) == len(answer.best) == 4
        for written in answer.best:
            if written.finished:
                (score,) = translator.score([(answer.source, " ".join(written.tokens))])
                assert written.log_prob == pytest.approx(score, rel=1e-6)


def test_lengths_are_kept(translator: Translator) -> None:
    for answer in translator.translate(EN, beam=2, minimum=3, maximum=5):
        assert 3 <= len(answer.best[0].tokens) <= 5
    for answer in translator.translate(EN, beam=1):
        size = len(translator.bitext.source.encode(answer.source)) + 1
        assert len(answer.best[0].tokens) <= 2 * (-(-size // 8) * 8) + 20


def test_a_source_without_end_is_cut_and_told() -> None:
    translator = build()
    (answer,) = translator.translate(["word " * 100_000], beam=1, longest=50)
    assert answer.cut == 100_000 - 50
    assert answer.text == translator.translate("word " * 50, beam=1).text


def test_unknown_words_are_written_only_if_asked() -> None:
    translator = build()
    translator.model.out.softmax.bias.data[1] = 50.0
    assert "<unk>" not in translator.translate(EN[0], beam=2).text
    assert "<unk>" in translator.translate(EN[0], beam=2, unknown=True).text


def test_a_penalty_of_one_is_the_mean_per_token() -> None:
    translator = build()
    for penalty in (1.0, LengthPenalty("power", 1.0)):
        best = translator.translate(EN[0], beam=2, length_penalty=penalty).best[0]
        assert best.score == pytest.approx(best.log_prob / (len(best.tokens) + best.finished))


def test_evaluating_counts_every_pair(translator: Translator) -> None:
    pairs = [Pair(s, t) for s, t in zip(EN, KO, strict=True)]
    cost, bleu, said = translator.evaluate(pairs, search=Search(beam=1))
    scores = translator.score(pairs)
    events = sum(len(translator.bitext.target.encode(t)) + 1 for t in KO)
    assert cost.report.events == events
    assert cost.measures()["perplexity"] == pytest.approx(math.exp(-sum(scores) / events), rel=1e-5)
    assert bleu.sentences == len(said) == len(EN)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda t: t.translate("a", beam=0), UsageError),
        (lambda t: t.translate("a", beam=2, n=3), UsageError),
        (lambda t: t.translate("a", minimum=5, maximum=5), UsageError),
        (lambda t: t.translate("a", length_penalty=-1.0), UsageError),
        (lambda t: t.translate("a", longest=0), UsageError),
        (lambda t: t.score([("a " * 10_000, "b")]), UsageError),
        (lambda t: t.evaluate([]), EmptyText),
    ],
)
def test_what_makes_no_sense_is_refused(
    call: Callable[[Translator], object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        call(build())


def test_it_obeys_the_laws_and_breaking_one_is_found(translator: Translator) -> None:
    assert all(finding.ok for finding in check(translator))
    begin = translator.model.begin
    # a source that is read with its padding
    translator.model.begin = lambda s: begin(Sentences(s.ids, torch.ones_like(s.mask)))
    assert not all(finding.ok for finding in check(translator))


def test_in_bfloat16_it_writes_nearly_the_same_and_stays_what_it_was(
    translator: Translator,
) -> None:
    before = {name: w.clone() for name, w in translator.model.state_dict().items()}
    exact = translator.translate(EN, beam=3, maximum=4)
    low = translator.translate(EN, beam=3, maximum=4, precision="bf16")
    for a, b in zip(exact, low, strict=True):
        assert a.best[0].score != b.best[0].score
        assert b.best[0].score == pytest.approx(a.best[0].score, rel=0.05, abs=0.05)
    after = translator.model.state_dict()
    assert all(torch.equal(w, before[name]) for name, w in after.items())
    search = Search()
    object.__setattr__(search, "precision", "fp8")
    with pytest.raises(UsageError, match="no precision 'fp8'"):
        search.__post_init__()
