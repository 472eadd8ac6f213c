"""The network that reads letters against loops of NumPy float64 written from the paper, forward
and, by central differences, backward; and what a word's vector may depend on."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from malmoi.config import Sizes
from malmoi.data.corpus import encoded
from malmoi.errors import RecipeError, UsageError
from malmoi.layers.highway import Highway
from malmoi.models import charcnn, rnn
from malmoi.models.charcnn import Config
from malmoi.recipe import Recipe
from malmoi.tasks.language_modelling import LanguageModelling
from malmoi.tasks.spelling import LONGEST, Spellings
from malmoi.text import Text, Vocabulary

SMALL = Config(d_letter=3, widths=(1, 3, 4), filters=2, most=7, highway=2, d=4, layers=1, d_out=3)
WORDS = [[1, 2], [3], [3, 1, 2, 2, 5, 6, 4, 1, 3], [2, 2, 2], [4, 5, 6, 1], [6, 5, 4, 3, 2, 1]]
V, K, LONG = len(WORDS), 6, 9


def σ(a):
    return 1 / (1 + np.exp(-a))


def table(words=WORDS):
    out = torch.zeros(len(words), max(map(len, words)), dtype=torch.int32)
    for row, word in zip(out, words, strict=True):
        row[: len(word)] = torch.tensor(word)
    return out


def build(config=SMALL, words=WORDS, *, std=0.5):
    torch.manual_seed(2)
    model = config.build(Sizes(len(words), characters=K, longest=max(map(len, words)))).double()
    model.spell(table(words))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=std)
    return model.eval()


def word_vector(w, letters, *, layers):
    """One word, window by window, filter by filter."""
    C = np.array([w["letters.embed"][letter - 1] for letter in letters])
    y = []
    for k in range(len([name for name in w if name.startswith("letters.H.")])):
        for H in w[f"letters.H.{k}"]:
            b, f = w["letters.bias"][len(y)], []
            for i in range(len(C)):
                f.append(np.tanh(sum(C[i + j] @ H[j] for j in range(len(H)) if i + j < len(C)) + b))
            y.append(max(f))
    z = np.array(y)
    for k in range(layers):
        T = σ(w[f"highway.T.{k}.weight"] @ z + w[f"highway.T.{k}.bias"])
        g = np.maximum(0, w[f"highway.H.{k}.weight"] @ z + w[f"highway.H.{k}.bias"])
        z = T * g + (1 - T) * z
    return z


def log_p(w, z, x, said):
    """log p(said_t | x_1 … x_t) of one text, by the paper's equations, z: of each word."""
    W, U = w["recurrent.layers.0.weight_ih_l0"], w["recurrent.layers.0.weight_hh_l0"]
    b = w["recurrent.layers.0.bias_ih_l0"] + w["recurrent.layers.0.bias_hh_l0"]
    h = c = np.zeros(U.shape[1])
    logp = []
    for word, y in zip(x, said, strict=True):
        i, f, g, o = np.split(W @ z[word] + U @ h + b, 4)
        c = σ(f) * c + σ(i) * np.tanh(g)
        h = σ(o) * np.tanh(c)
        P = w["project.weight"] @ h + w["project.bias"]
        scores = w["out.weight"] @ P + w["out.bias"]
        logp.append(scores[y] - np.log(np.exp(scores).sum()))
    return np.array(logp)


def test_it_is_the_papers_loop_forward_and_by_finite_differences_backward():
    model = build()
    x, y = torch.tensor([[0, 2, 1, 2, 5, 3, 4], [4, 4, 1, 0, 0, 2, 3]]), torch.randint(V, (2, 7))
    logp, _ = model.log_prob(x, y, model.begin(2))
    G = torch.randn(2, 7, dtype=torch.float64)
    (logp * G).sum().backward()
    w = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}

    def scored():
        z = [word_vector(w, word, layers=2) for word in WORDS]
        return np.array([log_p(w, z, x[row].tolist(), y[row].tolist()) for row in range(2)])

    assert_allclose(logp.detach(), scored(), atol=1e-13)
    for name, p in model.named_parameters():
        places = list(np.ndindex(p.shape))
        chosen = np.random.default_rng(0).permutation(len(places))[:8]
        for at in (places[i] for i in chosen):
            was, ends = w[name][at], []
            for step in (1e-5, -1e-5):
                w[name][at] = was + step
                ends.append((scored() * G.numpy()).sum())
            w[name][at] = was
            assert p.grad[at] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=2e-8), (name, at)


def test_the_papers_two_sizes_have_the_papers_filters():
    """Kim et al., Table 2; and the parameters of the PTB models, about 5 and 19 million, §4.1."""
    small, large = (
        Config(),
        Config(widths=(1, 2, 3, 4, 5, 6, 7), filters=50, highway=2, d=650),
    )
    counts = []
    for config, width in ((small, 525), (large, 1100)):
        with torch.device("meta"):
            model = config.build(Sizes(10_000, characters=51, longest=21))
        assert model.letters.width == width
        counts.append(sum(p.numel() for p in model.parameters()) / 1e6)
    assert [round(count) for count in counts] == [5, 19]


@pytest.mark.parametrize("kind", ["float64", "float32", "bfloat16"])
@torch.no_grad()
def test_a_word_has_the_same_vector_whatever_else_is_there(kind):
    """To the last bit, but for MKL's float64 products of an odd number of terms."""
    rng = np.random.default_rng(0)
    words = [rng.integers(1, K + 1, rng.integers(1, 20)).tolist() for _ in range(60)]
    model = build(Config(d=5, layers=1), words, std=0.2)
    model = model if kind == "float64" else model.float()
    limit = 1e-13 if kind == "float64" else 0.0
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bfloat16"):
        alone = torch.cat([model.vectors(torch.tensor([i])) for i in range(60)])
        for size in (2, 7, 31, 60):
            some = torch.from_numpy(rng.permutation(60)[:size])
            assert (model.vectors(some) - alone[some]).abs().max() <= limit
        x = torch.from_numpy(rng.integers(0, 60, (3, 9)))
        assert (model._words(x) - alone[x]).abs().max() <= limit


def test_a_vector_depends_on_the_spelling_alone():
    model = build(words=[[1, 2, 3], [3, 2, 1], [1, 2, 3], [1, 2, 3, 3]])
    a, reversed_, same, longer = model.vectors(torch.arange(4)).detach()
    assert torch.equal(a, same)
    assert (a - reversed_).abs().max() > 0.01
    assert (a - longer).abs().max() > 0.01


def test_each_different_word_is_convolved_once():
    model, read = build(), []
    model.letters.register_forward_pre_hook(lambda _module, args: read.append(len(args[0])))
    x = torch.tensor([[2, 2, 5, 2], [5, 2, 2, 0]])
    _, carry = model(x, model.begin(2))
    model(x[:, :1], carry)
    assert read == [3, 2]


@pytest.mark.parametrize("width", [1, 2, 5, 30])
@torch.no_grad()
def test_words_may_be_shorter_or_longer_than_the_widest_filter(width):
    model = build(Config(d_letter=3, widths=(width,), filters=1, highway=0, d=4, layers=1))
    w = {name: p.numpy() for name, p in model.named_parameters()}
    found = model.vectors(torch.arange(V))
    for vector, word in zip(found, WORDS, strict=True):
        assert_allclose(vector, word_vector(w, word, layers=0), atol=1e-14)


def test_a_highway_whose_gate_is_shut_is_the_identity_and_open_is_the_layer():
    highway = Highway(5, 3).double()
    x = torch.randn(4, 5, dtype=torch.float64)
    for gate in highway.T:
        torch.nn.init.constant_(gate.bias, -1e4)
    assert torch.equal(highway(x), x)
    for gate in highway.T:
        torch.nn.init.constant_(gate.bias, 1e4)
    layer = x
    for H in highway.H:
        layer = H(layer).relu()
    assert_allclose(highway(x).detach(), layer.detach(), atol=1e-14)


def test_a_highway_begins_by_carrying_on():
    model = Config(d=5, layers=1, highway=2).build(Sizes(V, characters=K, longest=LONG))
    for gate in model.highway.T:
        assert (gate.bias == -2).all()
    assert Highway(4, 1).T[0].bias.tolist() == [-2.0] * 4


# ---------------------------------------------------------------- how words are spelt


def spelt(word, letters="characters", others=()):
    spellings = Spellings(Vocabulary([word, *others], [0, 0, *[1] * (1 + len(others))]), letters)
    return spellings, [n for n in spellings.table[2].tolist() if n]


def test_a_word_is_its_letters_between_two_marks_and_what_has_no_spelling_has_a_symbol():
    spellings = Spellings(Vocabulary(["cab", "a", "</s>"], [3, 0, 3, 2, 1]), "characters")
    end, slash, less, more, a, b, c, s = 2, 5, 6, 7, 8, 9, 10, 11
    assert spellings.table.tolist() == [
        [1, 3, end, 0, 0, 0],
        [1, 4, end, 0, 0, 0],
        [1, c, a, b, end, 0],
        [1, a, end, 0, 0, 0],
        [1, less, slash, s, more, end],
    ]
    assert (spellings.characters, spellings.longest) == (11, 6)


def test_a_syllable_is_one_character_or_its_jamo_or_three_bytes():
    assert [len(spelt("한국어", kind)[1]) - 2 for kind in ("characters", "jamo", "bytes")] == [
        3,
        8,
        9,
    ]
    spellings, numbers = spelt("각", "jamo", others=["간", "나"])
    gan = [n for n in spellings.table[3].tolist() if n]
    assert numbers[:3] == gan[:3]
    assert numbers[3] != gan[3]


def test_of_a_very_long_word_the_end_is_not_read():
    spellings, numbers = spelt("a" * 100_000 + "b")
    assert len(numbers) == LONGEST == spellings.longest
    assert numbers[-1] == 2


def test_a_task_gives_the_letters_that_the_model_asks_for(tmp_path):
    path = tmp_path / "my.txt"
    path.write_text("가나 나다 가나 .\n" * 30, encoding="utf-8")
    task = LanguageModelling(data=str(path), tokens="given", spelling="jamo").prepare(tmp_path, 1)
    assert task.sizes == Sizes(5 + 0, characters=4 + 5, longest=2 + 4)
    model = Config(d=3, layers=1).build(task.sizes)
    model.spell(torch.from_numpy(task.spellings.table))
    x = torch.tensor([next(iter(encoded(["가나 나다"], task.text.encode))).ids])
    assert model(x, model.begin(1))[0].shape == (1, x.size(1), 5)
    assert Text.load(tmp_path / "text").vocabulary == task.text.vocabulary


def test_a_model_that_was_not_told_says_so():
    with pytest.raises(UsageError, match="letters"):
        Config().build(Sizes(V))
    model = SMALL.build(Sizes(V, characters=K, longest=LONG))
    with pytest.raises(ValueError, match="told how"):
        model(torch.zeros(1, 1, dtype=torch.long), model.begin(1))


def test_a_recipe_that_spells_for_nobody_or_not_for_a_reader_of_letters_is_refused():
    def read(model, **task):
        table = {"kind": "language-modelling", "data": "toy-ko", **task}
        return Recipe.from_table({"task": table, "model": {"kind": model}})

    with pytest.raises(RecipeError, match="cannot be read") as error:
        read("charcnn")
    assert "task.spelling" in str(error.value)
    with pytest.raises(RecipeError, match="cannot be read") as error:
        read("lstm", spelling="jamo")
    assert "reads no letters" in str(error.value)
    assert read("charcnn", spelling="bytes").model == charcnn.Config()
    assert read("lstm").model == rnn.LSTMConfig()
