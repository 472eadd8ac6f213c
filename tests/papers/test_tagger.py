"""Taggers: emissions from words and their letters, against loops; the score is a sum."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from malmoi.config import Sizes
from malmoi.errors import UsageError
from malmoi.models.tagger import Config
from malmoi.sentences import Sentences, Spelling

SIZES = Sizes(vocabulary=9, labels=3, characters=7)
IDS = torch.tensor([[4, 2, 4, 8]])
LETTERS = torch.tensor([[1, 5, 0], [6, 2, 3], [4, 0, 0]])  # of words 4, 2 and 8
THERE = torch.tensor([[1, 1, 0], [1, 1, 1], [1, 0, 0]]).bool()
X = Sentences(
    IDS,
    torch.ones_like(IDS, dtype=torch.bool),
    Spelling(LETTERS, THERE, torch.tensor([[0, 1, 0, 2]])),
)


def model_of(**changes):
    torch.manual_seed(0)
    settings = {"d": 3, "d_word": 4, "d_spelling": 4, "dropout": 0.0, "word_dropout": 0.0}
    model = Config(**{**settings, **changes}).build(SIZES).double().eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model


@torch.no_grad()
def test_a_word_is_its_vector_and_its_spelling_by_convolution():
    model = model_of(speller="cnn")
    found = model.words(X)[0]
    spell = model.words.spell
    W, b = spell.W.weight.numpy(), spell.W.bias.numpy()
    for t, word in enumerate((0, 1, 0, 2)):
        n = int(THERE[word].sum())
        c = spell.embed.weight[LETTERS[word, :n]].numpy()
        c = np.concatenate([np.zeros((1, 32)), c, np.zeros((1, 32))])
        h = [np.tanh(np.einsum("oik,ki->o", W, c[i : i + 3]) + b) for i in range(n)]
        expected = np.concatenate([model.words.embed.weight[IDS[0, t]].numpy(), np.max(h, 0)])
        np.testing.assert_allclose(found[t].numpy(), expected, atol=1e-12)


@torch.no_grad()
def test_a_word_is_its_vector_and_where_an_lstm_over_its_letters_ends():
    model = model_of(speller="lstm")
    found, spell = model.words(X)[0], model.words.spell
    for t, word in enumerate((0, 1, 0, 2)):
        n = int(THERE[word].sum())
        h = spell.encoder(spell.embed(LETTERS[word : word + 1, :n]), THERE[word : word + 1, :n])[0]
        assert (found[t, 4:] - torch.cat([h[-1, :2], h[0, 2:]])).abs().max() < 1e-14


@torch.no_grad()
def test_the_probability_of_tags_is_their_score_over_all_scores():
    model = model_of(head="crf")
    f = model.emissions(X)[0].numpy()
    A, start, end = (p.numpy() for p in (model.crf.transitions, model.crf.start, model.crf.end))

    def score(y):
        steps = sum(A[a, b] for a, b in itertools.pairwise(y))
        return start[y[0]] + end[y[-1]] + steps + sum(f[t, k] for t, k in enumerate(y))

    every = list(itertools.product(range(3), repeat=4))
    logZ = np.log(sum(np.exp(score(y)) for y in every))
    for y in every[::7]:
        found = model(X).log_prob(torch.tensor([y]))
        assert found.item() == pytest.approx(score(y) - logZ, abs=1e-10)
    assert model(X).best()[0].tolist() == list(max(every, key=score))


@torch.no_grad()
def test_without_transitions_a_crf_is_a_softmax():
    crf, softmax = model_of(head="crf"), model_of(head="softmax")
    softmax.load_state_dict({k: v for k, v in crf.state_dict().items() if "crf" not in k})
    for parameter in crf.crf.parameters():
        parameter.zero_()
    y = torch.tensor([[0, 2, 1, 1]])
    assert (crf(X).log_prob(y) - softmax(X).log_prob(y)).abs().max() < 1e-12


def test_word_dropout_reads_unknown_words_in_training_alone():
    torch.manual_seed(0)
    model = Config(speller="none", dropout=0.0, word_dropout=0.5).build(Sizes(50, labels=2))
    ids = torch.randint(2, 50, (40, 40))
    x = Sentences(ids, torch.ones_like(ids, dtype=torch.bool))
    unknown = (model.words(x) == model.words.embed.weight[1]).all(-1).float().mean()
    assert 0.45 < unknown < 0.55
    model.eval()
    assert torch.equal(model.words(x), model.words.embed.weight[ids])


def test_a_model_that_spells_needs_letters():
    with pytest.raises(UsageError, match="reads spelling"):
        Config(speller="cnn").build(Sizes(9, labels=3))
