import html.parser
import itertools
import json
import re
import struct
import xml.etree.ElementTree as ET
from functools import cache

import pytest

from malmoi import cli
from malmoi.data.examples import Example
from malmoi.errors import UsageError
from malmoi.explain import save as saving
from malmoi.explain.blocks import STEPS, Bar, Bars, Heading, Row, Rows, Word, step
from malmoi.explain.confusion import Confusion
from malmoi.explain.distribution import distribution
from malmoi.explain.draw import text_width
from malmoi.explain.heat import Heat
from malmoi.explain.page import Page, own, wrapped
from malmoi.explain.save import browser, check, save
from malmoi.explain.why import explain
from malmoi.recipe import Recipe
from malmoi.trainer import train

EVIL = (
    "</style><script>alert(1)</script> <img src=x onerror=alert(2)> \"'&amp; ]]> <!-- "
    "{{x}} javascript:alert(3) \x00\x1b[31m \u202egnp.exe 정말 the acting."
)
LONG = " ".join(["정말 재미있는 영화 였다. The acting is bad , a long film."] * 180)
TEXT = "정말 재미있는 영화 였다! 다시 보고 싶다. 음악도 the acting is bad . 시간이 아깝다."


class Tags(html.parser.HTMLParser):
    """The elements of a page, the attributes of each, and its text."""

    def __init__(self, page):
        super().__init__()
        self.found, self.attributes, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="session")
def pictures(classifier_, tagger_, names):
    """Every kind of picture of a text, by name."""

    @cache
    def of(text):
        found = {name: explain(classifier_(name), text) for name in names}
        found["lattice"] = explain(tagger_(), text)
        found["softmax"] = explain(tagger_("softmax", constrained=False), text)
        return found

    return of


def others(classifier_, text="the <b>long</b>", label="<i>&"):
    """The pictures of a data set."""
    reader = classifier_("selfattentive")
    examples = [Example(f"{text} film", (k,)) for k in (label, "긍정")]
    yield distribution(reader, "film", examples, data=label)
    names = tuple(f"{label}{k}_a_name_that_is_long" for k in range(30))
    counts = tuple(tuple((i * j) % 7 for j in range(30)) for i in range(30))
    yield Confusion(label, names, counts)


def test_no_text_of_a_user_becomes_markup(pictures, classifier_):
    ours = {"html", "head", "meta", "title", "style", "body", "main", "p", "span", "h1", "h2"}
    ours |= {"div", "figure", "svg", "g", "rect", "text", "tspan", "line", "path", "circle"}
    for picture in [*pictures(EVIL).values(), *others(classifier_, EVIL, EVIL)]:
        page = picture.page()
        tags = Tags(page.html())
        assert set(tags.found) <= ours
        keys = {key for _, key, _ in tags.attributes}
        assert not {key for key in keys if key.startswith("on") or key in ("href", "src", "style")}
        assert tags.found.count("style") == 1
        assert "\x00" not in page.html()
        assert "\u202e" not in page.html()
        root = ET.fromstring(page.svg())
        assert {e.tag.split("}")[1] for e in root.iter()} <= ours
        assert "default-src &#x27;none&#x27;" in page.html()


def test_a_page_shows_the_whole_text(pictures):
    for picture in pictures(TEXT).values():
        shown = re.sub(r"\s", "", Tags(picture.page().html()).text)
        spelt = ET.tostring(ET.fromstring(picture.page().svg()), "unicode", "text")
        for word in TEXT.split():
            assert word in shown or picture.kind == "lattice"
        assert "재미있는" in spelt


@pytest.mark.parametrize("width", [350, 1000])
def test_no_text_lies_over_another_or_leaves_the_picture(pictures, classifier_, boxes, width):
    for picture in [*pictures(TEXT).values(), *others(classifier_)]:
        svg = picture.page().svg(width)
        root = ET.fromstring(svg)
        found = boxes(svg)
        assert found
        for left, right, y, size, text in found:
            assert left >= 0, text
            assert right <= float(root.get("width")), text
            assert size <= y <= float(root.get("height")), text
        found.sort(key=lambda box: box[2])
        for k, a in enumerate(found):
            for b in itertools.takewhile(lambda b: b[2] - a[2] < 9, found[k + 1 :]):  # noqa: B023
                assert b[0] >= a[1] - 1 or b[1] <= a[0] + 1, (a, b)
        assert float(root.get("width")) <= width + 1


@pytest.mark.parametrize("name", ["selfattentive", "han"])
def test_a_text_of_two_thousand_words_is_wrapped(classifier_, name):
    assert len(LONG.split()) > 2000
    page = explain(classifier_(name), LONG).page()
    root = ET.fromstring(page.svg(500))
    assert float(root.get("width")) <= 501
    assert sum(e.tag.endswith("text") for e in root.iter()) > 2000
    assert len(page.html()) < 1e6


def test_the_shades_of_a_page_are_those_its_style_sheet_knows():
    sheet = own("page.css")
    for k in range(1, STEPS + 1):
        assert f".p{k} {{" in sheet
        assert f".n{k} {{" in sheet
    assert [step(s) for s in (0, 0.024, 0.026, -0.5, 1, 1.7)] == [0, 0, 1, 10, 20, 20]
    page = Page("t", "f", (Rows([Row([Word("a", 1.0), Word("b", -1.0), Word("c", 0.0)])]),)).html()
    assert '<span class="w p20">a</span>' in page
    assert '<span class="w n20">b</span>' in page
    assert '<span class="w">c</span>' in page


def test_a_stronger_word_is_drawn_stronger():
    words = [Word(str(k), k / 10) for k in range(1, 11)]
    root = ET.fromstring(Page("t", "f", (Rows([Row(words)]),)).svg())
    opacities = [float(e.get("fill-opacity")) for e in root.iter() if e.get("fill-opacity")]
    assert len(opacities) == 10
    assert opacities == sorted(opacities)
    assert opacities[9] == pytest.approx(10 * opacities[0], abs=0.01)


def test_bars_are_as_long_as_their_values():
    svg = Page("t", "f", (Heading("h"), Bars([Bar("a", 1.0), Bar("b", -0.25)], "x"))).svg()
    rects = [e for e in ET.fromstring(svg).iter() if e.get("class") in ("for", "against")]
    assert [e.get("class") for e in rects] == ["for", "against"]
    a, b = (float(e.get("width")) for e in rects)
    assert b / a == pytest.approx(0.25, abs=0.01)
    assert float(rects[1].get("x")) + b == pytest.approx(float(rects[0].get("x")), abs=0.02)


def test_a_forbidden_move_is_a_cross_and_not_a_shade():
    heat = Heat(["a", "b"], ["c"], [[-float("inf")], [2.0]], "x")
    root = ET.fromstring(f'<svg xmlns="x">{heat.draw(300).markup}</svg>')
    kinds = [e.get("class") for e in root.iter() if e.tag.endswith("rect")]
    assert kinds == ["cell empty", "cell for"]
    assert sum(e.tag.endswith("path") for e in root.iter()) == 1


@pytest.mark.parametrize("text", ["", "one", "a b c d e f", "길고도긴낱말" * 20, LONG])
def test_wrapped_lines_fit_and_lose_nothing(text):
    lines = wrapped(text, 12)
    assert all(text_width(line) <= 12 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_picture_is_written_in_every_form(pictures, tmp_path):
    picture = pictures(TEXT)["selfattentive"]
    save(picture, tmp_path / "why.html")
    save(picture, tmp_path / "why.svg", width=500)
    save(picture, tmp_path / "why.json")
    assert Tags((tmp_path / "why.html").read_text("utf-8")).found[0] == "html"
    assert ET.parse(tmp_path / "why.svg").getroot().get("width") == "500"
    assert json.loads((tmp_path / "why.json").read_bytes())["kind"] == "attention"
    with pytest.raises(UsageError, match=r"cannot be written as 'why.gif'"):
        save(picture, tmp_path / "why.gif")
    with pytest.raises(UsageError, match="no folder"):
        check(tmp_path / "nowhere" / "why.html")


@pytest.mark.skipif(browser() is None, reason="not run: there is no browser to draw a PNG")
def test_a_png_has_two_dots_to_a_pixel(tmp_path):
    save(Confusion("가나다", ("ㄱ", "ㄴ"), ((3, 1), (0, 2))), tmp_path / "why.png", width=300)
    svg = ET.fromstring(Confusion("가나다", ("ㄱ", "ㄴ"), ((3, 1), (0, 2))).page().svg(300))
    width, height = struct.unpack(">II", (tmp_path / "why.png").read_bytes()[16:24])
    assert (width, height) == (600, 2 * int(svg.get("height")))


def test_without_a_browser_a_png_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(saving.shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match="Chromium") as error:
        check(tmp_path / "why.png")
    assert "install chromium" in error.value.hint
    with pytest.raises(UsageError, match="Chromium"):
        save(Confusion("x", ("a", "b"), ((1, 0), (0, 1))), tmp_path / "why.png")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A classifier trained for a moment on made-up reviews."""
    folder = tmp_path_factory.mktemp("explain")
    rows = [f"the film {k} is {w}\t{w}" for k in range(30) for w in ("good", "bad")]
    (folder / "data.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n", "utf-8")
    recipe = f"""
        [task]
        kind = "classification"
        min_count = 1
        data = "{folder / "data.tsv"}"
        [model]
        kind = "selfattentive"
        d = 4
        d_word = 4
        d_alpha = 4
        d_mlp = 4
        hops = 2
        [training]
        steps = 3
    """
    train(Recipe.from_toml(recipe), folder / "run")
    return folder / "run"


def test_the_command_writes_what_the_library_draws(run, tmp_path, capsys):
    out = tmp_path / "why.svg"
    assert cli.run(["explain", str(run), "the film is <bad>", "-o", str(out), "-q"]) == 0
    assert capsys.readouterr().out == ""
    assert "&lt;" in out.read_text("utf-8")
    assert cli.run(["explain", str(run), "the film is bad"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["kind"] == "attention"
    assert [p["token"] for p in shown["pieces"]] == ["the", "film", "is", "bad"]
    (tmp_path / "text.txt").write_text("the film\nis bad\n", "utf-8")
    assert cli.run(["explain", str(run), str(tmp_path / "text.txt"), "--gradient"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["kind"], shown["text"]) == ("influence", "the film\nis bad")
    assert cli.run(["explain", str(run), "--word", "good", "--split", "train", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["word"] == "good"
    assert cli.run(["explain", str(run), "--confusion", "--split", "train", "-q"]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert sum(map(sum, counts)) > 30


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "explain one thing"),
        (["text", "--confusion"], "explain one thing"),
        (["text", "--split", "test"], "--data and --split go with"),
        (["--confusion", "--label", "x"], "go with a text"),
        (["text", "-o", "why.gif"], "cannot be written"),
        (["text", "-o", "no/such/folder/why.svg"], "there is no folder"),
        (["text", "--label", "godo"], "no label 'godo'"),
        (["text", "--gold", "O"], "for a tagger"),
        (["  "], "no token"),
        (["--word", "zzz"], "no text with 'zzz'"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(run, arguments, said, capsys):
    assert cli.run(["explain", str(run), *arguments]) == 2
    caught = capsys.readouterr()
    assert said in caught.err
    assert caught.out == ""
