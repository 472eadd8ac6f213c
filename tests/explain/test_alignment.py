"""The alignment of a translation: each word with the look that it was written with."""

import itertools
import re

import pytest
import torch

from malmoi.config import Sizes
from malmoi.decode import aligned, beam_steps, kept
from malmoi.errors import EmptyText, UsageError
from malmoi.explain import explain
from malmoi.explain.alignment import Alignment, Map, alignment, looks
from malmoi.explain.listen import listen
from malmoi.explain.picture import as_json
from malmoi.explain.why import from_json
from malmoi.models import bahdanau, convs2s, luong, sutskever, transformer
from malmoi.sentences import Sentences
from malmoi.tasks.translation import Translation
from malmoi.text import Bitext
from malmoi.use.translator import Translator

V, S = 9, 8
CONFIGS = {
    "bahdanau": (bahdanau.Config(d=6, d_word=4), 1),
    "luong": (luong.Config(d=6, d_word=4, layers=2), 1),
    "convs2s": (convs2s.Config(d=6, layers=1, layers_decoder=3), 3),
    "transformer": (transformer.Config(d=8, heads=2, layers=2, d_ff=8), 4),
}
source = Sentences(torch.tensor([[3, 5, 2, 0]]), torch.ones(1, 4, dtype=torch.bool))


def build(config):
    torch.manual_seed(0)
    model = config.build(Sizes(V, source=S)).double().eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return model


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_each_word_has_the_look_that_the_search_wrote_it_with(name):
    """Read once more from the beginning is what the beam heard, after its re-ordering."""
    config, maps = CONFIGS[name]
    model, heard_steps = build(config), []

    def step(x, carry):
        with listen(model, "alpha") as heard:
            answer = model(x, carry)
        cross = {k: v[0] for k, v in heard.items() if k.startswith("decoder") or k[:2] == "at"}
        crossing = {k: v for k, v in cross.items() if "cross" in k} or cross
        flat = [v if v.dim() == 4 else v[:, None] for v in crossing.values()]
        heard_steps.append(torch.cat(flat, 1)[:, :, -1].flatten(1))  # [R, maps · S]
        return answer

    x = torch.zeros(1, 1, dtype=torch.long)
    steps, (row,) = kept(beam_steps(step, model.begin(source), x, width=4, limit=6))
    for hypothesis in row:
        expected = aligned(hypothesis, steps, heard_steps, 0).view(-1, maps, 4).transpose(0, 1)
        found = torch.stack([look.alpha for look in looks(model, source, hypothesis)])
        assert found.shape == expected.shape
        assert float((found - expected).abs().max()) < 1e-12
        assert float((found.sum(-1) - 1).abs().max()) < 1e-12


def test_a_picture_names_every_word_and_comes_back_from_its_file():
    model = build(CONFIGS["transformer"][0])
    x = torch.zeros(1, 1, dtype=torch.long)
    _, (row,) = kept(beam_steps(model, model.begin(source), x, width=3, limit=5))
    written = tuple(f"낱말{t}" for t in row[0].tokens)
    words = ("나는", "학교에", "간다")
    picture = alignment(
        model, "나는 학교에 간다", source, row[0],
        source_tokens=words, target_tokens=written, translation=" ".join(written),
    )  # fmt: skip
    assert picture.source == (*words, "</s>")
    assert [part.name for part in picture.maps] == [
        f"layer {l}, head {h}" for l in (1, 2) for h in (1, 2)
    ]
    for i in range(len(picture.target)):
        assert sum(picture.together[i]) == pytest.approx(1)
        mean = sum(part.weights[i][0] for part in picture.maps) / 4
        assert picture.together[i][0] == pytest.approx(mean)
    assert from_json(as_json(picture)) == picture
    svg = picture.page().svg()
    for word in (*words, *written):
        assert word in svg


def test_names_of_a_wide_map_do_not_stand_on_each_other():
    words = tuple(f"길다란낱말{j}" for j in range(13))
    weights = tuple(tuple(float(i == j) for j in range(13)) for i in range(13))
    picture = Alignment("…", "…", words, words, (Map("", weights),))
    svg = picture.page().svg()
    at = [float(x) for x in re.findall(r"rotate\(-60 ([0-9.]+) ", svg)]
    assert len(at) == 13
    assert all(b - a >= 12 for a, b in itertools.pairwise(at) if b > a)  # a line is 12 high


def test_what_has_no_attention_or_no_word_is_refused():
    model = build(sutskever.Config(d=6, d_word=4, layers=1))
    x = torch.zeros(1, 1, dtype=torch.long)
    _, (row,) = kept(beam_steps(model, model.begin(source), x, width=1, limit=3))
    with pytest.raises(UsageError, match="no attention"):
        alignment(
            model, "a b c", source, row[0], source_tokens=("a", "b", "c"),
            target_tokens=(), translation="",
        )  # fmt: skip
    with pytest.raises(EmptyText):
        alignment(model, " ", source, row[0], source_tokens=(), target_tokens=(), translation="")


def translator(config):
    lines = ["나는 학교에 간다", "고양이가 생선을 먹는다"], ["i go to school", "the cat eats fish"]
    bitext = Bitext.learn(lambda: lines[0], lambda: lines[1], kind="words")
    torch.manual_seed(0)
    sizes = Sizes(len(bitext.target.vocabulary), source=len(bitext.source.vocabulary))
    model = config.build(sizes).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return Translator(model, bitext, Translation(data="pairs.tsv"))


def test_a_translator_is_explained_by_the_translation_that_it_writes():
    reader = translator(CONFIGS["convs2s"][0])
    text = "나는 생선을 먹는다"
    picture = explain(reader, text)
    written = reader.translate(text)
    assert picture.source == ("나는", "생선을", "먹는다", "</s>")
    assert picture.translation == written.text
    end = ["</s>"] if written.best[0].finished else []
    assert list(picture.target) == [*written.best[0].tokens, *end]
    assert [part.name for part in picture.maps] == ["layer 1", "layer 2", "layer 3"]
    with pytest.raises(EmptyText):
        explain(reader, " ")
    with pytest.raises(UsageError, match="by its alignment"):
        explain(reader, text, gradient=True)
