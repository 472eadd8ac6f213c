import dataclasses
import json
import math

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from malmoi.comparison.result import Said, from_json
from malmoi.errors import RunError


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_is_read_is_what_was_written(made_up, language):
    comparison = made_up(language)
    assert from_json(comparison.to_json()) == comparison


@given(nats=st.floats(0, math.inf, allow_nan=False), token=st.text())
def test_every_figure_and_every_token_survives_json(nats, token):
    from malmoi.comparison.measures import Foreseen
    from malmoi.comparison.result import Comparison, Entry, Ground

    token = token.encode("utf-8", "replace").decode()
    ground = Ground("x", "words", 3, 1, 1, 1)
    row = (Said(token, nats),)
    measures = Foreseen(nats, nats, nats)
    entry = Entry("a", "", 0, 0.0, 0.0, 0, test=measures, surprisals=(row,))
    comparison = Comparison(ground, (entry,), sentences=(token,))
    assert from_json(comparison.to_json()) == comparison


def test_the_file_is_json_that_any_program_reads(made_up):
    entry = made_up().entries[0]
    infinite = dataclasses.replace(entry.test, perplexity=math.inf)
    comparison = made_up(entries=(dataclasses.replace(entry, test=infinite),))

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    written = json.loads(comparison.to_json(), parse_constant=refuse)
    assert written["entries"][0]["test"]["perplexity"] == "Infinity"
    assert from_json(comparison.to_json()).entries[0].test.perplexity == math.inf


def test_a_damaged_file_is_refused_with_every_fault_named(made_up):
    written = json.loads(made_up().to_json())
    written["ground"]["vocabulary"] = "many"
    written["entries"][2]["seconds"] = -1
    written["entries"][3]["colour"] = "blue"
    with pytest.raises(RunError) as refused:
        from_json(json.dumps(written), where="runs/x/comparison.json")
    told = str(refused.value)
    for place in ("ground.vocabulary", "entries.2.seconds", "entries.3.colour"):
        assert f"runs/x/comparison.json: {place}" in told


@pytest.mark.parametrize("text", ["", "[]", "{", '{"ground": 1}'])
def test_what_is_no_comparison_is_refused(text):
    with pytest.raises(RunError):
        from_json(text)


def test_not_a_number_is_no_result(made_up):
    entry = made_up().entries[0]
    with pytest.raises(ValidationError):
        dataclasses.replace(entry, seconds=math.nan)


def test_two_entries_of_one_name_are_refused(made_up):
    entry = made_up().entries[0]
    with pytest.raises(ValidationError, match="'ngram'"):
        made_up(entries=(entry, entry))


def test_a_row_of_surprisals_for_each_sentence_or_none(made_up):
    entry = made_up().entries[0]
    made_up(entries=(dataclasses.replace(entry, surprisals=()),))
    with pytest.raises(ValidationError, match="1 rows of surprisals for 2 sentences"):
        made_up(entries=(dataclasses.replace(entry, surprisals=entry.surprisals[:1]),))


def test_a_bit_is_a_coin():
    assert Said("x", math.log(2)).bits == pytest.approx(1, abs=1e-15)
    assert Said("x", math.log(1024)).probability == pytest.approx(1 / 1024, rel=1e-12)
