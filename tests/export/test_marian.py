"""Marian folders against `transformers`: a small random model is saved by theirs and read by ours.
The same logits, the same greedy output, and a sentence for whatever is not such a folder."""

import importlib
import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from malmoi.decode import beam, greedy
from malmoi.errors import DataError, RunError
from malmoi.export.marian import read_marian
from malmoi.sentences import Sentences

V, WRITTEN, S, T = 23, 19, 9, 7
LENGTHS = (9, 4, 1, 6)
VARIANTS = {
    "shared": {},
    "deep and shallow": {"encoder_layers": 3, "decoder_layers": 1},
    "relu": {"activation_function": "relu"},
    "gelu": {"activation_function": "gelu"},
    "two vocabularies": {
        "share_encoder_decoder_embeddings": False,
        "decoder_vocab_size": WRITTEN,
        "pad_token_id": 18,
        "decoder_start_token_id": 18,
    },
    "ids anywhere": {"pad_token_id": 5, "eos_token_id": 3, "decoder_start_token_id": 5,
                     "forced_eos_token_id": 3, "unk": 7},
}  # fmt: skip


@pytest.fixture(scope="module")
def transformers():
    if os.environ.get("CI") == "true":
        return importlib.import_module("transformers")
    why = "not run: the oracle transformers is not installed"
    return pytest.importorskip("transformers", reason=why)


def save(transformers, folder, *, attention="eager", unk=1, **other):
    """Their model, every weight far from where it begins, and its folder."""
    torch.manual_seed(1)
    made = {
        "vocab_size": V, "d_model": 12, "encoder_layers": 2, "decoder_layers": 2,
        "encoder_attention_heads": 3, "decoder_attention_heads": 3, "encoder_ffn_dim": 20,
        "decoder_ffn_dim": 20, "activation_function": "swish", "scale_embedding": True,
        "pad_token_id": V - 1, "eos_token_id": 0, "decoder_start_token_id": V - 1,
        "forced_eos_token_id": 0, "max_position_embeddings": 64, "max_length": 12, "num_beams": 1,
        "attn_implementation": attention,
    }  # fmt: skip
    config = transformers.MarianConfig(**(made | other))
    model = transformers.MarianMTModel(config).eval()
    for name, weight in model.named_parameters():
        if "embed_positions" not in name:
            spread = (0.25 if "shared" in name or "embed" in name else 0.6, 0.05)[weight.dim() < 2]
            weight.data.normal_(mean=float(name.endswith("norm.weight")), std=spread)
    model.final_logits_bias.normal_(std=0.1)
    model.save_pretrained(folder)
    for name in ("vocab.json", "target_vocab.json"):
        (folder / name).write_text(json.dumps({"<unk>": unk, "▁la": 2}))
    return model


@pytest.fixture(params=VARIANTS)
def twins(request, transformers, tmp_path):
    theirs = save(transformers, tmp_path, **VARIANTS[request.param])
    return read_marian(tmp_path), theirs


def sources(ours, theirs):
    """The same sentences in our ids and in theirs, with their padding."""
    mask = torch.arange(S) < torch.tensor(LENGTHS)[:, None]
    ids = torch.randint(1, len(ours.source), mask.shape)
    ids[torch.arange(len(LENGTHS)), torch.tensor(LENGTHS) - 1] = 0
    padded = torch.tensor(ours.source)[ids].masked_fill(~mask, theirs.config.pad_token_id)
    return Sentences(ids.masked_fill(~mask, 0), mask), padded


def exactly_placed(theirs):
    """Their positions in float64, not rounded to float32 first."""
    d = theirs.config.d_model
    t = torch.arange(64, dtype=torch.float64)[:, None]
    angle = t * 10000.0 ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    for side in (theirs.model.encoder, theirs.model.decoder):
        was = side.embed_positions.weight
        new = torch.cat([angle.sin(), angle.cos()], 1)
        assert_close(was.double(), new, atol=1e-6, rtol=0)
        side.embed_positions.weight.data = new


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@torch.no_grad()
def test_its_logits_are_those_of_transformers(twins, dtype, limit):
    ours, theirs = twins
    model, theirs = ours.model.to(dtype), theirs.to(dtype)
    if dtype == torch.float64:
        exactly_placed(theirs)
    source, padded = sources(ours, theirs)
    x = torch.randint(1, len(ours.target), (len(LENGTHS), T))
    x[:, 0] = 0
    said = torch.tensor(ours.target)[x]
    said[:, 0] = theirs.config.decoder_start_token_id
    logits, _ = model(x, model.begin(source))
    expected = theirs(
        input_ids=padded, attention_mask=source.mask.long(), decoder_input_ids=said
    ).logits
    assert_close(logits, expected[..., list(ours.target)], atol=limit, rtol=0)
    assert expected.size(-1) == len(ours.target) + 1
    assert theirs.config.pad_token_id not in ours.target


@torch.no_grad()
def test_what_they_write_greedily_is_what_transformers_writes(transformers, tmp_path):
    seen = []
    for variant in VARIANTS.values():
        theirs = save(transformers, tmp_path, **variant)
        ours = read_marian(tmp_path)
        source, padded = sources(ours, theirs)
        pad, eos = theirs.config.pad_token_id, theirs.config.eos_token_id
        expected = theirs.generate(
            input_ids=padded, attention_mask=source.mask.long(), do_sample=False, num_beams=1,
            max_new_tokens=12, bad_words_ids=[[pad]],
        )  # fmt: skip
        start = torch.zeros(len(LENGTHS), 1, dtype=torch.long)
        written = greedy(ours.model, ours.model.begin(source), start, limit=12)
        for row, mine in zip(expected.tolist(), written, strict=True):
            said = [w for w in row[1:] if w != pad]
            assert said[-1] == eos
            tokens = [ours.target[i] for i in mine.tokens]
            # of twelve, their last is </s> by force
            assert (tokens if mine.finished else tokens[:-1]) == said[:-1]
            seen.append(mine)
    assert any(h.finished and h.tokens for h in seen)
    assert any(len(set(h.tokens)) > 2 for h in seen)
    assert len({h.tokens for h in seen}) > 6


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@torch.no_grad()
def test_either_of_their_ways_of_attending_gives_ours(transformers, tmp_path, attention):
    theirs = save(transformers, tmp_path, attention=attention)
    assert theirs.config._attn_implementation == attention
    ours = read_marian(tmp_path)
    source, padded = sources(ours, theirs)
    x = torch.zeros(len(LENGTHS), 1, dtype=torch.long)
    logits, _ = ours.model(x, ours.model.begin(source))
    expected = theirs(
        input_ids=padded, attention_mask=source.mask.long(), decoder_input_ids=x + V - 1
    ).logits
    assert_close(logits, expected[..., :-1], atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_beam_scores_what_transformers_scores_without_its_padding(transformers, tmp_path):
    theirs = save(transformers, tmp_path)
    ours = read_marian(tmp_path)
    source, padded = sources(ours, theirs)
    start = torch.zeros(len(LENGTHS), 1, dtype=torch.long)
    found = beam(ours.model, ours.model.begin(source), start, width=3, limit=8)
    for row, best in enumerate(found):
        tokens = [*best[0].tokens, 0] if best[0].finished else list(best[0].tokens)
        said = torch.tensor([[V - 1, *tokens[:-1]]])
        logits = theirs(
            input_ids=padded[row : row + 1], attention_mask=source.mask[row : row + 1].long(),
            decoder_input_ids=said,
        ).logits  # fmt: skip
        logp = logits[0, :, :-1].log_softmax(-1)
        total = sum(float(logp[t, w]) for t, w in enumerate(tokens))
        assert best[0].log_prob == pytest.approx(total, abs=1e-4)


def test_weights_of_half_the_precision_are_read_in_single(transformers, tmp_path):
    theirs = save(transformers, tmp_path)
    theirs.half().save_pretrained(tmp_path)
    ours = read_marian(tmp_path)
    assert {w.dtype for w in ours.model.state_dict().values()} == {torch.float32}


def test_nothing_of_a_folder_is_left_unread_and_nothing_is_read_twice(transformers, tmp_path):
    theirs = save(transformers, tmp_path)
    ours = read_marian(tmp_path)
    trained = sum(w.numel() for n, w in theirs.named_parameters() if "embed_positions" not in n)
    mine = sum(w.numel() for w in ours.model.parameters())
    assert mine == trained + V - 1  # out.bias; `start` is the row of <pad>


def change(path, **keys):
    config = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in (config | keys).items() if v is not None}))


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"scale_embedding": False}, "scale_embedding = false"),
        ({"model_type": "bart"}, "model_type = 'bart': 'marian'"),
        ({"activation_function": "mish"}, "activation_function = 'mish'"),
        ({"normalize_before": True}, "normalize_before = true: false"),
        ({"static_position_embeddings": False}, "static_position_embeddings = false"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings = false"),
        ({"decoder_attention_heads": 4}, "decoder_attention_heads"),
        ({"decoder_ffn_dim": 4}, "decoder_ffn_dim"),
        ({"pad_token_id": V}, f"pad_token_id = {V}: below {V}"),
        ({"pad_token_id": 0}, "pad_token_id = eos_token_id"),
        ({"encoder_attention_heads": 5, "decoder_attention_heads": 5}, "a multiple of 5"),
        ({"d_model": "wide"}, "d_model"),
        ({"encoder_layers": None}, "encoder_layers"),
        ({"d_model": 24}, "is not of the size that config.json says"),
        ({"vocab_size": V + 1}, "is not of the size that config.json says"),
        ({"encoder_layers": 3}, "a weight is missing"),
        ({"encoder_layers": 1}, "no use for"),
    ],
)
def test_a_model_that_malmoi_cannot_be_is_refused_with_the_key(
    transformers, tmp_path, keys, sentence
):
    save(transformers, tmp_path)
    change(tmp_path / "config.json", **keys)
    with pytest.raises(DataError) as caught:
        read_marian(tmp_path)
    assert sentence in str(caught.value)


def test_a_pickle_is_refused_and_its_way_out_is_said(transformers, tmp_path):
    theirs = save(transformers, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(DataError, match="a pickle can run code") as caught:
        read_marian(tmp_path)
    assert "save_pretrained" in caught.value.hint
    (tmp_path / "pytorch_model.bin").rename(tmp_path / "model.safetensors")
    with pytest.raises(RunError, match="is not a safetensors file"):
        read_marian(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(RunError, match=r"model\.safetensors is missing"):
        read_marian(tmp_path)


def test_what_is_not_a_config_or_not_a_vocabulary_is_named(transformers, tmp_path):
    with pytest.raises(DataError, match=r"config\.json is missing"):
        read_marian(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config\.json is not JSON"):
        read_marian(tmp_path)
    save(transformers, tmp_path)
    (tmp_path / "vocab.json").write_text('{"<unk>": "one"}')
    with pytest.raises(DataError, match="no id for <unk>"):
        read_marian(tmp_path)


def test_a_tied_table_that_is_stored_twice_and_differs_is_refused(transformers, tmp_path):
    save(transformers, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    (table,) = (n for n in weights if n in ("lm_head.weight", "model.shared.weight"))
    weights["model.decoder.embed_tokens.weight"] = weights[table].clone()
    save_file(weights, tmp_path / "model.safetensors")
    read_marian(tmp_path)
    weights["model.decoder.embed_tokens.weight"][3, 3] += 1
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(DataError, match="tied weights differ"):
        read_marian(tmp_path)
