"""SentencePiece models by their own package, on the text that the model was trained on; the ids of
a Marian folder; what is not such a folder."""

import json
import sys

import pytest

from malmoi.errors import DataError, RunError, UsageError
from malmoi.export.marian_text import read_bitext
from malmoi.text import Bitext
from malmoi.text.sentencepiece import SentencePiece

PAD = 5


@pytest.fixture(scope="module")
def fixture(shared_data):
    pytest.importorskip("sentencepiece", reason="not run: sentencepiece is not installed")
    return shared_data / "fixture-sentencepiece"


@pytest.fixture
def folder(fixture, tmp_path):
    """Their ids: `</s>`, `<unk>`, two codes of languages, the model's pieces around `<pad>`."""
    model = (fixture / "test_model.model").read_bytes()
    for side in ("source", "target"):
        (tmp_path / f"{side}.spm").write_bytes(model)
    pieces = ["</s>", "<unk>", ">>fra<<", ">>kor<<", *ours(model)]
    pieces.insert(PAD, "<pad>")
    table = {piece: i for i, piece in enumerate(pieces)}
    (tmp_path / "vocab.json").write_text(json.dumps(table))
    return tmp_path


def ours(model):
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(i) for i in range(3, processor.vocab_size())]


def ids(folder):
    size = len(json.loads((folder / "vocab.json").read_text()))
    return [i for i in range(size) if i != PAD]


def test_botchan_is_read_as_sentencepiece_reads_it_and_comes_back(folder, fixture):
    import sentencepiece

    text = read_bitext(folder, ids(folder), ids(folder)).source
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(fixture / "test_model.model"))
    table = json.loads((folder / "vocab.json").read_text())
    lines = (fixture / "botchan.txt").read_text(encoding="utf-8").split("\n")[:400]
    assert sum(map(bool, lines)) > 300
    for line in lines:
        pieces = theirs.encode(line, out_type=str)
        said = [ids(folder)[i] for i in text.encode(line)]
        assert said == [table.get(piece, 1) for piece in pieces]
        if 1 not in said:
            assert text.decode(text.encode(line)) == theirs.decode_pieces(pieces)
        tokens = text.tokens(line)
        assert len(tokens) == len(said)
        for token in tokens:
            spelt = line[token.start : token.end].split()
            assert "".join(spelt) == token.text.strip() or not token.text.strip()


def test_a_language_asked_for_is_a_piece_of_its_own_and_only_at_the_beginning(folder):
    text = read_bitext(folder, ids(folder), ids(folder)).source
    line = ">>fra<< I saw >>kor<<"
    assert text.encode(line)[0] == 2
    assert text.tokens(line)[0] == (">>fra<<", 0, 7)
    assert [line[t.start : t.end] for t in text.tokens(line)[1:3]] == ["I", " saw"]
    assert 3 not in text.encode(line)
    assert 0 not in text.encode("</s> <unk> <pad>")


def test_both_texts_are_saved_and_loaded(folder, tmp_path):
    bitext = read_bitext(folder, ids(folder), ids(folder))
    bitext.save(tmp_path / "text")
    loaded = Bitext.load(tmp_path / "text")
    line = "I saw a girl with a telescope."
    assert loaded.source.encode(line) == bitext.source.encode(line)
    assert loaded.target.decode(loaded.target.encode(line)) == line
    path = tmp_path / "text" / "source" / "text.json"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace('"base64": "', '"base64": "A'), encoding="utf-8")
    with pytest.raises(RunError, match="damaged"):
        Bitext.load(tmp_path / "text")


def test_without_the_package_its_name_is_said(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(UsageError, match="not installed") as caught:
        read_bitext(folder, ids(folder), ids(folder))
    assert caught.value.hint == "pip install 'malmoi[spm]'"


def test_what_is_missing_or_rubbish_is_named(folder):
    known = ids(folder)
    with pytest.raises(DataError, match="does not say what an id is"):
        read_bitext(folder, [*known, 5000], known)
    with pytest.raises(ValueError, match="no SentencePiece model"):
        SentencePiece.of({})
    (folder / "target.spm").write_bytes(b"rubbish")
    with pytest.raises(DataError, match=r"target\.spm cannot be read"):
        read_bitext(folder, known, known)
    (folder / "target.spm").unlink()
    with pytest.raises(DataError, match=r"target\.spm is missing"):
        read_bitext(folder, known, known)
    (folder / "vocab.json").write_text('["a"]')
    with pytest.raises(DataError, match="no table of pieces"):
        read_bitext(folder, known, known)
