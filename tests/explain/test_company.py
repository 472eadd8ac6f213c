"""Neighbours and analogies: the cosines of NumPy, and arrows that stand where they should."""

import itertools
import re

import numpy as np
import pytest

from malmoi.errors import DataError, UsageError
from malmoi.explain import explain, mapping
from malmoi.explain.company import analogies, neighbours
from malmoi.explain.picture import as_json
from malmoi.explain.scatter import Dot, Scatter
from malmoi.explain.why import from_json
from malmoi.vectors.words import Subwords, WordVectors

WORDS = ["man", "woman", "king", "queen", "왕", "여왕", "남자", "여자", "배", "사과", "<b>"]


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(len(WORDS), 6)).astype(np.float32)
    matrix[3] = matrix[2] - matrix[0] + matrix[1] + 0.05 * matrix[8]  # queen
    return WordVectors(WORDS, matrix)


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_neighbours_are_those_of_the_largest_cosine(vectors):
    picture = neighbours(vectors, ["king", "배"], k=4)
    for circle in picture.circles:
        right = {w: cosine(vectors[circle.word], vectors[w]) for w in WORDS if w != circle.word}
        assert [near.word for near in circle.near] == sorted(right, key=lambda w: -right[w])[:4]
        assert [near.cosine for near in circle.near] == pytest.approx(
            sorted(right.values(), reverse=True)[:4], abs=1e-5
        )
    spots = np.array([(s.x, s.y) for s in picture.spots])
    X = np.array([vectors[s.word] for s in picture.spots], dtype=np.float64)
    X -= X.mean(0)
    values = np.linalg.svd(X, compute_uv=False)
    assert np.linalg.norm(spots, axis=0) == pytest.approx(values[:2], rel=1e-4)
    assert picture.share == pytest.approx((values[:2] ** 2).sum() / (values**2).sum())
    assert from_json(as_json(picture)) == picture


def test_an_analogy_is_answered_and_its_arrows_are_measured(vectors):
    picture = explain(
        vectors, "man king woman\nman king woman queen\n남자 왕 여자 여왕", show="analogies"
    )
    first, second, third = picture.questions
    assert first.found[0].word == second.found[0].word == "queen"
    assert (first.d, second.rank) == ("queen", 1)
    aim = sum(
        s * vectors[w] / np.linalg.norm(vectors[w])
        for s, w in [(1, "왕"), (-1, "남자"), (1, "여자")]
    )
    right = {w: cosine(aim, vectors[w]) for w in WORDS if w not in ("왕", "남자", "여자")}
    order = sorted(right, key=lambda w: -right[w])
    assert [near.word for near in third.found] == order[:5]
    assert third.rank == order.index("여왕") + 1
    assert third.d == "여왕"  # what was wanted is drawn
    said = cosine(vectors["왕"] - vectors["남자"], vectors["여왕"] - vectors["여자"])
    assert picture.parallel[2] == pytest.approx(said, abs=1e-5)
    assert f"{1 + (third.rank == 1)} of 2 as wanted" in picture.finding
    assert from_json(as_json(picture)) == picture
    assert picture.page().svg(700).count('class="mark" d="M') == 4  # two pairs of words, twice


def test_an_arrow_points_from_the_first_to_the_second():
    dots = [Dot("a", 0.0, 0.0), Dot("b", 10.0, 0.0), Dot("c", 0.0, 10.0)]
    markup = Scatter(dots, "", arrows=[(0, 1), (2, 0)]).draw(400).markup
    centres = re.findall(r'<circle class="for".*?cx="([\d.]+)" cy="([\d.]+)"', markup)
    (ax, ay), (bx, _), (_, cy) = [(float(x), float(y)) for x, y in centres]
    for path, start, end in zip(
        re.findall(r'd="(M[^"]+)"', markup), [(ax, ay), (ax, cy)], [(bx, ay), (ax, ay)], strict=True
    ):
        x0, y0, x1, y1 = map(float, re.findall(r"-?[\d.]+", path)[:4])
        assert np.hypot(x0 - start[0], y0 - start[1]) == pytest.approx(5.1, abs=0.2)
        assert np.hypot(x1 - end[0], y1 - end[1]) == pytest.approx(5.1, abs=0.2)


def test_the_map_is_of_the_first_words_or_of_yours(vectors):
    atlas = mapping.vectors_of(vectors, n=6)
    assert [place.text for place in atlas.sheets[0].places] == WORDS[:6]
    own = mapping.vectors_of(vectors, ["왕", "여왕", "왕", "모름", "배", "사과"])
    assert [place.text for place in own.sheets[0].places] == ["왕", "여왕", "배", "사과"]
    assert "1 have no vector" in own.sheets[0].what
    assert from_json(as_json(own)) == own
    with pytest.raises(DataError, match="at least 4"):
        mapping.vectors_of(vectors, ["왕", "배"])


@pytest.mark.parametrize("width", [350, 760])
def test_no_name_lies_over_another(width, vectors, boxes):
    for picture in (
        neighbours(vectors, ["king", "배"]),
        analogies(vectors, ["man king woman queen", "남자 왕 여자"]),
        mapping.vectors_of(vectors, n=11),
    ):
        svg = picture.page().svg(width)
        assert "<b>" not in svg
        found = sorted(boxes(svg), key=lambda box: box[2])
        for k, a in enumerate(found):
            assert -0.5 <= a[0] <= a[1] <= width + 1, a
            for b in itertools.takewhile(lambda b: b[2] - a[2] < 9, found[k + 1 :]):  # noqa: B023
                assert b[0] >= a[1] - 1 or b[1] <= a[0] + 1, (a, b)


def test_a_word_that_was_never_seen_has_the_vector_of_its_letters():
    rng = np.random.default_rng(2)
    letters = Subwords(1, 2, rng.normal(size=(50, 4)).astype(np.float32))
    own = rng.normal(size=(4, 4)).astype(np.float32)
    vectors = WordVectors(["가나", "다라", "마", "바"], own, subwords=letters)
    circle = neighbours(vectors, ["가다"], k=2).circles[0]
    assert not circle.known
    assert "from its letters" in neighbours(vectors, ["가다"], k=2).page().html()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda v: neighbours(v, []), "of which word"),
        (lambda v: neighbours(v, ["없다"]), "no vector for '없다'"),
        (lambda v: neighbours(v, ["king"], k=1), "at least 3 words"),
        (lambda v: analogies(v, ["king queen"]), "three words, or four"),
        (lambda v: analogies(v, ["man king woman 없다"]), "no vector for '없다'"),
        (lambda v: analogies(v, [" "]), "which analogy"),
    ],
)
def test_what_cannot_be_asked_is_refused(call, said, vectors):
    with pytest.raises(UsageError, match=said):
        call(vectors)
