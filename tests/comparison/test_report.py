import base64
import dataclasses
import hashlib
import math
import re
import unicodedata
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given, strategies as st

from malmoi.comparison.fair import ranked
from malmoi.comparison.report import report
from malmoi.comparison.report.strips import SHADES, gaps, shade
from malmoi.comparison.result import Said
from malmoi.comparison.table import columns
from malmoi.explain.chart import TOP

HOSTILE = "</style><script>alert('x')</script><img src=http://x.example onerror=alert(1)>&\"\x00"


class Page(HTMLParser):
    """The elements of a page: (name, attributes, text inside), and that each one is closed."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.found = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        element = [tag, dict(attrs), ""]
        self.found.append(element)
        if tag not in ("meta", "br", "wbr"):
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2] += data

    def all(self, tag, kind=""):
        return [
            (attributes, text)
            for name, attributes, text in self.found
            if name == tag and (not kind or kind in attributes.get("class", "").split())
        ]


def hostile(comparison):
    """Every text of a comparison that is not ours, made an attack."""
    entries = tuple(
        dataclasses.replace(
            entry,
            name=f"{k}{HOSTILE}",
            description=HOSTILE,
            samples=(HOSTILE, comparison.prompt + HOSTILE),
            surprisals=((Said(HOSTILE, 1.0), Said("</s>", 2.0)),),
            announcements=(HOSTILE,),
            ground=None,
        )
        for k, entry in enumerate(comparison.entries)
    )
    ground = dataclasses.replace(
        comparison.ground, data=HOSTILE, tokenisation=HOSTILE, held_out=HOSTILE
    )
    return dataclasses.replace(
        comparison,
        entries=entries,
        ground=ground,
        prompt=HOSTILE,
        sentences=(HOSTILE,),
        commands=(HOSTILE,),
        machine=HOSTILE,
        version=HOSTILE,
        date=HOSTILE,
    )


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_table_of_the_page_has_the_figures_of_the_comparison(made_up, language):
    comparison = made_up(language)
    page = Page(report(comparison))
    rows = [text for _, text in page.all("tr")]
    assert len(rows) == 1 + len(comparison.entries)
    for name, figure in (("lstm", "118.73"), ("gpt", "121.55"), ("elman", "166.02")):
        assert any(name in text and figure in text for text in rows)
    assert "lstm" in page.all("tr", "first")[0][1]
    assert "lstm foresaw the test text best, with perplexity 118.73" in page.all("header")[0][1]


@pytest.mark.parametrize("alike", [True, False])
def test_a_narrow_page_says_beside_the_name_what_it_has_no_column_for(made_up, alike):
    comparison = made_up()
    if not alike:  # no perplexities then: bits are the headline
        other = dataclasses.replace(comparison.ground, tokenisation="bpe")
        first, *rest = comparison.entries
        comparison = dataclasses.replace(
            comparison, entries=(dataclasses.replace(first, ground=other), *rest)
        )
    asides = [text for _, text in Page(report(comparison)).all("span", "aside")]
    always, *others = sorted(columns(comparison), key=lambda column: column.keep > 0)
    assert {column.keep > 0 for column in others} == {True, False}
    for entry, aside in zip(ranked(comparison), asides, strict=True):
        for column in (always, *others):
            figure = column.cell(entry)
            assert (figure in aside) == (column.keep > 0 and figure != "–"), column.title


def test_no_text_of_a_user_becomes_markup(made_up):
    plain, attacked = Page(report(made_up())), Page(report(hostile(made_up())))
    known = {name for name, _, _ in plain.found}
    assert {name for name, _, _ in attacked.found} <= known
    assert len(attacked.all("script")) == 1
    assert len(attacked.all("style")) == 1
    assert not any(key.startswith("on") for _, at, _ in attacked.found for key in at)
    shown = HOSTILE.replace("\x00", "␀")
    assert attacked.all("h1")[0][1] == shown
    assert attacked.all("pre")[0][1] == shown
    assert attacked.all("span", "w")[0][1] == shown


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_asks_nothing_of_the_network(made_up, language):
    text = report(made_up(language))
    page = Page(text)
    asking = {"src", "href", "srcset", "action", "data", "poster", "xlink:href", "background"}
    assert not any(asking & set(attributes) for _, attributes, _ in page.found)
    assert not re.search(r"url\(|@import|https?:|fetch|import\(|XMLHttp|WebSocket", text)


def test_the_policy_allows_what_is_ours_and_nothing_else(made_up):
    page = Page(report(made_up()))
    policy = next(at["content"] for at, _ in page.all("meta") if "http-equiv" in at)
    assert policy.startswith("default-src 'none'")
    for name in ("style", "script"):
        digest = hashlib.sha256(page.all(name)[0][1].encode()).digest()
        assert f"{name}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert not any("style" in at for _, at, _ in page.found)  # the policy would ignore it


def test_every_picture_is_well_formed_and_names_every_model(made_up):
    text = report(made_up())
    pictures = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(pictures) == 2
    for picture in pictures:
        words = "".join(ET.fromstring(picture).itertext())
        for name in ("ngram", "elman", "gru", "lstm", "gpt"):
            assert name in words


def test_every_token_is_shaded_by_its_bits_and_tells_its_probability(made_up):
    comparison = made_up("ko")
    tokens = Page(report(comparison)).all("span", "w")
    said = [
        token
        for k in range(2)
        for name in ("lstm", "gpt", "gru", "ngram", "elman")
        for entry in comparison.entries
        if entry.name == name
        for token in entry.surprisals[k]
    ]
    assert len(tokens) == len(said)
    for (attributes, text), token in zip(tokens, said, strict=True):
        assert text == ("↵" if token.token == "</s>" else token.token)
        bits = token.nats / math.log(2)
        assert f"s{sum(bits >= edge for edge in SHADES)}" in attributes["class"].split()
        assert f"{bits:.3f} bits · {token.nats:.3f} nats" in attributes["title"]


def test_a_literal_end_sign_inside_a_sentence_is_a_word(made_up):
    row = (Said("</s>", 1.0), Said("a", 1.0), Said("</s>", 1.0))
    entry = dataclasses.replace(made_up().entries[0], surprisals=(row,))
    page = Page(report(made_up(entries=(entry,), sentences=("</s> a",))))
    assert [text for _, text in page.all("span", "w")] == ["</s>", "a", "↵"]


@pytest.mark.parametrize(
    ("bits", "step"), [(0, 0), (0.99, 0), (1, 1), (4.9, 3), (14.9, 7), (15, 8), (math.inf, 8)]
)
def test_the_shade_steps_at_the_bits_of_the_legend(bits, step):
    assert shade(bits) == step


@given(words=st.lists(st.text("가나다ab", min_size=1, max_size=5), min_size=1, max_size=8))
def test_pieces_of_a_word_stay_together(words):
    sentence = " ".join(words)
    end = Said("</s>", 0.0)
    by_word = [Said(w, 0.0) for w in words] + [end]
    assert gaps(sentence, by_word) == [False, *[True] * len(words)]
    letters = [(c, i == 0 and k > 0) for k, w in enumerate(words) for i, c in enumerate(w)]
    by_letter = [Said(c, 0.0) for c, _ in letters] + [end]
    assert gaps(sentence, by_letter) == [*(gap for _, gap in letters), True]
    jamo = unicodedata.normalize("NFD", sentence)
    by_jamo = [Said(c, 0.0) for c in jamo] + [end]
    assert gaps(sentence, by_jamo) == [*[False] * len(jamo), True]  # a space is a token there


def test_tokens_that_do_not_spell_the_sentence_stand_apart():
    said = [Said("<unk>", 0.0), Said("b", 0.0), Said("</s>", 0.0)]
    assert gaps("a b", said) == [True, True, True]


def test_the_limit_is_drawn_and_said(made_up, limited):
    ground = limited(101.3)
    text = report(made_up(ground=ground))
    assert "The language itself reaches 101.30" in text
    assert text.count("the limit 101.30") >= 2  # in both pictures
    assert "101.30" in Page(text).all("tr", "limit")[0][1]


def test_a_model_that_only_counts_is_a_dot_where_its_counting_ended(made_up):
    entry = dataclasses.replace(made_up().entries[0], curve=(), seconds=7.0)
    other = made_up().entries[3]
    text = report(made_up(entries=(entry, other)))
    for picture in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        dots = [e.attrib for e in ET.fromstring(picture).iter() if "dot" in e.get("class", "")]
        assert len(dots) == 2
        assert "152.66" in picture  # its dev perplexity


def test_no_line_ends_outside_its_picture(made_up):
    """A model that has hardly begun ends far above the others."""
    late = dataclasses.replace(made_up().entries[1].curve[0], dev=9_000.0)
    slow = dataclasses.replace(made_up().entries[1], curve=(late,))
    text = report(made_up(entries=(made_up().entries[0], slow)))
    for picture in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        heights = {float(e.get("cy")) for e in ET.fromstring(picture).iter() if e.tag == "circle"}
        assert len(heights) == 2
        assert min(heights) > TOP + 1
        assert "Curves begin" not in text


def test_where_perplexities_do_not_compare_the_page_shows_none(made_up):
    comparison = made_up()
    jamo = dataclasses.replace(comparison.ground, tokenisation="jamo", vocabulary=80)
    entry = dataclasses.replace(comparison.entries[1], ground=jamo)
    text = report(dataclasses.replace(comparison, entries=(entry, *comparison.entries[2:])))
    assert "118.73" not in text
    assert "<svg" not in text
    page = Page(text)
    assert "bits per character" in page.all("header")[0][1]
    assert {text for at, text in page.all("td", "text")} == {"words", "jamo"}
    assert all(text.endswith("bits in all") for _, text in page.all("span", "figure"))


def test_infinite_and_missing_measures_make_a_page_too(made_up):
    comparison = made_up()
    infinite = dataclasses.replace(
        comparison.entries[0].test,
        perplexity=math.inf,
        bits_per_character=math.inf,
        bits_per_byte=math.inf,
    )
    point = dataclasses.replace(comparison.entries[0].curve[0], dev=math.inf)
    endless = (Said("a", math.inf), Said("</s>", 0.0))
    first = dataclasses.replace(
        comparison.entries[0],
        dev=infinite,
        test=infinite,
        curve=(point,),
        surprisals=(endless, endless),
    )
    second = dataclasses.replace(
        comparison.entries[1], dev=None, test=None, curve=(), surprisals=(), samples=()
    )
    for entries in ((first,), (second,), (first, second), (first, second, comparison.entries[2])):
        page = Page(report(dataclasses.replace(comparison, entries=entries)))
        assert len(page.all("tr")) == 1 + len(entries)
    assert "∞" in report(dataclasses.replace(comparison, entries=(first,)))


def test_a_comparison_of_nothing_is_a_page_too(made_up):
    page = Page(report(made_up(entries=(), sentences=(), commands=(), prompt="")))
    assert page.all("h1")[0][1] == "python-docs"


def test_korean_text_is_marked_as_korean(made_up):
    page = Page(report(made_up("ko")))
    assert all(at.get("lang") == "ko" for at, _ in page.all("p", "strip"))
    assert all(at.get("lang") == "ko" for at, _ in page.all("p", "sample"))


def test_the_same_comparison_makes_the_same_bytes(made_up):
    assert report(made_up("ko")) == report(made_up("ko"))
