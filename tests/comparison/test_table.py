import dataclasses
import io
import math

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len
from rich.console import Console

from malmoi.comparison import figures
from malmoi.comparison.table import Table


def printed(comparison, width=120, **options):
    out = io.StringIO()
    Console(file=out, width=width, **options).print(Table(comparison))
    return out.getvalue()


def row(text, name):
    return next(line for line in text.splitlines() if name in line.split()[:2])


def test_the_table_shows_every_figure_in_order(made_up):
    text = printed(made_up())
    lines = text.splitlines()
    order = [n for line in lines for n in ("lstm", "gpt", "gru", "ngram", "elman") if n in line]
    assert order == ["lstm", "gpt", "gru", "ngram", "elman"]
    assert " ".join(row(text, "lstm").split()) == (
        "▸ lstm 1.68 M 1 min 44 s 6,010 122.29 118.73 1.351 1.324 6.76 MB"
    )
    assert (
        "python-docs, words: 5,012 types; 52,004 train, 6,480 dev, 6,512 test tokens (233 unknown)"
        in text.replace("\n", " ")
    )


@pytest.mark.parametrize("width", [20, 24, 30, 40, 60, 80, 100])
def test_a_narrow_terminal_loses_columns_but_never_digits(made_up, width):
    text = printed(made_up(), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    for perplexity in ("118.73", "121.55", "131.40", "148.21", "166.02"):
        assert perplexity in text
    if width >= 24:  # nor is a name broken
        assert all(name in text for name in ("lstm", "gpt", "gru", "ngram", "elman"))
    shown = " ".join(text.split())
    for title in ("tokens/s", "on disk", "parameters"):
        assert title in shown  # as a column, or among those that were left out


def test_columns_leave_in_the_order_of_what_they_tell(made_up):
    whole = printed(made_up(), 120)
    assert "left out" not in whole
    assert "left out for want of room: tokens/s, bits per byte" in printed(made_up(), 80)


def test_hangul_names_keep_the_columns_straight(made_up):
    comparison = made_up("ko")
    entry = dataclasses.replace(comparison.entries[0], name="한국어 엔그램")
    text = printed(dataclasses.replace(comparison, entries=(entry, *comparison.entries[1:])))
    ends = [
        cell_len(line[: line.index("MB") + 2]) for line in text.splitlines() if line.endswith("MB ")
    ]
    assert len(ends) == 5
    assert len(set(ends)) == 1


def test_infinite_perplexity_is_said_with_its_reason(made_up):
    comparison = made_up()
    infinite = dataclasses.replace(comparison.entries[0].test, perplexity=math.inf)
    entry = dataclasses.replace(
        comparison.entries[0], test=infinite, announcements=("order 5 of 5",)
    )
    text = printed(dataclasses.replace(comparison, entries=(entry, *comparison.entries[1:])))
    assert "∞" in row(text, "ngram")
    assert "ngram gives a part of the text the probability 0" in text
    assert "ngram: order 5 of 5" in text


def test_what_every_model_announces_is_said_once(made_up):
    entries = tuple(
        dataclasses.replace(e, announcements=("split by seed 1", f"about {e.name} only"))
        for e in made_up().entries
    )
    text = printed(made_up(entries=entries))
    assert text.count("split by seed 1") == 1
    assert text.count("gru: about gru only") == 1


def test_a_model_without_perplexity_has_a_dash(made_up):
    comparison = made_up()
    entry = dataclasses.replace(comparison.entries[0], dev=None, test=None)
    text = printed(dataclasses.replace(comparison, entries=(entry,)))
    assert row(text, "ngram").count("–") == 4
    assert "▸" not in text


def test_the_limit_of_a_made_up_language_is_a_line_of_the_table(made_up, limited):
    ground = limited(101.3)
    text = printed(made_up(ground=ground))
    assert "101.30" in next(line for line in text.splitlines() if "the limit" in line)
    assert "lstm is at 1.172 times the" in text  # 118.73 / 101.3


def test_no_perplexity_where_perplexities_do_not_compare(made_up, limited):
    comparison = made_up(ground=limited(101.3))
    jamo = dataclasses.replace(comparison.ground, tokenisation="jamo", vocabulary=80)
    entry = dataclasses.replace(comparison.entries[0], ground=jamo)
    mixed = dataclasses.replace(comparison, entries=(entry, *comparison.entries[1:]))
    text = printed(mixed)
    assert "118.73" not in text
    assert "the limit" not in text
    assert "1.351" in text
    assert row(text, "ngram").split()[:2] == ["ngram", "jamo"]  # what each model read
    assert "118.73" not in printed(mixed, 30)
    assert "1.351" in printed(mixed, 30)
    assert "a perplexity is per token" in text


def test_without_colour_the_same_is_said(made_up):
    plain = printed(made_up(), no_color=True, force_terminal=True)
    assert "▸ lstm" in plain
    assert "\x1b[32m" not in plain
    bright = printed(made_up(), color_system="standard", force_terminal=True)
    lines = bright.splitlines()
    assert "\x1b[1;32m" in next(line for line in lines if "lstm" in line)
    assert "\x1b[1;32m" not in next(line for line in lines if "gpt" in line)


def test_a_terminal_without_unicode_is_given_ascii(made_up):
    comparison = made_up("ko")
    infinite = dataclasses.replace(comparison.entries[0].test, perplexity=math.inf)
    entry = dataclasses.replace(comparison.entries[0], name="엔그램", test=infinite)
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")  # strict: would raise
    console = Console(file=out, width=120)
    console.print(Table(dataclasses.replace(comparison, entries=(entry, *comparison.entries[1:]))))
    out.flush()
    text = out.buffer.getvalue().decode("ascii")
    assert "* lstm" in text
    assert "inf" in text


def test_markup_in_a_name_is_only_a_name(made_up):
    entry = dataclasses.replace(made_up().entries[0], name="[red]x[/]", announcements=("[b]!",))
    text = printed(made_up(entries=(entry,)))
    assert "[red]x[/]" in text
    assert "[b]!" in text


@given(value=st.floats(0.5, 1e12))
def test_a_shortened_count_is_right_to_three_digits(value):
    text = figures.count(value)
    number, _, unit = text.partition(" ")
    size = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[unit]
    assert float(number) * size == pytest.approx(value, rel=0.006 if unit else 1, abs=0.5)
    assert len(number.replace(".", "")) <= 4


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (290, "4 min 50 s"),
        (3599.7, "1 h 00 min"),
        (3900, "1 h 05 min"),
    ],
)
def test_a_duration_never_has_sixty_of_anything(seconds, text):
    assert figures.duration(seconds) == text
