import dataclasses
import math

from malmoi.comparison.fair import best, judge, ranked

BITS = ("bits_per_character", "bits_per_byte")


def names(comparison):
    return [entry.name for entry in ranked(comparison)]


def change(comparison, name, **changes):
    """The comparison with one entry changed."""
    entries = [
        dataclasses.replace(e, **changes) if e.name == name else e for e in comparison.entries
    ]
    return dataclasses.replace(comparison, entries=tuple(entries))


def test_on_one_text_and_one_tokenisation_everything_compares(made_up):
    verdict = judge(made_up())
    assert verdict.figures == ("perplexity", *BITS)
    assert verdict.reasons == ()
    assert names(made_up()) == ["lstm", "gpt", "gru", "ngram", "elman"]
    assert best(made_up()).name == "lstm"


def test_the_order_given_does_not_change_the_ranking(made_up):
    comparison = made_up()
    turned = dataclasses.replace(comparison, entries=comparison.entries[::-1])
    assert names(turned) == names(comparison)


def test_other_tokens_leave_only_bits(made_up):
    comparison = made_up()
    jamo = dataclasses.replace(comparison.ground, tokenisation="jamo", vocabulary=80, unknown=0)
    cheap = dataclasses.replace(comparison.entries[1].test, perplexity=3.2, bits_per_character=1.40)
    mixed = change(comparison, "elman", ground=jamo, test=cheap)
    verdict = judge(mixed)
    assert verdict.figures == BITS
    assert "jamo of 80 types, words of 5,012 types" in verdict.reasons[0]
    assert "lstm (233)" in verdict.reasons[1]  # who does not spell unknown words
    assert "elman" not in verdict.reasons[1]
    # by perplexity elman would be first; by bits it comes before the n-gram
    assert names(mixed) == ["lstm", "gpt", "gru", "elman", "ngram"]


def test_a_vocabulary_of_another_size_is_another_unit(made_up):
    comparison = made_up()
    larger = dataclasses.replace(comparison.ground, vocabulary=9_999)
    assert judge(change(comparison, "gru", ground=larger)).order == "bits_per_character"


def test_on_other_texts_nothing_is_the_best(made_up):
    comparison = made_up()
    for other in ({"data": "nsmc"}, {"held_out": "00" * 32}):
        apart = change(comparison, "gru", ground=dataclasses.replace(comparison.ground, **other))
        verdict = judge(apart)
        assert verdict.figures == ()
        assert "different texts" in verdict.reasons[0]
        assert best(apart) is None
        assert ranked(apart) == apart.entries


def test_infinity_comes_before_no_measure_and_is_never_the_best(made_up):
    infinite = dataclasses.replace(
        made_up().entries[0].test, perplexity=math.inf, bits_per_character=math.inf
    )
    comparison = change(change(made_up(), "ngram", test=infinite), "lstm", test=None)
    assert names(comparison) == ["gpt", "gru", "elman", "ngram", "lstm"]
    alone = dataclasses.replace(comparison, entries=(comparison.entries[0],))
    assert best(alone) is None
