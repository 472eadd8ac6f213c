"""The hierarchical attention network against Yang et al.'s equations, sentence by sentence."""

import random

import pytest
import torch
from torch import nn

from malmoi.config import Sizes
from malmoi.explain.listen import listen
from malmoi.models.han import Config, grid_of
from malmoi.sentences import Sentences

DOCUMENTS = ([[3, 9, 4], [1], [7, 2, 2, 5]], [[8, 8]], [[1, 2], [3, 4, 5]])


def batch(documents, width=0, left=0):
    T = max(width, left + max(sum(map(len, d)) for d in documents))
    ids = torch.full((len(documents), T), 6)
    mask, ends = (torch.zeros(len(documents), T, dtype=torch.bool) for _ in "me")
    for i, document in enumerate(documents):
        t = left
        for sentence in document:
            ids[i, t : t + len(sentence)] = torch.tensor(sentence)
            mask[i, t : t + len(sentence)] = True
            t += len(sentence)
            ends[i, t - 1] = True
    return Sentences(ids, mask, ends=ends)


def model_of(pooling="attention"):
    torch.manual_seed(0)
    model = Config(d=3, d_word=4, pooling=pooling, dropout=0.0).build(Sizes(11, labels=3))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model.double().eval()


def attend(h, pool):
    u = torch.tanh(h @ pool.W.weight.T + pool.W.bias)
    alpha = (u @ pool.u_w).softmax(0)
    return alpha @ h, alpha


POOL = {
    "attention": attend,
    "max": lambda h, pool: (h.amax(0), None),
    "mean": lambda h, pool: (h.mean(0), None),
}


@pytest.mark.parametrize("pooling", POOL)
@torch.no_grad()
def test_it_is_words_then_sentences_then_the_document(pooling):
    model, one = model_of(pooling), torch.ones(1, 1, dtype=torch.bool)
    x = batch(DOCUMENTS, width=15, left=2)
    with listen(model, "alpha") as heard:
        logits = model(x).logits
    n = 0
    for i, document in enumerate(DOCUMENTS):
        s = []
        for sentence in document:
            words = model.words.embed.weight[sentence][None]
            h = model.encode_words(words, one.expand(1, len(sentence)))[0]
            vector, alpha = POOL[pooling](h, model.pool_words)
            s.append(vector)
            if alpha is not None:
                assert (
                    heard["pool_words.alpha"][0][n, : len(sentence)] - alpha
                ).abs().max() < 1e-12
                assert (heard["pool_words.alpha"][0][n, len(sentence) :] == 0).all()
            n += 1
        h = model.encode_sentences(torch.stack(s)[None], one.expand(1, len(s)))[0]
        v, alpha = POOL[pooling](h, model.pool_sentences)
        expected = model.out.weight @ v + model.out.bias
        assert (logits[i] - expected).abs().max() < 1e-12
        if alpha is not None:
            assert (heard["pool_sentences.alpha"][0][i, : len(s)] - alpha).abs().max() < 1e-12
            assert (heard["pool_sentences.alpha"][0][i, len(s) :] == 0).all()


def test_the_grid_holds_each_word_once_in_its_sentence():
    x = batch(DOCUMENTS, width=12, left=1)
    grid, there = grid_of(x)
    assert grid.shape == (3, 3, 4)
    for i, document in enumerate(DOCUMENTS):
        for j, sentence in enumerate(document):
            assert x.ids.flatten()[grid[i, j][there[i, j]]].tolist() == sentence
        assert not there[i, len(document) :].any()
    assert there.sum() == x.mask.sum()


def test_without_sentence_ends_a_document_is_one_sentence():
    x = Sentences(torch.tensor([[1, 2, 3]]), torch.ones(1, 3, dtype=torch.bool))
    grid, there = grid_of(x)
    assert grid.tolist() == [[[0, 1, 2]]]
    assert there.all()


def test_a_document_without_words_is_read():
    empty = Sentences(torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 3, dtype=torch.bool))
    assert model_of()(empty).logits.isfinite().all()


MARK = 8


def made_up(n, seed):
    """Documents of 4 to 6 sentences, most with a word for one of two labels; the one whose word
    counts, anywhere among them, is marked.  (Without others that speak against it a network may
    watch for one label alone, and look anywhere for want of it.)"""
    chance = random.Random(seed)

    def word(label):
        return 2 + 3 * label + chance.randrange(3)

    documents, where, labels = [], [], []
    for _ in range(n):
        sentences = [chance.choices(range(9, 40), k=chance.randint(3, 7)) for _ in range(6)]
        sentences = sentences[: chance.randint(4, 6)]
        decides, label = chance.randrange(len(sentences)), chance.randrange(2)
        for i, sentence in enumerate(sentences):
            if i == decides:
                sentence.insert(chance.randrange(len(sentence)), word(label))
                sentence.insert(chance.randrange(len(sentence)), MARK)
            elif chance.random() < 0.6:
                sentence.insert(chance.randrange(len(sentence)), word(chance.randrange(2)))
        documents.append(sentences)
        where.append(decides)
        labels.append(label)
    return documents, where, torch.tensor(labels)


@pytest.mark.parametrize("seed", [1, 2])
def test_attention_finds_the_sentence_that_decides(seed):
    torch.manual_seed(seed)
    model = Config(d=10, d_word=16, dropout=0.5).build(Sizes(40, labels=2))
    documents, _, y = made_up(1200, seed=1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
    for _ in range(8):
        for k in range(0, len(documents), 30):
            optimiser.zero_grad()
            rows = slice(k, k + 30)
            model.loss(batch(documents[rows]), y[rows]).mean().backward()
            optimiser.step()
    documents, where, y = made_up(400, seed=2)
    with listen(model.eval(), "pool_sentences.alpha") as heard, torch.no_grad():
        said = model(batch(documents)).best()
    found = heard["pool_sentences.alpha"][0].argmax(1)
    assert (said == y).float().mean() > 0.97
    assert (found == torch.tensor(where)).float().mean() >= 0.95
