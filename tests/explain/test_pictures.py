import math

import numpy as np
import pytest
import torch

from malmoi.data.examples import Example
from malmoi.errors import DataError, EmptyText, UsageError
from malmoi.explain.confusion import confusion, gathered
from malmoi.explain.distribution import distribution
from malmoi.explain.listen import listen
from malmoi.explain.picture import as_json, passage, pieces_of
from malmoi.explain.why import explain, from_json
from malmoi.text import KINDS
from malmoi.text.sentences import sentences

TEXT = "정말 재미있는 영화 였다! 다시 보고 싶다. 음악도 the acting is bad . 시간이 아깝다."


def numbers(rows):
    return torch.tensor(rows, dtype=torch.float64)


def encoded(reader, text):
    x, _ = reader.read([text])
    with torch.no_grad():
        return x, reader.model.encoder(reader.model.words(x), x.mask)[0]


def test_the_weights_of_each_hop_are_the_equation_of_the_paper(classifier_):
    reader = classifier_("selfattentive")
    picture = explain(reader, TEXT)
    _, H = encoded(reader, TEXT)
    model = reader.model
    A = torch.softmax(model.W_2.weight @ torch.tanh(model.W_1.weight @ H.T), -1).detach()
    # the model forms its weights in float32
    assert np.allclose(picture.weights, A.numpy(), atol=1e-7)
    assert np.allclose(np.sum(picture.weights, axis=1), 1, atol=1e-6)
    assert math.isclose(sum(picture.together), 1, abs_tol=1e-6)
    overlap = A @ A.T
    assert np.allclose(picture.overlap, overlap.numpy(), atol=1e-6)
    penalty = ((overlap - torch.eye(3, dtype=torch.float64)) ** 2).sum()
    assert math.isclose(picture.penalty, float(penalty), rel_tol=1e-5)


def test_attention_pooling_is_one_hop(classifier_):
    reader = classifier_("rnn-attention")
    picture = explain(reader, TEXT)
    _, H = encoded(reader, TEXT)
    pool = reader.model.pool
    alpha = torch.softmax(torch.tanh(H @ pool.W.weight.T + pool.W.bias) @ pool.u_w, 0)
    assert np.allclose(picture.weights, [alpha.tolist()], atol=1e-7)
    assert len(picture.pieces) == len(alpha)


def test_the_words_of_a_document_are_weighed_sentence_by_sentence(classifier_):
    reader = classifier_("han")
    picture = explain(reader, TEXT)
    model = reader.model

    def weights(pool, h):
        return torch.softmax(torch.tanh(h @ pool.W.weight.T + pool.W.bias) @ pool.u_w, 0)

    vectors = []
    spans = sentences(TEXT)
    assert len(picture.sentences) == len(spans) == 4
    for (start, end), said in zip(spans, picture.sentences, strict=True):
        x, tokens = reader.read([TEXT[start:end]])
        with torch.no_grad():
            h = model.encode_words(model.words(x), x.mask)[0]
            alpha = weights(model.pool_words, h)
        vectors.append(alpha @ h)
        assert np.allclose(said.words, alpha.tolist(), atol=1e-6)
        assert math.isclose(sum(said.words), 1, abs_tol=1e-6)
        assert [p.token for p in picture.pieces[said.first : said.end]] == [
            t.text for t in tokens[0]
        ]
    with torch.no_grad():
        s = torch.stack(vectors)[None]
        h = model.encode_sentences(s, torch.ones(1, len(s[0]), dtype=torch.bool))[0]
        alpha = weights(model.pool_sentences, h)
    assert np.allclose([s.weight for s in picture.sentences], alpha.tolist(), atol=1e-6)
    assert picture.sentences[1].darkness == tuple(
        math.sqrt(picture.sentences[1].weight) * w for w in picture.sentences[1].words
    )


def test_the_winners_of_the_maximum_are_counted(classifier_):
    reader = classifier_("rnn-max")
    picture = explain(reader, TEXT)
    _, H = encoded(reader, TEXT)
    won = np.bincount(H.numpy().argmax(0), minlength=len(H))
    assert picture.width == H.shape[1]
    assert [round(share * picture.width) for share in picture.won] == won.tolist()
    assert math.isclose(sum(picture.won), 1)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("name", ["rnn-last", "rnn-mean", "han-mean", "selfattentive"])
def test_influence_is_the_slope_of_the_score_when_a_word_grows(classifier_, name, several):
    reader = classifier_(name, several=several)
    picture = explain(reader, TEXT, label="neutral", gradient=True)
    x, _ = reader.read([TEXT])

    def score(t, by):
        def grow(_module, _x, h):
            h = h.clone()
            h[0, t] *= 1 + by
            return h

        hook = reader.model.words.register_forward_hook(grow)
        with torch.no_grad():
            logits = reader.model(x).logits[0]
        hook.remove()
        return float(logits[1] - (0 if several else logits.mean()))

    assert picture.label == "neutral"
    for t, value in enumerate(picture.influence):
        slope = (score(t, 1e-5) - score(t, -1e-5)) / 2e-5
        assert math.isclose(value, slope, rel_tol=1e-5, abs_tol=1e-7)


@pytest.mark.parametrize("label", ["부정", "긍정"])
def test_the_features_of_a_bag_of_words_sum_to_its_score(classifier_, label):
    reader = classifier_("bow")
    text = f"not bad at all . {TEXT} not bad at all"  # twice there, and counted once
    picture = explain(reader, text, label=label)
    x, _ = reader.read([text])
    k = reader.labels.types.index(label)
    logit = reader.model(x).logits[0, k].detach().item()
    assert math.isclose(picture.score, logit, rel_tol=1e-9)
    assert math.isclose(sum(picture.influence) + picture.bias[k], logit, rel_tol=1e-9)
    twice = next(f for f in picture.features if f.text == "not bad")
    assert len(twice.places) == 2
    start, _ = twice.places[1]
    assert picture.pieces[start].token == "not"


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("head", ["softmax", "crf"])
@torch.no_grad()
def test_a_lattice_says_what_the_chain_says(tagger_, head, constrained):
    reader = tagger_(head, constrained=constrained)
    gold = ["O", "B-PER", "I-PER", "O", "O"]
    picture = explain(reader, "정말 the acting is good", gold=gold)
    x, _ = reader.read(["정말 the acting is good"])
    with torch.no_grad():
        said = reader.model(x)
    chain = said.constrained(reader.moves) if constrained else said
    (one,) = picture.chains
    found = chain.marginals()[0].double()
    assert torch.allclose(numbers(one.marginals), found, rtol=0, atol=1e-14)
    assert torch.equal(numbers(one.emissions), reader.model.emissions(x)[0].double())
    edges = chain.edges()[0].double()
    assert all(edge.p == edges[edge.t, edge.i, edge.j] for edge in one.edges)
    assert len(one.edges) == int((edges >= 1e-3).sum())
    assert one.best == tuple(chain.best()[0].tolist())
    assert one.log_prob == float(chain.log_prob(chain.best())[0])
    path = torch.tensor([reader.labels.ids(gold)])
    assert one.gold == tuple(path[0].tolist())
    assert one.gold_log_prob == float(chain.log_prob(path)[0])
    assert (picture.transitions is None) == (head == "softmax" and not constrained)
    if constrained:
        assert picture.transitions[4][2] == -math.inf  # O → I-LOC


def test_a_text_of_several_sentences_has_a_lattice_for_each(tagger_):
    reader = tagger_()
    picture = explain(reader, TEXT)
    said = reader.tag(TEXT)
    assert tuple(len(c.pieces) for c in picture.chains) == said.sentences
    tags = [picture.tags[k] for chain in picture.chains for k in chain.best]
    assert tuple(tags) == said.tags
    places = [(p.start, p.end) for chain in picture.chains for p in chain.pieces]
    assert places == [(t.start, t.end) for t in said.tokens]


@pytest.mark.parametrize("name", ["rnn-attention", "selfattentive", "han"])
def test_the_weights_of_a_word_are_those_of_each_text_alone(classifier_, lines, name):
    reader = classifier_(name)
    examples = [Example(line, (label,)) for line in lines for label in ("긍정", "부정")][:-1]
    picture = distribution(reader, "the", examples, data="made up")
    wanted = {"긍정": [], "부정": []}
    for text, (label,) in examples:
        one = explain(reader, text)
        together = [w for s in one.sentences for w in s.words] if name == "han" else one.together
        pairs = zip(one.pieces, together, strict=True)
        wanted[label] += [w for piece, w in pairs if piece.token == "the"]
    found = {one.label: one.weights for one in picture.by_label}
    assert picture.texts == 4
    assert set(found) == set(wanted)
    for label, weights in wanted.items():
        assert len(weights) == 3
        assert np.allclose(found[label], weights, atol=1e-6)
    assert picture.all.lift == pytest.approx(
        np.mean([w / e for one in picture.by_label for w, e in zip(one.weights, one.even)])  # noqa: B905
    )


def test_a_word_of_several_tokens_is_found(classifier_):
    reader = classifier_("selfattentive", "characters")
    picture = distribution(reader, "bad", [Example("so bad it", ("긍정",))], data="x")
    one = explain(reader, "so bad it")
    assert picture.all.weights[0] == pytest.approx(sum(one.together[3:6]))
    assert picture.all.even[0] == pytest.approx(3 / 9)


def test_a_confusion_matrix_counts_what_classify_says(classifier_, lines):
    reader = classifier_("rnn-max")
    examples = [Example(line, (label,)) for line in lines for label in reader.labels.types]
    picture = confusion(reader, examples, data="made up")
    counts = np.zeros((3, 3), dtype=int)
    for text, (label,) in examples:
        said = reader.classify(text).label
        counts[reader.labels.types.index(label), reader.labels.types.index(said)] += 1
    assert np.array_equal(picture.counts, counts)
    assert sum(n for n, _, _ in picture.pairs) == counts.sum() - counts.trace()


def test_labels_that_are_not_drawn_are_added_up():
    table = np.arange(36).reshape(6, 6)
    small = gathered(table, [1, 4])
    rest = [0, 2, 3, 5]
    assert small.sum() == table.sum()
    assert small[0].tolist() == [table[1, 1], table[1, 4], table[1, rest].sum()]
    assert small[2].tolist() == [
        table[rest, 1].sum(),
        table[rest, 4].sum(),
        table[np.ix_(rest, rest)].sum(),
    ]
    assert np.array_equal(gathered(table, range(6)), table)


def test_explaining_changes_nothing(classifier_, tagger_, names):
    readers = [*map(classifier_, names), tagger_("crf"), tagger_("softmax")]
    for reader in readers:
        x, _ = reader.read([TEXT])
        weights = {k: v.clone() for k, v in reader.model.state_dict().items()}
        before = getattr(reader.model(x), "logits", None)
        explain(reader, TEXT)
        with listen(reader.model):
            during = getattr(reader.model(x), "logits", None)
        after = getattr(reader.model(x), "logits", None)
        if before is not None:
            assert torch.equal(before, after)
            assert torch.equal(before, during)
        assert all(torch.equal(v, weights[k]) for k, v in reader.model.state_dict().items())
        assert all(p.grad is None for p in reader.model.parameters())
        assert not any(m._forward_hooks for m in reader.model.modules())


def test_every_picture_is_read_back_from_its_json(classifier_, tagger_, names, lines):
    pictures = [explain(classifier_(name), TEXT) for name in names]
    kinds = {picture.kind for picture in pictures}
    assert kinds == {"features", "influence", "winners", "attention", "document"}
    examples = [Example(line, ("긍정",)) for line in lines]
    reader = classifier_("selfattentive")
    pictures += [
        explain(tagger_(), TEXT),
        distribution(reader, "the", examples, data="x"),
        confusion(reader, examples, data="x"),
    ]
    for picture in pictures:
        assert from_json(as_json(picture)) == picture
    with pytest.raises(DataError, match="not a picture"):
        from_json('{"kind": "attention"}')


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "morphemes"])
def test_a_passage_is_the_text_as_it_was_written(classifier_, kind):
    reader = classifier_("selfattentive", kind)
    text = "정말 재미있는\n영화 였다 . <b>한글</b> the acting is good 🙂 !"
    pieces = pieces_of(reader, text)
    values = [1.0] * len(pieces)
    words = passage(text, pieces, lambda v: v, values, str)
    spelt = "".join(word.before + word.text for word in words)
    assert spelt.split() == text.split()
    assert sum(word.shade for word in words) == len(pieces)


def test_what_cannot_be_explained_says_so(classifier_, tagger_):
    reader = classifier_("rnn-max")
    with pytest.raises(EmptyText, match="no token"):
        explain(reader, "  ")
    with pytest.raises(UsageError, match="no label 'neutra'") as error:
        explain(reader, TEXT, label="neutra")
    assert "neutral" in error.value.hint
    with pytest.raises(UsageError, match="for a tagger"):
        explain(reader, TEXT, gold=["O"])
    with pytest.raises(UsageError, match="no attention"):
        distribution(reader, "the", [Example("the", ("긍정",))], data="x")
    with pytest.raises(UsageError, match="no text with 'zzz'"):
        distribution(classifier_("han"), "zzz", [Example("the", ("긍정",))], data="x")
    with pytest.raises(UsageError, match="no tag 'I-ORG'"):
        explain(tagger_(), "the acting", gold=["I-ORG", "O"])
    for gold in (["O"], ["O", "O", "O"]):
        with pytest.raises(UsageError, match="not as many as the words"):
            explain(tagger_(), "the acting", gold=gold)
    with pytest.raises(EmptyText):
        explain(tagger_(), " ")
    with pytest.raises(UsageError, match="there is no picture of"):
        explain(object(), TEXT)
