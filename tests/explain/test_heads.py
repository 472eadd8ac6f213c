"""The heads of a Transformer: their weights by the equation, and how they are drawn."""

import math
import re

import numpy as np
import pytest
import torch

from malmoi.errors import EmptyText, UsageError
from malmoi.explain import explain
from malmoi.explain.heads import Head, habits
from malmoi.explain.heat import Heat
from malmoi.explain.page import standalone
from malmoi.explain.picture import as_json
from malmoi.explain.tiles import Tiles
from malmoi.explain.why import from_json

TEXT = "그는 어제 학교에 간다"


@pytest.fixture(scope="module")
def picture(translator_):
    return explain(translator_("transformer"), TEXT, show="heads")


def softmax(e):
    p = np.exp(e - e.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def test_there_is_a_map_for_every_layer_and_head_and_its_rows_sum_to_one(picture):
    assert [(one.part, one.layer, one.head) for one in picture.maps] == [
        *[("encoder", layer, head) for layer in (1, 2) for head in (1, 2)],
        *[(part, 1, head) for part in ("decoder", "cross") for head in (1, 2)],
    ]
    S, T = len(picture.source), len(picture.target)
    shapes = {"encoder": (S, S), "decoder": (T, T), "cross": (T, S)}
    for one in picture.maps:
        assert np.shape(one.weights) == shapes[one.part]
        assert np.allclose(np.sum(one.weights, 1), 1, atol=1e-12)
        if one.part == "decoder":
            assert not np.triu(one.weights, 1).any()


def test_the_heads_of_the_first_layer_are_the_equation_of_the_paper(picture, translator_):
    reader = translator_("transformer")
    model, d, k = reader.model, 8, 4
    w = {name: t.numpy() for name, t in model.state_dict().items()}
    ids = [*reader.bitext.source.encode(TEXT), 0]
    t, i = np.arange(len(ids))[:, None], np.arange(0, d, 2)
    angle = t / 10000 ** (i / d)
    PE = np.stack([np.sin(angle), np.cos(angle)], -1).reshape(len(ids), d)
    x = math.sqrt(d) * w["embed_source.weight"][ids] + PE
    q, key, _ = np.split(
        x @ w["encoder.0.attention.qkv.weight"].T + w["encoder.0.attention.qkv.bias"], 3, -1
    )
    for head in range(2):
        part = slice(head * k, head * k + k)
        alpha = softmax(q[:, part] @ key[:, part].T / math.sqrt(k))
        assert np.allclose(picture.maps[head].weights, alpha, atol=1e-12)


def test_it_is_of_the_translation_that_translate_writes(picture, translator_):
    written = translator_("transformer").translate(TEXT)
    assert picture.translation == written.text
    assert picture.source == (*TEXT.split(), "</s>")
    end = ["</s>"] if written.best[0].finished else []
    assert list(picture.target) == [*written.best[0].tokens, *end]
    assert from_json(as_json(picture)) == picture


@pytest.mark.parametrize("width", [350, 760])
def test_no_name_leaves_the_picture(picture, width, boxes):
    for left, right, _, _, text in boxes(picture.page().svg(width)):
        assert left >= 0, text
        assert right <= width + 1, text


NAMES = ["도서관에서", "yesterday", "a", "책을", "읽었다", "</s>"]
EYE = Heat(NAMES, NAMES, np.eye(6).tolist(), "…")


def test_a_map_is_cut_only_where_its_narrowest_cells_have_no_room():
    for width in range(math.ceil(EYE.least), 420, 23):
        drawn = EYE.draw(width)
        assert drawn.markup.count(">a</text>") == 2, width  # a row's name, a column's
        assert drawn.width <= width + 0.01
    assert EYE.draw(EYE.least - 40).markup.count(">a</text>") == 3  # the row's again


def test_maps_stand_in_lines_of_like_length(boxes):
    tiles = Tiles([(f"head {h}", EYE) for h in range(4)])
    three = EYE.least * 3 + 60  # room for three in a line: two and two
    tops = [
        y for _, _, y, _, text in sorted(boxes(standalone(tiles.draw(three), ""))) if "head" in text
    ]
    assert [tops.count(y) for y in sorted(set(tops))] == [2, 2]
    assert tiles.draw(three).width <= three + 0.01
    narrow = [
        y for _, _, y, _, text in boxes(standalone(tiles.draw(EYE.least), "")) if "head" in text
    ]
    assert len(set(narrow)) == 4


def test_what_has_no_heads_or_no_word_is_refused(translator_):
    for name in ("convs2s", "sutskever"):
        with pytest.raises(UsageError, match="only a Transformer"):
            explain(translator_(name), TEXT, show="heads")
    with pytest.raises(EmptyText):
        explain(translator_("transformer"), " ", show="heads")


def test_listening_to_heads_leaves_the_model_as_it_was(translator_):
    reader = translator_("transformer")
    before = reader.translate(TEXT)
    explain(reader, TEXT, show="heads")
    assert reader.translate(TEXT) == before
    assert torch.is_grad_enabled()


def test_a_faint_cell_is_left_white_and_the_others_are_as_they_were():
    values = [[0.9, 0.004, 0.096], [0.0, 1.0, 0.0]]
    full = Heat(["a", "b"], ["x", "y", "z"], values, "…", strongest=1.0).draw(300)
    sparse = Heat(["a", "b"], ["x", "y", "z"], values, "…", strongest=1.0, faint=0.005).draw(300)
    assert (full.width, full.height) == (sparse.width, sparse.height)

    def cells(drawn):
        return re.findall(r'x="([\d.]+)" y="([\d.]+)"[^>]*fill-opacity="([\d.]+)"', drawn.markup)

    assert len(cells(full)) == 6
    assert cells(sparse) == [cell for cell in cells(full) if float(cell[2]) > 0.005]
    assert len(cells(sparse)) == 3
    (lines,) = re.findall(r'class="cell empty" d="([^"]+)"', sparse.markup)
    assert (lines.count("h"), lines.count("v")) == (3, 4)


# ------------------------------------------------------------------ a GPT


def test_the_heads_of_a_gpt_look_back_only_and_the_first_layer_is_the_equation(language_model_):
    lm = language_model_("gpt")
    picture = explain(lm, "the list 비가 온다", show="heads")
    assert [(one.part, one.layer, one.head) for one in picture.maps] == [
        ("self", layer, head) for layer in (1, 2) for head in (1, 2)
    ]
    w = {name: t.numpy() for name, t in lm.model.state_dict().items()}
    ids = [0, *lm.text.encode("the list 비가 온다")]
    x = w["embed.weight"][ids] + w["positions.weight"][: len(ids)]
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    norm = next(name for name in w if name.startswith("blocks.0.") and "norm" in name).rsplit(".")
    first = ".".join(norm[:3])
    x = x * w[f"{first}.weight"] + w[f"{first}.bias"]
    qkv = x @ w["blocks.0.attention.qkv.weight"].T + w["blocks.0.attention.qkv.bias"]
    q, key, _ = np.split(qkv, 3, -1)
    later = np.triu(np.ones((len(ids), len(ids))), 1) > 0
    for head in range(2):
        part = slice(head * 4, head * 4 + 4)
        e = np.where(later, -np.inf, q[:, part] @ key[:, part].T / 2)
        assert np.allclose(picture.maps[head].weights, softmax(e), atol=1e-10)
    assert from_json(as_json(picture)) == picture
    assert ">&lt;s&gt;<" in picture.page().html()


@torch.no_grad()
def test_a_gpt_that_is_looked_at_says_what_it_always_says(language_model_):
    lm = language_model_("gpt")
    before = lm.tokens("the list 비가 온다")
    explain(lm, "the list 비가 온다", show="heads")
    assert lm.tokens("the list 비가 온다") == before


def test_habits_name_the_head_that_looks_there_most():
    T = 5
    before = np.eye(T, k=-1)
    before[0, 0] = 1
    first = np.zeros((T, T))
    first[:, 0] = 1
    maps = [
        Head("self", 1, h, tuple(map(tuple, weights.tolist())))
        for h, weights in enumerate((np.eye(T), 0.75 * before + 0.25 * first, first), 1)
    ]
    assert habits(maps) == (
        "The word before is looked at most by head 2 of layer 1 (0.75 on average); the word itself "
        "by head 1 of layer 1 (1.00 on average); the beginning by head 3 of layer 1 (1.00 on "
        "average)."
    )


def test_a_text_beyond_the_context_and_a_model_without_heads_are_refused(language_model_):
    with pytest.raises(UsageError, match="8 tokens, context = 8"):
        explain(language_model_("gpt"), "the list " * 4, show="heads")
    for name in ("lstm", "ngram"):
        with pytest.raises(UsageError, match="no heads"):
            explain(language_model_(name), "the list", show="heads")
