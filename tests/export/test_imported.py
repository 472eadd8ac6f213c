"""A folder of OPUS-MT's form as a run: it translates what `transformers` translates, cut and joined
by SentencePiece itself; and every verb takes it.  An ARPA file as a run."""

import gzip
import io
import json
import os
import re
import shutil
from unicodedata import normalize

import numpy as np
import pytest
import torch

from malmoi import load
from malmoi.cli import run
from malmoi.config import Sizes
from malmoi.errors import DataError, RunError, UsageError
from malmoi.export.arpa import write_arpa
from malmoi.export.imported import import_run
from malmoi.models.ngram import Config
from malmoi.recipe import Recipe
from malmoi.run import open_run
from malmoi.text import Text
from malmoi.use import LanguageModel
from malmoi.use.laws import check
from tests.conftest import oracle

LINES = {
    "source": ["the cat sees the moon", "a dog draws a red ball", "our teacher wants a book"] * 9,
    "target": ["le chat voit la lune", "un chien trace une balle", "notre prof veut un livre"] * 9,
}
ASKED = ["the cat sees a ball", "a dog", "our red moon wants the teacher", "zzz the dog"]


@pytest.fixture(scope="module")
def opus(tmp_path_factory):
    """A small OPUS-MT folder, by `transformers` and SentencePiece, and its model."""
    transformers, sentencepiece = oracle("transformers"), oracle("sentencepiece")
    folder = tmp_path_factory.mktemp("opus") / "opus-mt-en-fr"
    folder.mkdir()
    pieces = {"</s>": 0, "<unk>": 1}
    for side, lines in LINES.items():
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=model, vocab_size=40, minloglevel=2,
            hard_vocab_limit=False,
            num_threads=1,
        )  # fmt: skip
        (folder / f"{side}.spm").write_bytes(model.getvalue())
        processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        for i in range(3, processor.vocab_size()):
            pieces.setdefault(processor.id_to_piece(i), len(pieces))
    pieces["<pad>"] = len(pieces)
    (folder / "vocab.json").write_text(json.dumps(pieces))
    pad = pieces["<pad>"]
    torch.manual_seed(4)
    config = transformers.MarianConfig(
        vocab_size=len(pieces), d_model=16, encoder_layers=2, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=24,
        decoder_ffn_dim=24, activation_function="swish", scale_embedding=True, pad_token_id=pad,
        eos_token_id=0, decoder_start_token_id=pad, forced_eos_token_id=None, num_beams=1,
        max_position_embeddings=64,
    )  # fmt: skip
    model = transformers.MarianMTModel(config).eval()
    for name, weight in model.named_parameters():
        if "embed_positions" not in name:
            spread = (0.4 if "shared" in name or "embed" in name else 0.6, 0.05)[weight.dim() < 2]
            weight.data.normal_(mean=float(name.endswith("norm.weight")), std=spread)
    model.final_logits_bias[0, 1] = -50.0
    model.save_pretrained(folder)
    return folder, model, pieces


@pytest.fixture(scope="module")
def imported(opus, tmp_path_factory):
    to = tmp_path_factory.mktemp("runs") / "en-fr"
    assert run(["import", str(opus[0]), "--to", str(to), "-q"]) == 0
    return to


@torch.no_grad()
def translated(folder, model, pieces, line, length):
    """By their own packages alone."""
    import sentencepiece

    source, target = (
        sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{side}.spm"))
        for side in LINES
    )
    ids = [[*(pieces.get(p, 1) for p in source.encode(line, out_type=str)), 0]]
    said = model.generate(
        input_ids=torch.tensor(ids), do_sample=False, num_beams=1, max_new_tokens=length,
        bad_words_ids=[[pieces["<pad>"]], [1]],
    )  # fmt: skip
    back = {i: piece for piece, i in pieces.items()}
    kept = [back[i] for i in said[0].tolist() if back[i] not in ("<pad>", "</s>")]
    return target.decode_pieces(kept)


def test_it_translates_as_transformers_and_sentencepiece_do(opus, imported):
    translator = load(imported)
    said = [translator.translate(line, beam=1, maximum=12).text for line in ASKED]
    assert said == [translated(*opus, line, 12) for line in ASKED]
    assert len(set(said)) > 2


def test_it_is_a_run_that_every_verb_takes(imported, tmp_path, capsys):
    pairs, text, why = (tmp_path / name for name in ("pairs.tsv", "in.txt", "why.json"))
    pairs.write_text("the cat\tle chat\na dog\tun chien\n", "utf-8")
    text.write_text("\n".join([*ASKED, "", ">>fra<< a dog"]) + "\n", "utf-8")
    for verb in (
        ["translate", imported, text, "--beam", "2"],
        ["evaluate", imported, "--data", pairs, "--beam", "2"],
        ["score", imported, "--pairs", pairs],
        ["explain", imported, "a dog", "-o", why],
        ["check", imported],
    ):
        assert run([str(word) for word in verb]) == 0, verb
        out = capsys.readouterr().out
        assert "BROKEN" not in out
        if verb[0] == "translate":
            assert out.count("\n") == len(ASKED) + 2
            assert out.split("\n")[len(ASKED)] == ""
    assert json.loads(why.read_text("utf-8"))


def test_what_ctranslate2_makes_of_it_is_what_it_says(imported, tmp_path):
    ctranslate2 = oracle("ctranslate2")
    to = tmp_path / "ct"
    assert run(["export", str(imported), "--to", "ctranslate2", "-o", str(to), "-q"]) == 0
    translator, ours = ctranslate2.Translator(str(to), intra_threads=1), load(imported)
    split, join = ours.bitext.source.split, ours.bitext.target.tokenizer.join
    found = translator.translate_batch(
        [split(line) for line in ASKED], beam_size=1, disable_unk=True, max_decoding_length=12,
        min_decoding_length=0,
    )  # fmt: skip
    said = [ours.translate(line, beam=1, maximum=12).text for line in ASKED]
    assert [join(each.hypotheses[0]) for each in found] == said
    pairs = list(zip(ASKED, LINES["target"], strict=False))
    scores = translator.score_batch(
        [split(s) for s, _ in pairs], [ours.bitext.target.split(t) for _, t in pairs]
    )
    assert [sum(s.log_probs) for s in scores] == pytest.approx(ours.score(pairs), abs=1e-3)


def test_its_recipe_and_its_card_say_what_is_known(opus, imported):
    opened = open_run(imported)
    recipe = Recipe.from_toml(opened.recipe)
    assert recipe.task.data == ""
    assert recipe.task.tokens == "sentencepiece"
    assert recipe.task.joint
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert (recipe.model.layers, recipe.model.layers_decoder) == (2, 1)
    assert len(opened.model["data"]["model.safetensors"]) == 64
    card = (imported / "README.md").read_text("utf-8")
    assert card.startswith("# opus-mt-en-fr, a translator")
    assert f"{opened.report['parameters']:,} parameters" in card
    assert opened.metrics == []


def test_every_law_is_kept(imported):
    findings = list(check(load(imported)))
    assert len(findings) > 5
    assert all(finding.ok for finding in findings)


def test_measuring_it_needs_pairs_of_ones_own(imported, capsys):
    assert run(["evaluate", str(imported)]) == 2
    err = capsys.readouterr().err
    assert "has no data of its own" in err
    assert "--data" in err


def test_a_run_is_not_written_over(opus, imported, tmp_path):
    with pytest.raises(RunError, match="there is a run in"):
        import_run(opus[0], imported)
    open_run(imported)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        import_run(opus[0], tmp_path)
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_a_folder_that_is_none_leaves_nothing_behind(opus, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(opus[0], broken)
    (broken / "source.spm").write_bytes(b"rubbish")
    with pytest.raises(DataError, match=r"source\.spm cannot be read"):
        import_run(broken, tmp_path / "to")
    weights = broken / "model.safetensors"
    torch.save({"a": torch.zeros(1)}, broken / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(DataError, match="a pickle can run code") as caught:
        import_run(broken, tmp_path / "to")
    assert "save_pretrained" in caught.value.hint
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (None, "does not exist"),
        ({}, "it is empty"),
        ({"notes.txt": ""}, r"no model that malmoi knows\n  notes\.txt"),
        ({"config.json": '{"model_type": "bert"}'}, "model_type = 'bert': marian, gpt2"),
        ({"config.json": "[]"}, "model_type = None: marian, gpt2"),
        ({"config.json": "{"}, "is not JSON"),
        ({"model.npz": "", "decoder.yml": "", "vocab.yml": ""}, "Marian's own program"),
        ({"model.bin": "", "shared_vocabulary.json": "", "config.json": "{}"}, "of CTranslate2"),
    ],
)
def test_another_folder_is_refused_and_what_it_is_is_said(tmp_path, files, sentence):
    folder = tmp_path / "folder"
    if files is not None:
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
    with pytest.raises(DataError) as caught:
        import_run(folder, tmp_path / "to")
    assert re.search(sentence, str(caught.value))
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("packed", [False, True])
def test_an_arpa_file_is_a_run_that_scores_and_writes_as_the_model_it_came_from(
    packed, capsys, tmp_path
):
    lines = ["the cat sees the moon", "오늘은 <unk> 비가 온다", "the dog sees a cat"] * 4
    text = Text.learn(lines, kind="given")
    stream = [0, *(i for line in lines for i in (*text.encode(line), 0))]
    model = Config(order=3).build(Sizes(len(text.vocabulary)))
    model.estimate(np.array(stream, np.uint16))
    path = tmp_path / ("m.arpa.gz" if packed else "m.arpa")
    write_arpa(tmp_path / "m.arpa", model, text.vocabulary.types)
    if packed:
        path.write_bytes(gzip.compress((tmp_path / "m.arpa").read_bytes()))
    assert run(["import", str(path), "--to", str(tmp_path / "run"), "-q"]) == 0
    made, lm = load(tmp_path / "run"), LanguageModel(model, text)
    asked = [*lines[:3], "a moon", normalize("NFD", "오늘은 비가"), "never seen"]
    assert made.score(asked) == pytest.approx(lm.score(asked), abs=1e-9)
    assert made.generate("the", beam=3)[0].text == lm.generate("the", beam=3)[0].text
    assert all(law.ok for law in check(made))
    kept = Recipe.load(tmp_path / "run" / "recipe.toml")
    assert (kept.task.tokens, kept.model) == ("given", Config(order=3, estimator="arpa"))
    assert run(["export", str(tmp_path / "run"), "--to", "arpa", "-o", str(tmp_path / "n")]) == 0
    capsys.readouterr()
    assert run(["evaluate", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.startswith("error: which text?")
    assert (tmp_path / "n").read_bytes() == (tmp_path / "m.arpa").read_bytes()


def test_words_of_an_arpa_file_are_composed_and_two_that_become_one_are_refused(tmp_path):
    grams = "\\data\\\nngram 1={}\n\n\\1-grams:\n-1\t</s>\n-99\t<s>\n{}\n\\end\\\n"
    one, two = normalize("NFD", "말"), normalize("NFC", "말")
    (tmp_path / "a.arpa").write_text(grams.format(3, f"-1\t{one}"))
    import_run(tmp_path / "a.arpa", tmp_path / "run")
    assert load(tmp_path / "run").text.encode(two) == [2] == load(tmp_path / "run").text.encode(one)
    for first, second in ((one, two), ("\u212b", "A\u030a")):  # of the last, neither is composed
        (tmp_path / "b.arpa").write_text(grams.format(4, f"-1\t{first}\n-1\t{second}"))
        with pytest.raises(DataError, match=f"two forms of Unicode\n.*{normalize('NFC', first)}"):
            import_run(tmp_path / "b.arpa", tmp_path / "other")
        assert not (tmp_path / "other").exists()


def test_a_file_and_a_run_are_refused(imported, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file, not a folder"):
        import_run(tmp_path / "file", tmp_path / "to")
    with pytest.raises(UsageError, match="is a run of malmoi already"):
        import_run(imported, tmp_path / "to")
