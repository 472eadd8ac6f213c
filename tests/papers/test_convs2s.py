"""ConvS2S against loops in NumPy written from the paper's equations, and its gradients against
differences; what is remembered of what was written; how its weights begin."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from malmoi.config import Sizes
from malmoi.explain.listen import listen
from malmoi.layers.convolution import GLU, Normed
from malmoi.models.convs2s import Config
from malmoi.sentences import Sentences

V, SOURCE, POSITIONS = 7, 6, 8
CONFIG = Config(
    d=4, d_word=3, layers=2, layers_decoder=3, kernel=3, positions=POSITIONS, dropout=0.0
)
x = torch.tensor([[0, 3, 5, 2, 3], [0, 6, 1, 1, 4]])
y = torch.tensor([[3, 5, 2, 3, 0], [6, 1, 1, 4, 0]])
source = Sentences(
    torch.tensor([[2, 5, 3, 0], [4, 0, 0, 0]]),
    torch.tensor([[True] * 4, [True, True, False, False]]),
)
ROOT = math.sqrt(0.5)


def build(config=CONFIG, seed=0):
    torch.manual_seed(seed)
    model = config.build(Sizes(V, source=SOURCE)).double().eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.6)
    return model


def linear(w, name, vector):
    """Weight normalisation, one output after another."""
    v, g, b = (w[f"{name}.{part}"] for part in ("v", "g", "bias"))
    return np.array(
        [
            g[i]
            / math.sqrt(sum(a * a for a in v[i]))
            * sum(a * c for a, c in zip(v[i], vector, strict=True))
            + b[i]
            for i in range(len(v))
        ]
    )


def gated(w, name, window):
    both = linear(w, name, np.concatenate(window))
    half = len(both) // 2
    return np.array([both[i] / (1 + math.exp(-both[half + i])) for i in range(half)])


def paper(w, config, ids, written):
    """One source without padding, one target: its logits [T, V] and attentions [layer][i][j]."""
    k, middle = config.kernel, config.kernel // 2
    zero = np.zeros(config.d)
    e = [w["words.source.weight"][i] + w["positions_source.weight"][j] for j, i in enumerate(ids)]
    h = [linear(w, "into_encoder", vector) for vector in e]
    for layer in range(config.layers):
        wide = [zero] * middle + h + [zero] * middle
        h = [
            ROOT * (gated(w, f"encoder.{layer}.W", wide[j : j + k]) + h[j]) for j in range(len(ids))
        ]
    z = [linear(w, "to_z", vector) for vector in h]

    g = [w["words.target.weight"][i] + w["positions.weight"][t] for t, i in enumerate(written)]
    h = [linear(w, "into_decoder", vector) for vector in g]
    looks = []
    for layer in range(config.layers_decoder or config.layers):
        name, m = f"decoder.{layer}", len(ids)
        wide = [zero] * (k - 1) + h
        h = [
            ROOT * (gated(w, f"{name}.glu.W", wide[t : t + k]) + h[t]) for t in range(len(written))
        ]
        looks.append([])
        for t in range(len(written)):
            d = ROOT * (linear(w, f"{name}.attention.query", h[t]) + g[t])
            score = [math.exp(sum(d * z[j])) for j in range(m)]
            a = [s / sum(score) for s in score]
            c = sum(a[j] * ROOT * (z[j] + e[j]) for j in range(m)) * m * math.sqrt(1 / m)
            h[t] = ROOT * (h[t] + linear(w, f"{name}.attention.value", c))
            looks[-1].append(a)
    t = [linear(w, "to_words", vector) for vector in h]
    return np.array([w["out.weight"] @ v + w["out.bias"] for v in t]), looks


@pytest.mark.parametrize("kernel", [1, 3, 5])
@torch.no_grad()
def test_convs2s_says_what_the_paper_says_and_looks_where_it_looks(kernel):
    config = Config(
        d=4, d_word=3, layers=2, layers_decoder=3, kernel=kernel, positions=POSITIONS, dropout=0.0
    )
    model = build(config)
    w = {name: t.numpy() for name, t in model.state_dict().items()}
    with listen(model, "alpha") as heard:
        logits, _ = model(x, model.begin(source))
    for row, m in enumerate((4, 2)):
        expected, looks = paper(w, config, source.ids[row, :m].tolist(), x[row].tolist())
        assert_close(logits[row].numpy(), expected, atol=1e-10, rtol=0)
        for layer, look in enumerate(looks):
            alpha = heard[f"decoder.{layer}.attention.alpha"][0][row]
            assert_close(alpha[:, :m].numpy(), np.array(look), atol=1e-12, rtol=0)
            assert not alpha[:, m:].any()


def test_its_gradients_are_differences_of_its_loss_the_encoders_layers_a_share_of_them():
    """The encoder's layers learn from a third of it: the decoder has three attentions."""
    model = build()

    def loss():
        return model.log_prob(x, y, model.begin(source))[0].sum()

    loss().backward()
    chance, step = np.random.default_rng(0), 1e-5
    for name, weight in model.named_parameters():
        slowed = name.startswith(("encoder", "into_encoder", "to_z"))
        flat = weight.data.view(-1)
        for i in chance.choice(len(flat), min(3, len(flat)), replace=False).tolist():
            kept = float(flat[i])
            with torch.no_grad():
                flat[i] = kept + step
                above = float(loss())
                flat[i] = kept - step
                below = float(loss())
                flat[i] = kept
            expected = (above - below) / (2 * step) / (3 if slowed else 1)
            assert float(weight.grad.view(-1)[i]) == pytest.approx(expected, abs=2e-7), name


@torch.no_grad()
def test_writing_word_by_word_from_what_is_remembered_is_writing_at_once():
    model = build()
    whole, _ = model(x, model.begin(source))
    carry, said = model.begin(source), []
    for t in range(x.size(1)):
        logits, carry = model(x[:, t : t + 1], carry)
        said.append(logits)
        assert [past.shape for past in carry.past] == [(2, 2, 4)] * 3  # not the whole text
    assert_close(torch.cat(said, 1), whole, atol=1e-12, rtol=0)
    assert carry.position.tolist() == [5, 5]


@torch.no_grad()
def test_weights_begin_with_the_variances_of_the_paper():
    torch.manual_seed(0)
    p, n = 0.25, 3 * 128
    glu = GLU(128, 3, variance=4 * (1 - p))
    assert float(glu.W.v.std()) == pytest.approx(math.sqrt(4 * (1 - p) / n), rel=0.02)
    assert_close(glu.W.g, glu.W.v.norm(dim=1))  # W is v
    assert not glu.W.bias.any()
    plain = Normed(256, 128)
    assert float(plain.v.std()) == pytest.approx(math.sqrt(1 / 256), rel=0.02)
    model = Config(d=128, layers=1, dropout=p).build(Sizes(500, source=400))
    glus = [model.encoder[0], model.decoder[0].glu]
    for module in glus:
        assert float(module.W.v.std()) == pytest.approx(math.sqrt(4 * (1 - p) / n), rel=0.02)
    assert float(model.into_encoder.v.std()) == pytest.approx(math.sqrt((1 - p) / 128), rel=0.03)
    for table in (model.words.source, model.words.target, model.positions):
        assert float(table.weight.std()) == pytest.approx(0.1, rel=0.02)


@torch.no_grad()
def test_states_keep_their_variance_through_many_layers():
    """§3.4: without the square roots it would grow, with others it would vanish."""
    torch.manual_seed(0)
    model = Config(d=64, layers=12, kernel=3, dropout=0.0).build(Sizes(50, source=50)).eval()
    ids = torch.randint(2, 50, (8, 20))
    z = model.begin(Sentences(ids, torch.ones_like(ids, dtype=torch.bool))).memory.of.z
    assert 0.02 < float(z.std()) < 1


@torch.no_grad()
def test_places_beyond_the_table_share_its_last_position():
    model, short = build(), build(Config(**{**CONFIG.__dict__, "positions": 3}))
    with torch.no_grad():
        for name in ("positions", "positions_source"):
            table = getattr(model, name).weight
            table[3:] = table[2]
        small = {
            n: t[:3] if n.startswith("positions") else t for n, t in model.state_dict().items()
        }
    short.load_state_dict(small)
    expected, _ = model(x, model.begin(source))
    assert_close(short(x, short.begin(source))[0], expected, atol=1e-12, rtol=0)


def test_a_window_has_a_middle():
    with pytest.raises(ValueError, match="must be odd"):
        Config(kernel=4)
