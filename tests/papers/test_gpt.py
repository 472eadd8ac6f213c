"""GPT against `transformers` with the same weights: GPT-2 (norms before), OpenAI's first GPT (norms
after), their gradients, their attention; what a cache remembers and how far it reaches."""

import importlib
import os

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from malmoi.config import Sizes
from malmoi.errors import UsageError
from malmoi.explain.listen import listen
from malmoi.models.gpt import Config

V, D, HEADS, LAYERS, CONTEXT = 31, 24, 4, 3, 20
SIZES = {"vocab_size": V, "n_positions": CONTEXT, "n_embd": D, "n_layer": LAYERS, "n_head": HEADS}
PLACES = (
    ("norm_1", "ln_1"),
    ("attention.qkv", "attn.c_attn"),
    ("attention.o", "attn.c_proj"),
    ("norm_2", "ln_2"),
    ("mlp.0", "mlp.c_fc"),
    ("mlp.2", "mlp.c_proj"),
)
"""Ours and theirs.  Theirs multiply from the other side, so what is not a norm is transposed."""


def pairs(norm):
    """Each of our names beside theirs, and whether it is transposed."""
    first = norm == "post"
    yield "embed.weight", f"transformer.{'tokens_embed' if first else 'wte'}.weight", False
    yield "positions.weight", f"transformer.{'positions_embed' if first else 'wpe'}.weight", False
    for layer in range(LAYERS):
        for ours, theirs in PLACES:
            for kind in ("weight", "bias"):
                yield (
                    f"blocks.{layer}.{ours}.{kind}",
                    f"transformer.h.{layer}.{theirs}.{kind}",
                    kind == "weight" and "ln" not in theirs,
                )
    if not first:
        yield "norm.weight", "transformer.ln_f.weight", False
        yield "norm.bias", "transformer.ln_f.bias", False


def peers(norm):
    """Our GPT and theirs, with the same weights in float64."""
    if os.environ.get("CI") == "true":
        transformers = importlib.import_module("transformers")
    else:
        why = "not run: the oracle transformers is not installed"
        transformers = pytest.importorskip("transformers", reason=why)
    torch.manual_seed(3)
    none = {"embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0}
    if norm == "pre":
        config = transformers.GPT2Config(**SIZES, **none, attn_implementation="eager")
        theirs = transformers.GPT2LMHeadModel(config)
    else:
        config = transformers.OpenAIGPTConfig(**SIZES, **none, afn="gelu")
        theirs = transformers.OpenAIGPTLMHeadModel(config)
    ours = Config(d=D, heads=HEADS, layers=LAYERS, context=CONTEXT, norm=norm).build(Sizes(V))
    ours, theirs = ours.double().eval(), theirs.double().eval()
    for weight in theirs.parameters():
        weight.data.add_(torch.randn_like(weight), alpha=0.2)  # norms and biases, too
    state = theirs.state_dict()
    mine = {name: state[peer].T if turned else state[peer] for name, peer, turned in pairs(norm)}
    assert set(mine) == set(ours.state_dict())
    ours.load_state_dict(mine)
    return ours, theirs


@pytest.fixture(scope="module", params=["pre", "post"])
def twins(request):
    return request.param, *peers(request.param)


def test_gpt_says_what_transformers_says(twins):
    _, ours, theirs = twins
    x = torch.randint(V, (2, CONTEXT))
    with torch.no_grad():
        logits, _ = ours(x, ours.begin(2))
        assert_close(logits, theirs(x).logits, atol=1e-10, rtol=0)


def test_gpt_learns_what_transformers_learns(twins):
    norm, ours, theirs = twins
    x = torch.randint(V, (2, CONTEXT))
    logp, _ = ours.log_prob(x[:, :-1], x[:, 1:], ours.begin(2))
    loss = cross_entropy(theirs(x).logits[:, :-1].flatten(0, 1), x[:, 1:].flatten())
    assert_close(-logp.mean(), loss, atol=1e-12, rtol=0)
    ours.zero_grad(), theirs.zero_grad()
    (-logp.mean()).backward()
    loss.backward()
    for name, peer, turned in pairs(norm):
        mine, other = ours.get_parameter(name).grad, theirs.get_parameter(peer).grad
        assert_close(mine, other.T if turned else other, atol=1e-12, rtol=0, msg=name)


def test_the_attention_heard_is_the_attention_transformers_returns(twins):
    _, ours, theirs = twins
    x = torch.randint(V, (2, 9))
    with torch.no_grad(), listen(ours, "alpha") as heard:
        ours(x, ours.begin(2))
        their_alphas = theirs(x, output_attentions=True).attentions
    assert list(heard) == [f"blocks.{layer}.attention.alpha" for layer in range(LAYERS)]
    for (alpha,), theirs_alpha in zip(heard.values(), their_alphas, strict=True):
        assert_close(alpha, theirs_alpha, atol=1e-12, rtol=0)


def test_gpt_reads_to_the_last_position_and_refuses_to_read_past_it():
    model = Config(d=8, heads=2, layers=1, context=6).build(Sizes(V)).eval()
    _, carry = model(torch.randint(V, (1, 5)), model.begin(1))
    _, carry = model(torch.randint(V, (1, 1)), carry)
    with pytest.raises(UsageError, match="cannot read that far") as caught:
        model(torch.randint(V, (1, 2)), carry)
    assert caught.value.where == ("6 tokens read and 2 more; context = 6",)
    with pytest.raises(UsageError):
        model.log_prob(torch.randint(V, (1, 7)), torch.randint(V, (1, 7)), model.begin(1))


def test_weights_that_write_into_the_residual_begin_smaller():
    model = Config(d=64, heads=2, layers=8, context=6).build(Sizes(V))
    spread = {name: float(w.std()) for name, w in model.state_dict().items() if w.dim() > 1}
    small = {name for name in spread if name.endswith(("attention.o.weight", "mlp.2.weight"))}
    assert len(small) == 16
    for name, std in spread.items():
        assert std == pytest.approx(0.02 / 4 if name in small else 0.02, rel=0.1)


def test_a_width_that_the_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="d = 10 cannot be shared by 3 heads"):
        Config(d=10, heads=3)
