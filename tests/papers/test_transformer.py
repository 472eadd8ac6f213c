"""The Transformer against `torch.nn.Transformer` with the same weights, forward and gradients,
norms after and before; its positions, tables, beginning and cache against the paper's words."""

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from malmoi.config import Sizes
from malmoi.explain.listen import listen
from malmoi.models import gpt
from malmoi.models.transformer import Config, sinusoids
from malmoi.sentences import Sentences

V, SOURCE, D, HEADS, FF, LAYERS, BELOW = 17, 13, 12, 3, 20, 2, 3
LENGTHS, S, T = (7, 3, 5), 7, 6
NAMES = {
    "attention.qkv.weight": "self_attn.in_proj_weight",
    "attention.qkv.bias": "self_attn.in_proj_bias",
    "attention.o": "self_attn.out_proj",
    "mlp.0": "linear1",
    "mlp.2": "linear2",
    "norm_1": "norm1",
    "norm_2": "norm2",
    "norm_3": "norm3",
    "cross.o": "multihead_attn.out_proj",
}


def config(**other):
    made = {"d": D, "heads": HEADS, "d_ff": FF, "layers": LAYERS, "layers_decoder": BELOW}
    return Config(**made | {"dropout": 0.0, "smoothing": 0.0} | other)


def build(joint=False, seed=3, **other):
    torch.manual_seed(seed)
    sizes = Sizes(vocabulary=V, source=V if joint else SOURCE, joint=joint)
    return config(**other).build(sizes).double()


def peers(norm):
    """Ours and torch's, weights far from where training begins, in float64."""
    ours = build(norm=norm)
    for weight in ours.parameters():
        nn.init.normal_(weight, std=0.4)
    how = {"dropout": 0.0, "batch_first": True, "norm_first": norm == "pre", "dtype": torch.float64}
    final = [nn.LayerNorm(D, dtype=torch.float64) if norm == "pre" else None for _ in "ed"]
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(D, HEADS, FF, **how),
        LAYERS,
        final[0],
        enable_nested_tensor=False,
    )
    decoder = nn.TransformerDecoder(
        nn.TransformerDecoderLayer(D, HEADS, FF, **how), BELOW, final[1]
    )
    theirs = nn.Transformer(D, HEADS, custom_encoder=encoder, custom_decoder=decoder, **how)
    theirs.load_state_dict(dict(translated(ours.state_dict())))
    return ours, theirs


def translated(state):
    """Our weights under torch's names; of cross attention, which torch keeps in one, by parts."""
    cross = {}
    for name, weight in state.items():
        side, _, rest = name.partition(".")
        if side.startswith("norm_"):
            yield f"{side.removeprefix('norm_')}.norm.{rest}", weight
        elif side in ("encoder", "decoder"):
            layer, _, inner = rest.partition(".")
            path = f"{side}.layers.{layer}"
            if inner.startswith(("cross.q.", "cross.kv.")):
                kind = inner.rpartition(".")[2]
                cross.setdefault(f"{path}.multihead_attn.in_proj_{kind}", []).append(weight)
            elif inner in NAMES:
                yield f"{path}.{NAMES[inner]}", weight
            else:
                place, _, kind = inner.rpartition(".")
                yield f"{path}.{NAMES[place]}.{kind}", weight
    for name, parts in cross.items():
        yield name, torch.cat(parts)


def a_pair():
    mask = torch.arange(S) < torch.tensor(LENGTHS)[:, None]
    x = torch.randint(1, V, (len(LENGTHS), T))
    return Sentences(torch.randint(SOURCE, mask.shape), mask), x, torch.randint(V, x.shape)


def paper_positions(length):
    """§3.5, an element at a time."""
    PE = torch.empty(length, D, dtype=torch.float64)
    for t in range(length):
        for i in range(D // 2):
            PE[t, 2 * i] = math.sin(t / 10000 ** (2 * i / D))
            PE[t, 2 * i + 1] = math.cos(t / 10000 ** (2 * i / D))
    return PE


def written(ours, theirs, source, x):
    """Torch's logits, around which everything is written out."""
    read = ours.embed_source.weight[source.ids] * math.sqrt(D) + paper_positions(S)
    said = ours.embed.weight[x] * math.sqrt(D) + paper_positions(T)
    future = torch.ones(T, T).triu(1).bool()
    h = theirs(
        read, said, tgt_mask=future, src_key_padding_mask=~source.mask,
        memory_key_padding_mask=~source.mask,
    )  # fmt: skip
    return h @ ours.embed.weight.T + ours.out.bias


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize("norm", ["post", "pre"])
def test_it_says_and_learns_what_torch_says_and_learns(norm, heard):
    ours, theirs = peers(norm)
    source, x, y = a_pair()
    with listen(ours if heard else nn.Module()):
        logits, _ = ours(x, ours.begin(source))
    expected = written(ours, theirs, source, x)
    assert_close(logits, expected, atol=1e-10, rtol=0)
    logp, _ = ours.log_prob(x, y, ours.begin(source))
    other = expected.log_softmax(-1).gather(-1, y[..., None]).squeeze(-1)
    assert_close(logp, other, atol=1e-10, rtol=0)
    weight = torch.arange(y.numel(), dtype=torch.float64).view_as(y) % 4
    tables = [ours.embed.weight, ours.embed_source.weight, ours.out.bias]
    blocks = [(n, p) for n, p in ours.named_parameters() if n.startswith(("enc", "dec", "norm_"))]
    mine = torch.autograd.grad((logp * weight).sum(), [*tables, *(p for _, p in blocks)])
    yours = torch.autograd.grad((other * weight).sum(), [*tables, *theirs.parameters()])
    for a, b in zip(mine[:3], yours[:3], strict=True):
        assert_close(a, b, atol=1e-10, rtol=0)
    named = {name: g for (name, _), g in zip(blocks, mine[3:], strict=True)}
    theirs_named = [name for name, _ in theirs.named_parameters()]
    renamed = dict(translated(named))
    assert set(renamed) == set(theirs_named)
    for name, g in zip(theirs_named, yours[3:], strict=True):
        assert_close(renamed[name], g, atol=1e-10, rtol=0, msg=lambda m, name=name: f"{name}: {m}")


def test_positions_are_the_papers_interleaved_wherever_reading_begins():
    like = torch.empty(0, D, dtype=torch.float64)
    assert_close(sinusoids(0, 50, like), paper_positions(50), atol=1e-14, rtol=0)
    assert_close(sinusoids(31, 19, like), paper_positions(50)[31:], atol=1e-14, rtol=0)


@torch.no_grad()
def test_the_first_token_read_is_a_vector_of_its_own_and_not_the_ends():
    model = build().eval()
    source, _, _ = a_pair()
    x = torch.tensor([[0, 2, 3]] * 3)
    logits, _ = model(x, model.begin(source))
    model.embed.weight[0] += torch.randn(D)  # as what is said, not as what is read
    other, _ = model(x, model.begin(source))
    assert torch.equal(other[..., 1:], logits[..., 1:])
    assert (other[..., 0] - logits[..., 0]).abs().min() > 1e-6
    model.start += torch.randn(D)
    assert (model(x, model.begin(source))[0] - other).abs().min() > 0


def test_one_vocabulary_has_one_table_and_two_have_two():
    joint, two = build(joint=True), build()
    tables = [name for name, w in joint.named_parameters() if V in w.shape and w.dim() > 1]
    assert tables == ["embed.weight"]
    assert joint.out.W is joint.embed.weight
    tables = [name for name, _ in two.named_parameters() if name.startswith("embed")]
    assert tables == ["embed.weight", "embed_source.weight"]
    assert two.out.W is two.embed.weight
    x, ids = torch.tensor([[0, 3, 4]]), torch.tensor([[9, 3, 0]])
    logits, _ = joint(x, joint.begin(Sentences(ids, torch.ones_like(ids, dtype=torch.bool))))
    (grad,) = torch.autograd.grad(logits[0, 0, 5], joint.embed.weight)
    read = (grad != 0).any(1).nonzero().flatten().tolist()
    assert read == [0, 3, 5, 9]  # of the source, and the word that is said


@torch.no_grad()
def test_padding_may_stand_before_the_source():
    model = build().eval()
    source, x, _ = a_pair()
    logits, _ = model(x, model.begin(source))
    turned = Sentences(*(torch.stack([row.roll(S - n) for row, n in zip(t, LENGTHS, strict=True)])
                         for t in (source.ids, source.mask)))  # fmt: skip
    assert not turned.mask[1, 0]
    assert_close(model(x, model.begin(turned))[0], logits, atol=1e-12, rtol=0)


@torch.no_grad()
def test_the_memory_is_made_once_and_is_not_made_again_while_writing():
    model = build().eval()
    source, x, _ = a_pair()
    read = model.begin(source)
    calls = []
    hooks = [b.cross.kv.register_forward_hook(lambda *_: calls.append(1)) for b in model.decoder]
    hooks += [b.register_forward_hook(lambda *_: calls.append(1)) for b in model.encoder]
    carry = read
    for t in range(T):
        _, carry = model(x[:, t : t + 1], carry)
    assert not calls
    assert carry.memory is read.memory
    assert carry.past[0][0].size(2) == T
    model.begin(source)
    assert len(calls) == LAYERS + BELOW
    for hook in hooks:
        hook.remove()


@torch.no_grad()
def test_what_each_head_looks_at_is_heard_by_layer():
    model = build().eval()
    source, x, _ = a_pair()
    with listen(model, "alpha") as heard:
        model(x, model.begin(source))
    shapes = {path: tuple(a.shape) for path, (a,) in heard.items()}
    rows = len(LENGTHS)
    expected = {f"encoder.{i}.attention.alpha": (rows, HEADS, S, S) for i in range(LAYERS)}
    expected |= {f"decoder.{i}.attention.alpha": (rows, HEADS, T, T) for i in range(BELOW)}
    expected |= {f"decoder.{i}.cross.alpha": (rows, HEADS, T, S) for i in range(BELOW)}
    assert shapes == expected
    for (alpha,) in heard.values():
        assert_close(alpha.sum(-1), torch.ones_like(alpha[..., 0]), atol=1e-14, rtol=0)


def test_it_begins_as_glorot_says_and_words_as_large_as_their_positions():
    model = build(d=64, heads=4, d_ff=96, norm="pre")
    for name, w in model.state_dict().items():
        if "norm" in name or name == "start":
            continue
        if name.startswith("embed"):
            assert float(w.std()) == pytest.approx(64**-0.5, rel=0.1), name
        elif name.endswith("bias"):
            assert not w.any(), name
        else:
            fan = 64 + 96 if "mlp" in name else 64 + 64
            below = 2 if any(f".{part}." in name for part in ("q", "kv", "qkv")) else 1
            assert float(w.std()) == pytest.approx((2 / fan / below) ** 0.5, rel=0.1), name


def test_smoothing_is_of_training_alone():
    model = build(smoothing=0.1)
    source, x, y = a_pair()
    logits, _ = model(x, model.begin(source))
    p = logits.log_softmax(-1)
    said = p.gather(-1, y[..., None]).squeeze(-1)
    smoothed, _ = model.train().log_prob(x, y, model.begin(source))
    assert_close(smoothed, 0.9 * said + 0.1 * p.mean(-1), atol=1e-12, rtol=0)
    assert_close(model.eval().log_prob(x, y, model.begin(source))[0], said, atol=1e-12, rtol=0)


def test_dropout_is_off_while_writing_and_on_while_training():
    model = build(dropout=0.3, dropout_alpha=0.2)
    source, x, y = a_pair()
    a, b = (model.train().log_prob(x, y, model.begin(source))[0] for _ in "ab")
    assert (a - b).abs().min() > 0
    a, b = (model.eval().log_prob(x, y, model.begin(source))[0] for _ in "ab")
    assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"d": 10, "heads": 4}, "d = 10 cannot be shared by 4 heads"),
        ({"d": 9, "heads": 3}, "d = 9 must be even"),
        ({"smoothing": 1.0}, "less than 1"),
        ({"norm": "sandwich"}, "'pre' or 'post'"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        Config(**wrong)


def test_the_blocks_of_a_gpt_are_named_and_computed_as_before():
    """So that what was trained is read: names, shapes, and a number of a seed."""
    torch.manual_seed(0)
    model = gpt.Config(d=8, heads=2, layers=1, context=4).build(Sizes(5)).double().eval()
    inner = [n.removeprefix("blocks.0.") for n in model.state_dict() if n.startswith("blocks.0.")]
    parts = ("norm_1", "attention.qkv", "attention.o", "norm_2", "mlp.0", "mlp.2")
    assert inner == [f"{part}.{kind}" for part in parts for kind in ("weight", "bias")]
    assert model.blocks[0].mlp[0].out_features == 32
