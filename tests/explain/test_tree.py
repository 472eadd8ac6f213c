"""The tree of a beam search: it is the search, and no word of its drawing lies over another."""

import itertools
import math
import re
import xml.etree.ElementTree as ET

import pytest
import torch

from malmoi.errors import EmptyText, UsageError
from malmoi.explain import explain
from malmoi.explain.branches import ROW, Branches, Leaf
from malmoi.explain.picture import as_json
from malmoi.explain.tree import beam_tree, continuations
from malmoi.explain.why import from_json

TEXT = "그는 어제 학교에 간다"
every = pytest.mark.parametrize("name", ["transformer", "sutskever"])


@every
@pytest.mark.parametrize("beam", [1, 2, 5])
@torch.no_grad()
def test_the_tree_is_the_search_that_translates(name, beam, translator_):
    reader = translator_(name)
    tree = beam_tree(reader, TEXT, beam=beam)
    best = reader.translate(TEXT, beam=beam, n=beam).best
    assert [said.text for said in tree.found] == [said.text for said in best]
    assert [said.score for said in tree.found] == [said.score for said in best]
    for rank, (said, right) in enumerate(zip(tree.found, best, strict=True), 1):
        words, node, last = [], said.node, tree.nodes[said.node]
        while node >= 0:
            assert tree.nodes[node].kept
            assert 1 <= tree.nodes[node].rank <= rank
            words.append(tree.nodes[node].token)
            node = tree.nodes[node].parent
        end = ["</s>"] if right.finished else []
        assert words[::-1] == [*right.tokens, *end]
        assert last.log_prob == pytest.approx(right.log_prob, abs=1e-12)


@torch.no_grad()
def test_every_word_has_the_probability_that_the_model_gives_its_text(translator_):
    reader = translator_("transformer")
    tree = beam_tree(reader, TEXT, beam=3)
    spelt = {
        reader.bitext.target.spell(i): i for i in range(2, len(reader.bitext.target.vocabulary))
    }
    ids = torch.tensor([[*reader.bitext.source.encode(TEXT), 0]])
    from malmoi.sentences import Sentences

    source = Sentences(ids, torch.ones_like(ids, dtype=torch.bool))
    for node in tree.nodes[:40]:
        y, at = [], node
        while True:
            y.append(0 if at.token == "</s>" else spelt[at.token])
            if at.parent < 0:
                break
            at = tree.nodes[at.parent]
        y = torch.tensor([y[::-1]])
        x = torch.cat([torch.zeros(1, 1, dtype=torch.long), y[:, :-1]], 1)
        logp, _ = reader.model.log_prob(x, y, reader.model.begin(source))
        assert math.isclose(float(logp.sum()), node.log_prob, abs_tol=1e-10)


@every
def test_each_step_considers_as_many_as_there_are_slots_and_drops_some(name, translator_):
    tree = explain(translator_(name), TEXT, show="beam")
    depth = []
    for node in tree.nodes:
        depth.append(depth[node.parent] + 1 if node.parent >= 0 else 0)
    assert all(depth.count(t) <= tree.width for t in set(depth))
    assert any(not node.rank for node in tree.nodes)
    parents = {node.parent for node in tree.nodes}
    assert all(node.kept or i not in parents for i, node in enumerate(tree.nodes))
    assert len({(node.parent, node.token) for node in tree.nodes}) == len(tree.nodes)
    assert from_json(as_json(tree)) == tree


@pytest.mark.parametrize("width", [350, 760])
@every
def test_no_word_of_the_tree_lies_over_another_or_leaves_it(name, width, translator_, boxes):
    svg = explain(translator_(name), TEXT, show="beam").page().svg(width)
    found = sorted(boxes(svg), key=lambda box: box[2])
    for k, a in enumerate(found):
        assert a[0] >= 0, a
        assert a[1] <= width + 1, a
        for b in itertools.takewhile(lambda b: b[2] - a[2] < 9, found[k + 1 :]):  # noqa: B023
            assert b[0] >= a[1] - 1 or b[1] <= a[0] + 1, (a, b)
    assert float(ET.fromstring(svg).get("width")) <= width + 1


def drawn(leaves, width=700):
    return Branches([Leaf(parent, word, rank, "") for parent, word, rank in leaves]).draw(width)


def test_the_best_way_is_one_line_and_what_leads_nowhere_is_grey():
    tree = [(-1, "학교", 2), (-1, "책", 1), (1, "을", 0), (1, "이", 1), (0, "에", 2), (3, "다", 1)]
    markup = drawn(tree).markup
    lines = {}
    for kind, y, word in re.findall(
        r'<text class="([a-z ]+)".*? y="([\d.]+)".*?>([^<]+)</text>', markup
    ):
        lines.setdefault(float(y), []).append((word, kind))
    assert [[word for word, _ in lines[y]] for y in sorted(lines)] == [
        ["책", "이", "다"], ["을"], ["학교", "에"],
    ]  # fmt: skip
    kinds = {word: kind for line in lines.values() for word, kind in line}
    assert kinds == {
        "책": "ink strong", "이": "ink strong", "다": "ink strong", "을": "soft",
        "학교": "ink", "에": "ink",
    }  # fmt: skip
    assert [markup.count(f'<path class="{kind}"') for kind in ("path", "mark", "rule")] == [2, 1, 1]


def test_what_is_too_wide_goes_on_below_from_the_last_word_again():
    tree = [(t - 1, f"낱말{t}", 1) for t in range(9)]
    narrow, wide = drawn(tree, 200), drawn(tree, 700)
    assert wide.height == ROW
    assert narrow.width <= 200
    assert narrow.height > 3 * ROW
    shown = re.findall(r'<text class="soft".*?</title>([^<]+)</text>', narrow.markup)
    assert shown  # the words that a line begins with were in the line above
    assert all(narrow.markup.count(f"</title>{word}</text>") == 2 for word in shown)


def test_an_empty_text_is_refused_and_a_wish_that_is_no_translators(translator_):
    with pytest.raises(EmptyText):
        explain(translator_("sutskever"), "  ", show="beam")


@pytest.mark.parametrize("name", ["ngram", "gru", "gpt"])
@pytest.mark.parametrize(("prompt", "beam"), [("오늘은", 3), ("", 4), ("the list of the words", 1)])
def test_the_tree_of_a_language_model_is_the_search_that_writes(
    name, prompt, beam, language_model_
):
    lm = language_model_(name)
    tree = continuations(lm, prompt, beam=beam, max_tokens=6)
    right = lm.generate(prompt, n=beam, beam=beam, max_tokens=6)
    assert [said.text for said in tree.found] == [g.continuation.strip() for g in right]
    for said, one in zip(tree.found, right, strict=True):
        words, node = [], said.node
        assert tree.nodes[node].log_prob == pytest.approx(one.log_prob, abs=1e-12)
        while node >= 0:
            words.append(tree.nodes[node].token)
            node = tree.nodes[node].parent
        assert words[::-1] == [*one.tokens, *(["</s>"] if one.finished else [])]
    assert from_json(as_json(tree)) == tree
    assert "The model writes on “" in tree.page().finding or "ends the line" in tree.page().finding


def test_a_classifier_has_no_beam(classifier_):
    with pytest.raises(UsageError, match="of a translator or a language model only"):
        explain(classifier_("rnn-max"), "정말 재미있는", show="beam")
