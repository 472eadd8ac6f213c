"""A folder of GPT-2's form as a run, and a run as such a folder: `transformers` says the same."""

import json
import os

import pytest
import torch

from malmoi import load
from malmoi.cli import run
from malmoi.config import Sizes
from malmoi.errors import DataError, RunError, UsageError
from malmoi.export.gpt2 import read_gpt2, write_gpt2
from malmoi.export.imported import import_run
from malmoi.models import gpt
from malmoi.text import Text
from tests.conftest import oracle

LINES = [
    "the cat sees the moon and the moon sees the cat",
    "오늘은 날씨가 좋다 그래서 강아지와 산책을 한다",
    "a dog draws a red ball; 그 공은 빨갛다!",
] * 5
ASKED = ["the moon sees 오늘은", "naïve 🙂 café", "", " two  spaces", "<|endoftext|> spelt out"]
BOUNDARY = "<|endoftext|>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small GPT-2 by `transformers`, its pieces by `tokenizers`."""
    transformers, tokenizers = oracle("transformers"), oracle("tokenizers")
    folder = tmp_path_factory.mktemp("gpt2") / "small"
    folder.mkdir()
    pieces = tokenizers.ByteLevelBPETokenizer()
    pieces.train_from_iterator(
        LINES, vocab_size=300, show_progress=False, special_tokens=[BOUNDARY]
    )
    pieces.save_model(str(folder))
    torch.manual_seed(5)
    end = pieces.token_to_id(BOUNDARY)
    config = transformers.GPT2Config(
        vocab_size=pieces.get_vocab_size(), n_positions=48, n_embd=24, n_layer=2, n_head=3,
        bos_token_id=end, eos_token_id=end,
    )  # fmt: skip
    model = transformers.GPT2LMHeadModel(config).eval()
    for weight in model.parameters():
        weight.data.add_(0.2 * torch.randn_like(weight))
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def theirs(folder):
    transformers = oracle("transformers")
    tokenizer = transformers.GPT2TokenizerFast.from_pretrained(folder)
    return transformers.GPT2LMHeadModel.from_pretrained(folder).eval(), tokenizer


@pytest.fixture(scope="module")
def imported(folder, tmp_path_factory):
    to = tmp_path_factory.mktemp("runs") / "gpt2"
    assert run(["import", str(folder), "--to", str(to), "-q"]) == 0
    return to


def theirs_of(tokenizer, line):
    """The ids of a text, `<|endoftext|>` before it, where the text itself spells none."""
    return [tokenizer.bos_token_id, *tokenizer(line, split_special_tokens=True).input_ids]


@torch.no_grad()
def test_it_gives_every_token_the_logit_that_transformers_gives_it(imported, theirs):
    model, tokenizer = theirs
    ours = load(imported)
    order = torch.tensor(ours.text.tokenizer.order())
    assert sorted(order.tolist()) == list(range(len(tokenizer)))
    for line in ASKED:
        there = torch.tensor([theirs_of(tokenizer, line)])
        here = torch.tensor([[0, *ours.text.encode(line)]])
        assert torch.equal(order[here], there)
        mine, _ = ours.model(here, ours.model.begin(1))
        assert torch.allclose(mine, model(there).logits[..., order], atol=1e-5)


@torch.no_grad()
def test_a_line_costs_what_transformers_says(imported, theirs):
    model, tokenizer = theirs
    scores = load(imported).score(ASKED)
    for line, score in zip(ASKED, scores, strict=True):
        ids = torch.tensor([[*theirs_of(tokenizer, line), tokenizer.eos_token_id]])
        logp = model(ids[:, :-1]).logits.log_softmax(-1).gather(-1, ids[:, 1:, None])
        assert score == pytest.approx(float(logp.sum()), abs=1e-3)


def test_a_text_comes_back_and_its_pieces_lie_where_they_were_read(imported):
    text = load(imported).text
    for line in [*LINES[:3], *ASKED]:
        assert text.decode(text.encode(line)) == line
        assert all(line[t.start : t.end] in line for t in text.tokens(line))
    spans = [(t.text, t.start, t.end) for t in text.tokens("the moon")]
    assert "".join("the moon"[start:end] for _, start, end in spans) == "the moon"
    assert 1 not in {i for line in LINES for i in text.encode(line)}


def test_it_is_a_run_that_every_verb_takes(imported, tmp_path, capsys):
    text = tmp_path / "in.txt"
    text.write_text("\n".join(LINES[:3]) + "\n", "utf-8")
    for verb in (
        ["generate", imported, "--prompt", "the cat", "--max-tokens", "5", "--seed", "1"],
        ["score", imported, text],
        ["evaluate", imported, "--data", text],
        ["next", imported, "the"],
        ["explain", imported, "the cat 개", "-o", tmp_path / "why.json"],
        ["explain", imported, "the cat", "--show", "heads", "-o", tmp_path / "heads.json"],
        ["check", imported],
    ):
        assert run([str(word) for word in verb]) == 0, (verb, capsys.readouterr().err)
        assert "BROKEN" not in capsys.readouterr().out


def test_there_and_back_nothing_is_lost(folder, imported, theirs, tmp_path):
    transformers = oracle("transformers")
    to = tmp_path / "back"
    assert run(["export", str(imported), "--to", "huggingface", "-o", str(to), "-q"]) == 0
    model, tokenizer = theirs
    back = transformers.AutoModelForCausalLM.from_pretrained(to)
    assert type(back) is type(model)
    mine, other = back.state_dict(), model.state_dict()
    assert mine.keys() == other.keys()
    assert all(torch.equal(mine[name], other[name]) for name in mine)
    again = transformers.AutoTokenizer.from_pretrained(to)
    for line in LINES[:3] + ASKED[:4]:
        assert again(line).input_ids == tokenizer(line).input_ids
        assert again.decode(again(line).input_ids) == line
    assert again(BOUNDARY).input_ids == [tokenizer.eos_token_id]
    assert "AutoTokenizer" in (to / "README.md").read_text("utf-8")


@pytest.mark.parametrize("tied", [True, False])
@torch.no_grad()
def test_a_gpt_of_ours_is_one_of_theirs(tied, tmp_path):
    transformers = oracle("transformers")
    text = Text.learn(LINES, kind="words")
    config = gpt.Config(d=16, heads=2, layers=2, context=20, tied=tied)
    torch.manual_seed(1)
    model = config.build(Sizes(vocabulary=len(text.vocabulary))).eval()
    write_gpt2(tmp_path / "ours", model, text, card="its card")
    there = transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "ours").eval()
    x = torch.tensor([[0, *text.encode(LINES[0])]])
    mine, _ = model(x, model.begin(1))
    assert torch.allclose(mine, there(x).logits, atol=1e-5)
    back = read_gpt2(tmp_path / "ours")
    assert back.config == config
    assert back.text.vocabulary == text.vocabulary
    kept = model.state_dict()
    assert all(torch.equal(kept[name], weight) for name, weight in back.model.state_dict().items())
    assert (tmp_path / "ours" / "RUN.md").read_text("utf-8") == "its card"
    with pytest.raises(UsageError, match="is there already"):
        write_gpt2(tmp_path / "ours", model, text)


@pytest.mark.parametrize(
    ("option", "said"),
    [({"norm": "post"}, "norms after each layer"), ({"adaptive": (9,), "tied": False}, "adaptive")],
)
def test_what_gpt2_cannot_be_is_said(tmp_path, option, said):
    text = Text.learn(LINES, kind="words")
    model = gpt.Config(d=8, heads=2, layers=1, **option).build(Sizes(len(text.vocabulary)))
    with pytest.raises(UsageError, match=said):
        write_gpt2(tmp_path / "no", model, text)
    assert not (tmp_path / "no").exists()


def copy_of(folder, to):
    to.mkdir()
    for name in ("config.json", "model.safetensors", "vocab.json", "merges.txt"):
        os.link(folder / name, to / name)
    return to


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"activation_function": "relu"}, "activation_function = 'relu'"),
        ({"n_inner": 7}, "n_inner = 7"),
        ({"n_head": 5}, "a multiple of n_head = 5"),
        ({"bos_token_id": 3}, "stands between texts"),
        ({"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon"),
        ({"n_embd": "wide"}, "n_embd"),
        ({"vocab_size": 290}, "not those that config.json says"),
        ({"n_layer": 1}, "no use for"),
        ({"n_layer": 3}, "a weight is missing"),
        ({"n_positions": 49}, "not of the size"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(folder, tmp_path, change, said):
    to = copy_of(folder, tmp_path / "other")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    os.unlink(to / "config.json")
    (to / "config.json").write_text(json.dumps(config | change), "utf-8")
    with pytest.raises(DataError) as told:
        import_run(to, tmp_path / "run")
    assert said in str(told.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("vocab.json", b'{"a": 0, "b": 1}', "bytes have no piece"),
        ("vocab.json", b"[1]", "no table of pieces"),
        ("vocab.json", None, "vocab.json is missing"),
        ("merges.txt", None, "merges.txt is missing"),
        ("merges.txt", b"a b c\n", "is two pieces"),
        ("merges.txt", b"a zzz\n", "not the byte-level pieces"),
        ("merges.txt", b"\xff\xfe", "cannot be read"),
        ("model.safetensors", None, "model.safetensors is missing"),
        ("model.safetensors", b"PK\x03\x04", "never reads"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_named(folder, tmp_path, name, content, said):
    to = copy_of(folder, tmp_path / "other")
    os.unlink(to / name)
    if content is not None:
        (to / name).write_bytes(content)
    with pytest.raises((DataError, RunError)) as told:
        import_run(to, tmp_path / "run")
    assert said in str(told.value)
    assert not (tmp_path / "run").exists()


def test_a_pickle_is_not_read(folder, tmp_path, capsys):
    to = copy_of(folder, tmp_path / "other")
    os.rename(to / "model.safetensors", to / "pytorch_model.bin")
    assert run(["import", str(to), "--to", str(tmp_path / "run")]) == 2
    assert "GPT2LMHeadModel" in capsys.readouterr().err
