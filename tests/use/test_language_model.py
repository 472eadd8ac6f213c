"""Strings in, strings and numbers out: every number counted again by hand."""

import math
import unicodedata

import pytest
import torch

from malmoi.data.corpus import Corpus, encoded
from malmoi.errors import EmptyText, TextError, UsageError
from malmoi.tasks.language_modelling import report
from malmoi.use.language_model import LanguageModel

UNSEEN = ["모르는 말", "오늘은 the 눈이 온다", "", "   ", "<s> </s> <unk>", "좋다"]


def by_hand(lm, ids, start=()):
    """-log p of each of ids and of the end, one token at a time, sliding as the rule says."""
    read, nats, C = [0, *start], [], lm.model.context
    for w in [*ids, 0]:
        logits, _ = lm.model(torch.tensor([read]), lm.model.begin(1))
        nats.append(-logits[0, -1].double().log_softmax(-1)[w].item())
        if C is not None and len(read) == C:
            read = read[C // 2 :]
        read = [*read, w]
    return nats


def test_a_score_is_the_sum_of_what_each_token_costs_alone(lm, lines):
    for sentence in lines + UNSEEN:
        nats = by_hand(lm, lm.text.encode(sentence))
        assert lm.score(sentence) == pytest.approx(-sum(nats), abs=1e-10)
        tokens = lm.tokens(sentence)
        assert [t.surprisal for t in tokens] == pytest.approx(nats, abs=1e-10)
        assert sum(t.bits for t in tokens) == pytest.approx(sum(nats) / math.log(2), abs=1e-9)


def test_a_score_does_not_depend_on_what_else_is_scored(lm, lines):
    sentences = [*lines, *UNSEEN, "the list " * 20]
    for positions in (1, 7, 64, 2048):
        together = LanguageModel(lm.model, lm.text, positions=positions).score(sentences)
        assert together == pytest.approx([lm.score(s) for s in sentences], abs=1e-10)
    assert lm.score([]) == []
    assert lm.score(iter(sentences)) == pytest.approx(lm.score(sentences), abs=1e-10)


@pytest.mark.parametrize("size", [1, 50, 1 << 20])
def test_a_file_costs_what_its_lines_cost_and_is_refused_where_it_is_no_text(
    lm, lines, tmp_path, monkeypatch, size
):
    monkeypatch.setattr("malmoi.data.lines.BLOCK", size)
    monkeypatch.setattr("malmoi.text.spelled.LINES", size)
    decomposed = unicodedata.normalize("NFD", "오늘은 é 모르는 말")
    sentences = [*lines, *UNSEEN, decomposed]
    path = tmp_path / "text.txt"
    path.write_text("".join(line + "\n" for line in sentences), encoding="utf-8")
    costs = [lm.score(sentence) for sentence in sentences]
    assert lm.score_file(path) == pytest.approx(costs, abs=1e-10)
    assert lm.score(sentences) == pytest.approx(costs, abs=1e-10)
    path.write_bytes(path.read_bytes() + lines[0].encode() + b" \xffx\n")
    with pytest.raises(TextError, match=rf"{path}:{len(sentences) + 1}, byte \d+: 0xFF"):
        lm.score_file(path)


def test_tokens_say_where_they_stand_in_the_string_as_it_was_given(lm):
    decomposed = "오늘은 눈이"  # 오 as two conjoining jamo
    tokens = lm.tokens(decomposed)
    assert [decomposed[t.start : t.end] for t in tokens] == ["오늘은", "눈이", ""]
    assert [t.text for t in tokens] == ["오늘은", "눈이", "</s>"]
    assert [t.oov for t in tokens] == [False, True, False]
    assert lm.score(decomposed) == lm.score("오늘은 눈이")


def test_literal_marks_in_a_text_are_ordinary_words(lm):
    tokens = lm.tokens("</s> <unk>")
    assert tokens[-1].text == "</s>"
    assert tokens[-1].start == tokens[-1].end == 10
    assert all(t.oov for t in tokens[:-1])
    assert [t.oov for t in lm.tokens("")] == [False]


@pytest.mark.parametrize("context", ["line", "text"])
def test_perplexity_is_what_counting_by_hand_gives(lm, lines, context):
    text = [*lines, "the unseen list", ""]
    report = lm.perplexity(text, context=context)
    if context == "line":
        nats = [c for line in text for c in by_hand(lm, lm.text.encode(line))]
    else:
        flat = [i for line in text for i in (*lm.text.encode(line), 0)]
        nats = by_hand(lm, flat[:-1])
    unknown = sum(lm.text.encode(line).count(1) for line in text)
    assert report.events == sum(len(line.split()) + 1 for line in text) == len(nats)
    assert report.oov_events == unknown == 1
    assert report.nats == pytest.approx(sum(nats), abs=1e-9)
    assert report.perplexity == pytest.approx(math.exp(sum(nats) / len(nats)), rel=1e-10)
    assert report.characters == sum(len(line) + 1 for line in text)
    assert report.bytes == sum(len(line.encode()) + 1 for line in text)


def test_perplexity_by_line_is_the_sum_of_the_scores(lm, lines):
    report = lm.perplexity(lines, context="line")
    assert report.nats == pytest.approx(-sum(lm.score(lines)), abs=1e-9)


@pytest.mark.parametrize("context", ["line", "text"])
def test_perplexity_does_not_depend_on_batches_or_blocks(lm, lines, context, monkeypatch):
    text = [*lines, "the list " * 9, *lines]
    whole = lm.perplexity(text, context=context)
    for positions, block in ((1, 1), (5, 3), (64, 20)):
        monkeypatch.setattr("malmoi.use.scoring.BLOCK", block)
        other = LanguageModel(lm.model, lm.text, positions=positions)
        report = other.perplexity(iter(text), context=context)
        assert report.nats == pytest.approx(whole.nats, abs=1e-9)
        assert report.oov_nats == pytest.approx(whole.oov_nats, abs=1e-9)
        assert (report.events, report.characters, report.bytes) == (
            whole.events,
            whole.characters,
            whole.bytes,
        )


@pytest.mark.parametrize("context", ["line", "text"])
def test_perplexity_is_what_training_reports_for_the_same_lines(lm, lines, context, tmp_path):
    """Windows cut by position from a corpus on disk, and a context that slides: one rule."""
    text = [*lines * 3, "the unseen list", "the list"]
    corpus = Corpus.write(tmp_path, encoded(text, lm.text.encode), len(lm.text.vocabulary))
    if context == "line":  # a corpus cuts lines that are longer than the context
        text = [line for line in text if len(line.split()) < 8]
        assert len(text) == len(lines) * 3 + 2
    expected = report(lm.model, corpus, by_line=context == "line")
    found = lm.perplexity(text, context=context)
    assert found.known_nats == pytest.approx(expected.known_nats, abs=1e-9)
    assert found.oov_nats == pytest.approx(expected.oov_nats, abs=1e-9)
    for count in ("known_events", "oov_events", "characters", "bytes", "impossible"):
        assert getattr(found, count) == getattr(expected, count)


def test_perplexity_of_a_file_is_that_of_its_lines(make, lines, tmp_path):
    lm = make("lstm")
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert lm.perplexity(path) == lm.perplexity(lines)


def test_perplexity_without_a_line_or_of_one_string_is_refused(make):
    lm = make("lstm")
    with pytest.raises(EmptyText, match="no line"):
        lm.perplexity([])
    with pytest.raises(UsageError, match="not a text of several lines"):
        lm.perplexity("the list")


def test_stupid_backoff_ranks_and_writes_but_has_no_perplexity(make):
    lm = make("stupid-backoff")
    with pytest.raises(UsageError, match="no perplexity"):
        lm.perplexity(["오늘은 비가 온다"])
    ranked = lm.choose(["비가 오늘은 온다", "오늘은 비가 온다"])
    assert ranked[0].text == "오늘은 비가 온다"
    assert lm.generate("오늘은", temperature=0)[0].finished


def test_what_was_never_seen_costs_mle_everything_and_nothing_breaks(make, lines):
    lm = make("mle")
    assert lm.score("좋다 오늘은") == -math.inf
    report = lm.perplexity(["오늘은 비가 온다", "좋다 오늘은"])
    assert report.perplexity == math.inf
    assert report.impossible > 0
    assert lm.perplexity(["오늘은 비가 온다"], context="line").perplexity < 3
    assert lm.choose(["좋다 오늘은", "오늘은 비가 온다"])[0].text == "오늘은 비가 온다"
    assert all(p > 0 for _, p in lm.next("오늘은", k=99))
    assert len(lm.next("오늘은", k=99)) == 2  # 날씨가, 비가


def test_the_next_tokens_are_the_distribution_in_falling_order(lm):
    V = len(lm.text.vocabulary)
    likeliest = lm.next("오늘은", k=V + 5)
    assert len(likeliest) == V
    assert sum(p for _, p in likeliest) == pytest.approx(1, abs=1e-9)
    assert [p for _, p in likeliest] == sorted((p for _, p in likeliest), reverse=True)
    ids = lm.text.encode("오늘은")
    for token, p in likeliest[:4]:
        (w,) = [i for i in range(V) if lm.text.spell(i) == token]
        assert -math.log(p) == pytest.approx(by_hand(lm, [*ids, w])[1], abs=1e-9)
    assert lm.next("오늘은", k=3) == likeliest[:3]
    assert len(lm.next("", k=1)) == 1
    with pytest.raises(UsageError, match="at least one token"):
        lm.next("오늘은", k=0)


def test_the_likeliest_alternative_comes_first(lm):
    sentences = ["오늘은 비가 온다", "비가", "오늘은 날씨가 좋다", "오늘은 비가 온다"]
    for by in ("sentence", "token", "character"):
        ranked = lm.choose(sentences, by=by)
        sizes = {"sentence": lambda text: 1, "character": lambda text: len(text) + 1}
        size = sizes.get(by, lambda text: len(text.split()) + 1)
        keys = [c.log_prob / size(c.text) for c in ranked]
        assert [c.score for c in ranked] == pytest.approx(keys)
        assert keys == sorted(keys, reverse=True)
        assert sorted(c.text for c in ranked) == sorted(sentences)
        for c in ranked:
            assert c.log_prob == pytest.approx(lm.score(c.text), abs=1e-10)
            assert c.mean == pytest.approx(c.log_prob / (len(c.text.split()) + 1), abs=1e-10)
    with pytest.raises(EmptyText, match="nothing to choose"):
        lm.choose([])


def test_many_sentences_side_by_side_cost_what_each_costs_alone(lm):
    sentences = ["오늘은 비가 온다", "", "the list of the words is long", "비가 zz"] * 3
    together = list(lm.tokens_of(iter(sentences)))
    for sentence, costs in zip(sentences, together, strict=True):
        alone = lm.tokens(sentence)
        assert [c[:3] + c[4:] for c in costs] == [c[:3] + c[4:] for c in alone]
        assert [c.surprisal for c in costs] == pytest.approx([c.surprisal for c in alone])


@pytest.mark.parametrize("beam", [0, 1, 3])
def test_what_is_written_costs_what_scoring_it_says(lm, beam):
    for prompt in ("", "오늘은", "the list of the"):
        for g in lm.generate(prompt, beam=beam, n=max(1, beam), max_tokens=9, unknown=True):
            said = list(map(lm.text.vocabulary.id, g.tokens))
            start = lm.text.encode(prompt)
            nats = by_hand(lm, said, start)
            expected = -sum(nats if g.finished else nats[:-1])
            assert g.log_prob == pytest.approx(expected, abs=1e-9)
            assert len(g.tokens) + g.finished <= 9
            assert g.text.startswith(prompt)
            assert g.text == prompt + g.continuation


def test_a_beam_is_never_worse_than_greedy_where_it_is_exhaustive(lm):
    (greedy,) = lm.generate("오늘은", temperature=0, max_tokens=2)
    V = len(lm.text.vocabulary)
    (best,) = lm.generate("오늘은", beam=V * V, max_tokens=2)
    assert best.log_prob >= greedy.log_prob - 1e-12
    (one,) = lm.generate("오늘은", beam=1, max_tokens=2)
    assert one == greedy


def test_text_i_depends_on_the_seed_and_on_i_alone(lm):
    def written(n, seed):
        found = lm.generate("", n=n, seed=seed, max_tokens=12, temperature=3.0)
        return [g.text for g in found]

    five = written(5, 3)
    assert written(5, 3) == five
    assert written(2, 3) == five[:2]
    assert len(set(five)) == 5
    assert set(written(5, 4)).isdisjoint(five)  # not seed + i


def test_the_unknown_is_written_only_if_asked_for(lm):
    for how in ({"n": 20}, {"beam": 20, "n": 20}, {"n": 20, "temperature": 3.0}):
        for g in lm.generate(max_tokens=6, **how):
            assert "<unk>" not in g.tokens
    lm.model  # noqa: B018
    some = lm.generate(max_tokens=6, n=40, temperature=50.0, unknown=True)
    assert any("<unk>" in g.tokens for g in some)


def test_min_tokens_and_max_tokens_hold(lm):
    for how in ({"n": 5}, {"beam": 5, "n": 5}, {"beam": 5, "n": 5, "length_penalty": 1.5}):
        for g in lm.generate(min_tokens=3, max_tokens=5, **how):
            assert 3 <= len(g.tokens) <= 5


def test_a_prompt_and_a_text_may_be_longer_than_the_context(make):
    lm = make("gpt")
    prompt = "오늘은 비가 온다 " * 5
    for how in ({"temperature": 0.0}, {"beam": 3}, {"n": 2}):
        for g in lm.generate(prompt, min_tokens=20, max_tokens=21, **how):
            assert len(g.tokens) >= 20


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n": 0}, "at least one text"),
        ({"beam": -1}, "0 slots"),
        ({"beam": 2, "n": 3}, "no 3 best"),
        ({"beam": 2, "temperature": 0.5}, "nothing is drawn by chance"),
        ({"beam": 2, "top_k": 5}, "nothing is drawn by chance"),
        ({"temperature": 0, "n": 2}, "one answer"),
        ({"max_tokens": 0}, "at least 1 token"),
        ({"min_tokens": 9, "max_tokens": 9}, "cannot both hold"),
        ({"top_p": 0}, "top_p = 0"),
        ({"seed": -1}, "a seed is 0 or more"),
        ({"beam": 2, "length_penalty": -1}, "alpha"),
    ],
)
def test_what_cannot_be_written_is_refused(wrong, said, make):
    with pytest.raises(UsageError) as caught:
        make("ngram").generate("오늘은", **wrong)
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", ["characters", "jamo", "bpe"])
def test_a_text_goes_on_from_the_prompt_as_it_was_written(kind, lines, make):
    lm = make("lstm", kind)
    for prompt in ("오늘은", "the  list ", "오느", "히읗 éx", "ㅋㅋ"):
        for g in lm.generate(prompt, n=4, max_tokens=12):
            ids = lm.text.encode(prompt)
            written = [i for t in g.tokens for i in [t]]
            assert len(written) == len(g.tokens)
            if kind == "bpe" or 1 not in ids:
                whole = lm.text.encode(g.text)
                assert lm.text.decode(whole) == g.text or "�" in g.text


def test_a_final_consonant_completes_the_syllable_of_the_prompt(make):
    lm = make("lstm", "jamo")
    final = lm.text.encode("늘")[-1]  # ᆯ
    from malmoi.decode.hypothesis import Hypothesis

    ids = lm.text.encode("오느")
    g = lm._generation("오느", ids, Hypothesis((final,), -1.0, -1.0, False))
    assert g.text == "오늘"
    assert g.continuation == "늘"
    decomposed = "오느"
    g = lm._generation(
        decomposed, lm.text.encode(decomposed), Hypothesis((final,), -1.0, -1.0, False)
    )
    assert g.text == "오늘"


def test_a_line_of_a_hundred_thousand_tokens_is_read(make):
    line = "the list " * 50_000
    for name in ("ngram", "gpt-of-256", "lstm"):
        lm = make(name, dtype=torch.float32)
        assert lm.perplexity([line, "the list"], context="line").events == 100_004
        assert len(lm.next(line, k=3)) == 3
