"""The map of words and of phrases: what lies on it, and where."""

import html
import itertools
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from sklearn.decomposition import PCA

from malmoi import cli
from malmoi.config import Sizes
from malmoi.data.examples import Pair
from malmoi.decode.translation import sentences
from malmoi.errors import DataError, UsageError
from malmoi.explain import mapping
from malmoi.explain.planes import nearest, pca, tsne
from malmoi.explain.scatter import Dot, Scatter, crowded
from malmoi.explain.summaries import named, summary, table
from malmoi.explain.why import from_json
from malmoi.models import bahdanau, cho, convs2s, luong, sutskever, transformer
from malmoi.recipe import Recipe
from malmoi.tasks.translation import Translation
from malmoi.text import Bitext
from malmoi.trainer import train
from malmoi.use.translator import Translator

KOREAN = ["나는 학교에 간다", "고양이가 생선을 먹는다", "나는 책을 읽었다", "그는 책을 샀다"]
ENGLISH = ["i go to school", "the cat eats fish", "i read a book", "he bought a book"]
PAIRS = [Pair(a, b) for a, b in zip(KOREAN, ENGLISH, strict=True)]
CONFIGS = {
    "sutskever": sutskever.Config(d=6, d_word=4, layers=2),
    "cho": cho.Config(d=6, d_word=4),
    "bahdanau": bahdanau.Config(d=6, d_word=4),
    "luong": luong.Config(d=6, d_word=4, layers=1),
    "convs2s": convs2s.Config(d=6, layers=1),
    "transformer": transformer.Config(d=8, heads=2, layers=1, d_ff=8),
}
every_translator = pytest.mark.parametrize("name", list(CONFIGS))


def translator_of(name, *, joint=False, kind="words"):
    bitext = Bitext.learn(lambda: KOREAN, lambda: ENGLISH, kind=kind, joint=joint)
    torch.manual_seed(3)
    sizes = Sizes(len(bitext.target.vocabulary), source=len(bitext.source.vocabulary), joint=joint)
    model = CONFIGS[name].build(sizes).double().eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.6)
    return Translator(model, bitext, Translation(data="pairs.tsv"))


# ------------------------------------------------------------------ the plane


@given(n=st.integers(3, 12), d=st.integers(2, 9), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_the_plane_is_that_of_scikit_learn(n, d, seed):
    X = np.random.default_rng(seed).normal(size=(n, d))
    oracle = PCA(2)
    points = oracle.fit_transform(X)
    plane = pca(X)
    for k in range(2):
        side = np.sign((plane.points[:, k] * points[:, k]).sum())
        assert np.allclose(plane.points[:, k], side * points[:, k], atol=1e-9)
    assert plane.share == pytest.approx(oracle.explained_variance_ratio_.sum())


def test_the_plane_does_not_turn_over_when_a_vector_changes_a_little():
    X = np.random.default_rng(0).normal(size=(9, 5))
    assert np.allclose(pca(X).points, pca(X + 1e-9).points, atol=1e-6)
    assert np.allclose(pca(X[::-1]).points, pca(X).points[::-1], atol=1e-9)


def test_vectors_that_are_all_alike_lie_in_one_place():
    assert not pca(np.ones((5, 3))).points.any()
    assert pca(np.ones((5, 1))).points.shape == (5, 2)


def test_t_sne_keeps_groups_together_and_is_the_same_again():
    X = np.random.default_rng(1).normal(size=(24, 6)) * 0.1
    X[12:] += 4.0
    first = tsne(X, seed=5).points
    assert np.array_equal(first, tsne(X, seed=5).points)
    a, b = first[:12], first[12:]
    within = max(np.linalg.norm(g - g.mean(0), axis=1).mean() for g in (a, b))
    assert np.linalg.norm(a.mean(0) - b.mean(0)) > 2 * within


def test_without_scikit_learn_t_sne_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(UsageError, match="not installed") as error:
        tsne(np.eye(5))
    assert "malmoi[map]" in error.value.hint


def test_the_most_alike_are_those_of_a_search_over_all_pairs():
    X = np.random.default_rng(2).normal(size=(8, 3))
    cosine = {
        (i, j): X[i] @ X[j] / np.linalg.norm(X[i]) / np.linalg.norm(X[j])
        for i, j in itertools.combinations(range(8), 2)
    }
    wanted = []
    while len(wanted) < 3:
        free = [p for p in cosine if not {*p} & {i for q in wanted for i in q}]
        wanted.append(max(free, key=cosine.get))
    found = nearest(X, 3)
    assert [(i, j) for i, j, _ in found] == wanted
    assert [c for *_, c in found] == pytest.approx([cosine[p] for p in wanted])


# ------------------------------------------------------------------ the drawing


@given(
    points=st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=4, max_size=60),
    width=st.sampled_from([318.0, 640.0, 1000.0]),
)
@settings(deadline=None, max_examples=30)
def test_no_name_lies_over_another_or_leaves_the_map(points, width):
    names = itertools.cycle(["말모이 사전", "a", "the longest of them", "나"])
    dots = [Dot(f"{name}{k}", x, y, k % 2) for k, ((x, y), name) in enumerate(zip(points, names))]  # noqa: B905
    scatter = Scatter(dots, "…", crowded(dots))
    drawn = scatter.draw(width)
    root = ET.fromstring(f"<svg>{drawn.markup}</svg>")
    discs = [float(e.get("cx")) for e in root if e.tag == "circle"]
    squares = [e for e in root if e.get("class") == "against"]
    across = np.array([*discs, *(float(e.get("x")) for e in squares)])
    assert len(across) == len(dots)
    assert across.min() >= 0
    assert across.max() <= width
    down = np.linspace(10, drawn.height - 10, len(dots))
    found = scatter.names(across, down, width, drawn.height)
    for box in found.values():
        assert 0 <= box.left < box.right <= width
        assert 0 <= box.top < box.bottom <= drawn.height
    for a, b in itertools.combinations(found.values(), 2):
        apart = a.right <= b.left or b.right <= a.left or a.bottom <= b.top or b.bottom <= a.top
        assert apart


def test_a_lone_name_stands_to_the_right_of_its_dot():
    box = Scatter([Dot("나무", 0, 0)], "…").names(np.array([50.0]), np.array([50.0]), 300, 100)[0]
    assert 50 < box.left < 60
    assert box.top < 50 < box.bottom


def test_the_first_of_two_in_one_place_keeps_its_name():
    same = [Dot("first of all the names", 0, 0), Dot("second of all the names", 0, 0)] * 6
    found = Scatter(same, "…").names(np.full(12, 150.0), np.full(12, 50.0), 300, 100)
    assert 0 in found
    assert len(found) < 12


def test_what_is_enlarged_is_where_most_is():
    rng = np.random.default_rng(0)
    there = [Dot("a", *p) for p in rng.normal([8, 8], 0.2, (30, 2)).tolist()]
    few = [Dot("b", *p) for p in rng.normal([0, 0], 0.2, (10, 2)).tolist()]
    alone = [Dot("c", *p) for p in rng.uniform(-10, 10, (12, 2)).tolist()]
    first, second, *more = crowded([*alone, *few, *there])
    assert sum(map(first.holds, there)) == 30
    assert sum(map(second.holds, few)) == 10
    assert all(sum(map(w.holds, [*alone, *few, *there])) >= 6 for w in more)
    assert crowded(alone[:5]) == []


# ------------------------------------------------------------------ what lies there


@every_translator
def test_a_phrase_has_the_vector_that_it_has_alone(name):
    reader = translator_of(name)
    ids = [[*reader.bitext.source.encode(line), 0] for line in (*KOREAN, "나는")]
    with torch.no_grad():
        together = summary(reader.model, sentences(ids, multiple=8))
        for k, row in enumerate(ids):
            assert torch.allclose(
                together[k], summary(reader.model, sentences([row], multiple=1))[0]
            )


def test_the_vector_of_a_phrase_is_that_of_the_papers():
    source = sentences([[2, 3, 0]], multiple=1)
    cho_ = translator_of("cho").model
    assert torch.equal(summary(cho_, source), cho_.summary(source))
    sutskever_ = translator_of("sutskever").model
    assert torch.equal(summary(sutskever_, source), sutskever_.begin(source).h[:, 1])
    bahdanau_ = translator_of("bahdanau").model
    assert torch.allclose(summary(bahdanau_, source), bahdanau_.begin(source)[0].of.h.mean(1))
    assert len({named(translator_of(name).model) for name in CONFIGS}) == 3


@every_translator
def test_the_words_of_each_side_lie_where_their_vectors_say(name):
    reader = translator_of(name)
    atlas = mapping.words_of(reader, PAIRS, n=5)
    for sheet, side, lines in zip(
        atlas.sheets, ("source", "target"), (KOREAN, ENGLISH), strict=True
    ):
        words = [place.text for place in sheet.places]
        counts = {w: " ".join(lines).split().count(w) for w in words}
        assert [counts[w] for w in words] == sorted(counts.values(), reverse=True)
        assert len(words) == 5
        vocabulary = getattr(reader.bitext, side).vocabulary
        E = table(reader.model, side).numpy()[[vocabulary.id(w) for w in words]]
        points = [(place.x, place.y) for place in sheet.places]
        assert np.allclose(points, pca(E).points, atol=1e-5)
        assert {place.side for place in sheet.places} == {side}


def test_both_sides_lie_on_one_map_where_they_share_their_vectors():
    atlas = mapping.words_of(translator_of("transformer", joint=True), PAIRS, n=6)
    (sheet,) = atlas.sheets
    assert {place.side for place in sheet.places} == {"source", "target"}
    assert all(p.text.isascii() == (p.side == "target") for p in sheet.places)
    page = atlas.page().html()
    assert ">read<" in page
    assert ">written<" in page


def test_only_whole_words_are_counted():
    text = Bitext.learn(
        lambda: KOREAN, lambda: ["reader read reading", "read"] * 9, size=300
    ).target
    found = dict(mapping.counted(text, ["reader read, reading x"]).values())
    assert found.get("read") == 1
    assert "er" not in found
    assert "," not in found


def test_words_of_ones_own_lie_at_the_mean_of_their_tokens():
    reader = translator_of("bahdanau", kind="characters")
    words = ["학교", "나", "책", "그"]
    (sheet,) = mapping.own_words(reader, [*words, "zzz", "나"]).sheets
    assert [place.text for place in sheet.places] == words
    text, E = reader.bitext.source, table(reader.model, "source")
    rows = torch.stack([E[text.encode(" " + word)].mean(0) for word in words]).numpy()
    assert np.allclose([(p.x, p.y) for p in sheet.places], pca(rows).points, atol=1e-5)
    assert "1 the model does not know" in sheet.what


def test_short_sources_are_drawn_by_chance_and_not_twice():
    lines = [f"word {k} here" for k in range(60)] + ["a b c d e f g h i"] * 9
    some = mapping.short(lines, 30, seed=1)
    assert some == mapping.short(reversed(lines), 30, seed=1)
    assert some != mapping.short(lines, 30, seed=2)
    assert len(set(some)) == 30
    assert "a b c d e f g h i" not in some
    long = ["b " * 9, "a " * 8, "c " * 7]
    assert mapping.short(long, 2) == ["c c c c c c c", "a a a a a a a a"]


def test_a_map_is_the_same_after_json_and_its_words_are_no_markup():
    reader = translator_of("cho")
    atlas = mapping.phrases_of(reader, [*KOREAN, "<b>책을</b> & 나는"])
    assert from_json(mapping_json(atlas)) == atlas
    page = atlas.page().html()
    assert "<b>" not in page
    assert html.escape("<b>책을</b>") in page
    ET.fromstring(atlas.page().svg(350))


def mapping_json(atlas):
    from malmoi.explain import as_json

    return as_json(atlas)


def test_a_map_of_too_few_is_refused():
    reader = translator_of("cho")
    with pytest.raises(DataError, match="at least 4"):
        mapping.phrases_of(reader, ["나는", "책을", "나는", " "])
    with pytest.raises(DataError, match="at least 4"):
        mapping.own_words(reader, ["zzz", "yyy", "xxx", "www"])


# ------------------------------------------------------------------ the command


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas")
    rows = [f"{a} {k}\t{b} {k}" for k in range(12) for a, b in zip(KOREAN, ENGLISH, strict=True)]
    (folder / "pairs.tsv").write_text("\n".join(["source\ttarget", *rows]) + "\n", "utf-8")
    recipe = f"""
        [task]
        kind = "translation"
        tokens = "words"
        data = "{folder / "pairs.tsv"}"
        [model]
        kind = "bahdanau"
        d = 4
        [training]
        steps = 1
    """
    train(Recipe.from_toml(recipe), folder / "run")
    return folder / "run"


def test_the_command_draws_maps(run, tmp_path, capsys):
    out = tmp_path / "map.svg"
    assert cli.run(["explain", str(run), "--map", "words", "--split", "train", "-o", str(out)]) == 0
    assert ">책을<" in out.read_text("utf-8")
    assert (
        cli.run(["explain", str(run), "--map", "phrases", "--split", "train", "--most", "5"]) == 0
    )
    assert capsys.readouterr().out.count('"side": "source"') == 5
    words = ["explain", str(run), "i go the cat", "--map", "words", "--side", "target", "-q"]
    assert cli.run([*words, "--projection", "tsne", "--seed", "2"]) == 0
    atlas = from_json(capsys.readouterr().out)
    assert [place.text for place in atlas.sheets[0].places] == ["i", "go", "the", "cat"]
    assert (atlas.method, atlas.seed) == ("tsne", 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--map", "words", "--confusion"], "explain one thing"),
        (["나는", "--seed", "3"], "go with --map"),
        (["--map", "words", "--side", "target"], "words of your own"),
        (["나는", "--map", "words", "--split", "test"], "--data and --split go with"),
        (["나는 책을", "--map", "words"], "at least 4"),
    ],
)
def test_a_wrong_call_for_a_map_says_what_is_wrong(run, arguments, said, capsys):
    assert cli.run(["explain", str(run), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_letters_of_a_syllable_are_each_by_themselves():
    text = Bitext.learn(lambda: KOREAN, lambda: ENGLISH, kind="jamo").source
    found = mapping.counted(text, ["각"])
    assert sorted(spelt for spelt, _ in found.values()) == ["\u1100", "\u1161", "\u11a8"]
    assert {count for _, count in found.values()} == {1}
