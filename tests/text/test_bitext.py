"""The two texts of a translator are kept as they were learnt."""

from pathlib import Path

import pytest

from malmoi.errors import RunError
from malmoi.text import Bitext

EN = ["the red word", "a word", "the end"]
KO = ["빨간 낱말", "낱말", "끝"]


def learn(**how: object) -> Bitext:
    return Bitext.learn(lambda: EN, lambda: KO, **{"kind": "words", **how})


@pytest.mark.parametrize(
    "how",
    [{}, {"joint": True}, {"source_kind": "characters"}, {"kind": "bpe", "size": 300}],
)
def test_what_is_saved_is_what_is_loaded(tmp_path: Path, how: dict[str, object]) -> None:
    bitext = learn(**how)
    assert not Bitext.saved(tmp_path)
    bitext.save(tmp_path)
    assert Bitext.saved(tmp_path)
    again = Bitext.load(tmp_path)
    assert again.joint == bitext.joint == ("joint" in how)
    for line in (*EN, *KO, "unseen 말"):
        assert again.source.encode(line) == bitext.source.encode(line)
        assert again.target.encode(line) == bitext.target.encode(line)


def test_each_side_knows_its_own_words_and_a_joint_one_both() -> None:
    apart, joint = learn(), learn(joint=True)
    assert 1 in apart.source.encode(KO[0])
    assert 1 not in apart.target.encode(KO[0])
    for line in (*EN, *KO):
        assert 1 not in joint.source.encode(line)
        assert joint.source.encode(line) == joint.target.encode(line)


def test_a_folder_with_one_side_missing_or_one_too_many_is_refused(tmp_path: Path) -> None:
    learn().save(tmp_path)
    (tmp_path / "target" / "text.json").unlink()
    assert not Bitext.saved(tmp_path)
    with pytest.raises(RunError):
        Bitext.load(tmp_path)
    learn(joint=True).save(tmp_path)
    with pytest.raises(RunError, match="a text too many"):
        Bitext.load(tmp_path)
