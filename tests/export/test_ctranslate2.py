"""A Transformer in CTranslate2's hands: what it writes and what it says of a pair is what we do."""

import json
import sys

import pytest
import torch

from malmoi.config import Sizes
from malmoi.decode.hypothesis import LengthPenalty
from malmoi.decode.translation import translations
from malmoi.errors import SaveError, UsageError
from malmoi.export.ctranslate2 import PLACES, write_ctranslate2
from malmoi.models.transformer import Config
from malmoi.sentences import Sentences
from malmoi.text import Bitext, Text
from tests.conftest import oracle

LIMIT = 16
SOURCES = ["w1", "w3 w2", "w0 w0 w5 w9 w2", "w8 w7 w6 w5 w4 w3 w2 w1 w0", "nix w4 w6", "w9 nix",
           "w2 w2 w2 w2", "w6 w1 w8"]  # fmt: skip
TARGETS = ["w4", "", "w1 w2 w3", "w0 nix w11 w3", "w7 w7 w7 w7 w7", "w2", "w10 w9", "nix"]
SHAPES = [
    {"norm": norm, "activation": activation, "layers_decoder": layers}
    for norm in ("pre", "post")
    for activation, layers in (("relu", 1), ("gelu", 3), ("gelu-tanh", 2), ("swish", 2))
]


@pytest.fixture(scope="module")
def ctranslate2():
    return oracle("ctranslate2")


def words(n, *more, kind="words"):
    return Text.learn([" ".join([*(f"w{i}" for i in range(n)), *more])], kind=kind)


def build(*, joint=False, bitext=None, seed=1, **shape):
    """A small model, every weight far from where it begins, that hears its source."""
    if bitext is None:
        target = words(12)
        bitext = Bitext(target if joint else words(10), target)
    sizes = Sizes(len(bitext.target.vocabulary), source=len(bitext.source.vocabulary), joint=joint)
    made = {"d": 12, "heads": 3, "layers": 2, "d_ff": 20, "dropout": 0.0}
    model = Config(**(made | shape)).build(sizes).eval()
    torch.manual_seed(seed)
    for name, weight in model.named_parameters():
        spread = 0.6 if "embed" in name or name == "start" else 1.5 if "cross" in name else 0.5
        spread = spread if weight.dim() > 1 or name == "start" else 0.2
        weight.data.normal_(mean=float("norm" in name and "weight" in name), std=spread)
    return model, bitext


def sharp(model):
    """Seldom in doubt, and never for `<unk>`: as a model that has learnt."""
    last = model.norm_decoder if model.config.norm == "pre" else model.decoder[-1].norm_3
    last.weight.data *= 4.0
    last.bias.data *= 4.0
    model.out.bias.data[1] -= 20.0


def theirs(ctranslate2, folder):
    return ctranslate2.Translator(str(folder), inter_threads=1, intra_threads=1)


def written(ctranslate2, model, bitext, folder, **options):
    write_ctranslate2(folder, model, bitext, **options)
    return theirs(ctranslate2, folder)


@torch.no_grad()
def log_prob(model, bitext, source, target):
    """Of each token of the target, and of its end."""
    read = torch.tensor([[*bitext.source.encode(source), 0]])
    y = torch.tensor([[*bitext.target.encode(target), 0]])
    x = y.roll(1, 1)
    logp, _ = model.log_prob(x, y, model.begin(Sentences(read, torch.ones_like(read) > 0)))
    return logp[0].tolist()


def scored(translator, bitext, pairs):
    found = translator.score_batch(
        [bitext.source.split(source) for source, _ in pairs],
        [bitext.target.split(target) for _, target in pairs],
    )
    return [each.log_probs for each in found]


def worst(model, bitext, translator, pairs):
    """The largest difference of what the two say of a token."""
    ours = [log_prob(model, bitext, *pair) for pair in pairs]
    found = scored(translator, bitext, pairs)
    assert list(map(len, found)) == list(map(len, ours))
    return max(abs(a - b) for o, f in zip(ours, found, strict=True) for a, b in zip(o, f))  # noqa: B905


def searched(model, bitext, *, beam, alpha):
    ids = [[*bitext.source.encode(line), 0] for line in SOURCES]
    found = translations(
        model, ids, limit=lambda size: LIMIT, width=beam, penalty=LengthPenalty("power", alpha),
        forbid=(1,),
    )  # fmt: skip
    return [best[0] for best in found]


def asked(translator, bitext, *, beam, alpha):
    """patience: their search, too, goes on until nothing open can win."""
    found = translator.translate_batch(
        [bitext.source.split(line) for line in SOURCES], beam_size=beam, length_penalty=alpha,
        max_decoding_length=LIMIT, min_decoding_length=0, disable_unk=True, patience=LIMIT,
    )  # fmt: skip
    return [each.hypotheses[0] for each in found]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s['norm']} {s['activation']}")
@pytest.mark.parametrize("joint", [False, True])
def test_it_says_of_every_token_what_we_say(ctranslate2, tmp_path, joint, shape):
    model, bitext = build(joint=joint, **shape)
    translator = written(ctranslate2, model, bitext, tmp_path / "ct")
    assert worst(model, bitext, translator, list(zip(SOURCES, TARGETS, strict=True))) < 1e-4


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s['norm']} {s['activation']}")
@pytest.mark.parametrize("joint", [False, True])
def test_it_writes_what_we_write(ctranslate2, tmp_path, joint, shape):
    model, bitext = build(joint=joint, **shape)
    sharp(model)
    translator = written(ctranslate2, model, bitext, tmp_path / "ct")
    type_of, seen = bitext.target.vocabulary.type, set()
    for beam, alpha in ((1, 0.0), (4, 0.0), (4, 1.0)):
        ours = searched(model, bitext, beam=beam, alpha=alpha)
        said = [[type_of(i) for i in best.tokens] for best in ours]
        assert asked(translator, bitext, beam=beam, alpha=alpha) == said
        seen |= set(map(tuple, said))
    assert len(seen) > 1


def test_their_score_is_ours_the_mean_of_a_token_with_its_end(ctranslate2, tmp_path):
    model, bitext = build(norm="pre")
    model.out.bias.data += torch.tensor([4.0, -20.0] + [0.0] * 12)
    translator = written(ctranslate2, model, bitext, tmp_path / "ct")
    found = translator.translate_batch(
        [bitext.source.split(line) for line in SOURCES], beam_size=4, num_hypotheses=4,
        min_decoding_length=0, max_decoding_length=LIMIT, return_scores=True, patience=LIMIT,
    )  # fmt: skip
    lengths = set()
    for line, each in zip(SOURCES, found, strict=True):
        for text, score in zip(each.hypotheses, each.scores, strict=True):
            if len(text) < LIMIT:  # it has ended
                lengths.add(len(text))
                logp = log_prob(model, bitext, line, " ".join(text))
                assert score == pytest.approx(sum(logp) / len(logp), abs=1e-4)
    assert len(lengths) > 1


def test_what_begins_a_text_is_never_written(ctranslate2, tmp_path):
    model, bitext = build()
    model.start.data.mul_(50.0)
    translator = written(ctranslate2, model, bitext, tmp_path / "ct")
    every = translator.translate_batch(
        [bitext.source.split(line) for line in SOURCES], beam_size=12, num_hypotheses=12,
        max_decoding_length=3,
    )  # fmt: skip
    said = {token for each in every for text in each.hypotheses for token in text}
    assert said
    assert said <= {*bitext.target.vocabulary.types, "<unk>"}
    whole = [log_prob(model, bitext, "w1", t)[0] for t in bitext.target.vocabulary.types]
    found = scored(translator, bitext, [("w1", t) for t in bitext.target.vocabulary.types])
    assert [f[0] for f in found] == pytest.approx(whole, abs=1e-4)


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("literal", ["<s>", "</s>", "<unk>"])
@pytest.mark.parametrize("known", [False, True])
def test_a_text_that_spells_a_special_token_is_read_as_its_words(
    ctranslate2, tmp_path, literal, known, joint
):
    text = words(9, *([literal] if known else []), kind="given")
    other = text if joint else words(12, "</s>", kind="given")
    model, bitext = build(bitext=Bitext(text, other), joint=joint)
    translator = written(ctranslate2, model, bitext, tmp_path / "ct")
    pairs = [(f"w1 {literal} w2", "w3"), (literal, "w1 w1"), (f"{literal} {literal}", ""),
             ("w4", literal if literal in other.vocabulary else "w2")]  # fmt: skip
    assert worst(model, bitext, translator, pairs) < 1e-4
    own = 2 + known
    assert bitext.source.encode(literal) == [
        own - 1 if not known else bitext.source.vocabulary.id(literal)
    ]


def test_an_empty_source_is_answered_by_an_empty_text(ctranslate2, tmp_path):
    model, bitext = build()
    translator = written(ctranslate2, model, bitext, tmp_path / "ct")
    empty, alone = [
        translator.translate_batch(lines, max_decoding_length=9)
        for lines in ([[], ["w1"]], [["w1"]])
    ]
    assert empty[0].hypotheses == [[]]
    assert empty[1].hypotheses == alone[0].hypotheses != [[]]


def test_a_long_text_has_places_enough(ctranslate2, tmp_path):
    model, bitext = build(norm="pre", layers=1)
    translator = written(ctranslate2, model, bitext, tmp_path / "ct")
    long = " ".join(f"w{i % 7}" for i in range(1_023))
    pair = (long, long[:900])
    found = translator.score_batch(
        [bitext.source.split(pair[0])], [bitext.target.split(pair[1])], max_input_length=0
    )
    assert found[0].log_probs == pytest.approx(log_prob(model, bitext, *pair), abs=1e-4)
    with pytest.raises(RuntimeError, match="position"):
        translator.score_batch([["w1"] * (PLACES + 1)], [["w1"]], max_input_length=0)


@pytest.mark.parametrize(
    ("quantization", "limit"),
    [("float32", 1e-4), ("float16", 0.02), ("bfloat16", 0.2), ("int16", 1.0), ("int8", 1.0),
     ("int8_float32", 1.0), ("int8_float16", 1.0), ("int8_bfloat16", 1.0)],
)  # fmt: skip
def test_every_quantization_is_near_and_leaves_the_model_as_it_is(
    ctranslate2, tmp_path, quantization, limit
):
    model, bitext = build(norm="pre", joint=True)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    translator = written(ctranslate2, model, bitext, tmp_path / "ct", quantization=quantization)
    assert worst(model, bitext, translator, list(zip(SOURCES, TARGETS, strict=True))) < limit
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


@pytest.mark.parametrize("joint", [False, True])
def test_nothing_is_stored_twice(tmp_path, ctranslate2, joint):
    model, bitext = build(joint=joint)
    write_ctranslate2(tmp_path / "ct", model, bitext)
    numbers = sum(weight.numel() for weight in model.parameters()) + PLACES * 12
    size = (tmp_path / "ct" / "model.bin").stat().st_size
    assert 4 * numbers < size < 4 * numbers + 12_000  # names
    names = {path.name for path in (tmp_path / "ct").iterdir()}
    assert ("shared_vocabulary.json" in names) == joint


def test_its_texts_lie_beside_it(ctranslate2, tmp_path):
    model, bitext = build()
    write_ctranslate2(tmp_path / "deep" / "ct", model, bitext, card="# the run\n")
    folder = tmp_path / "deep" / "ct"
    loaded = Bitext.load(folder / "text")
    assert loaded.source.vocabulary == bitext.source.vocabulary
    assert loaded.target.vocabulary == bitext.target.vocabulary
    assert (folder / "RUN.md").read_text() == "# the run\n"
    assert json.loads((folder / "config.json").read_text())["decoder_start_token"] == "<s>"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["ct"]


def test_what_cannot_be_is_refused_and_leaves_nothing(ctranslate2, tmp_path, monkeypatch):
    model, bitext = build()
    with pytest.raises(UsageError, match="no quantization 'int4'") as caught:
        write_ctranslate2(tmp_path / "ct", model, bitext, quantization="int4")
    assert caught.value.hint == "did you mean 'int8'?"
    (tmp_path / "there").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        write_ctranslate2(tmp_path / "there", model, bitext)
    (tmp_path / "there").unlink()

    def full(self, folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Bitext, "save", full)
    with pytest.raises(SaveError, match="no space left"):
        write_ctranslate2(tmp_path / "ct", model, bitext)
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_its_name_is_said(tmp_path, monkeypatch):
    model, bitext = build()
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    with pytest.raises(UsageError, match="not installed") as caught:
        write_ctranslate2(tmp_path / "ct", model, bitext)
    assert caught.value.hint == "pip install 'malmoi[ct2]'"
