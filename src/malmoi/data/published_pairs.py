"""The data sets of pairs of texts that others made."""

from functools import partial

from malmoi.data import shelf_pairs as pairs
from malmoi.data.digests import SHA256
from malmoi.data.publication import Published

MULTI30K = "the repository multi30k/dataset (data/task1/raw: train, val and test_2016_flickr)"

PAIRS: dict[str, Published] = {
    "tatoeba-eng-fra": Published(
        description="everyday sentences, English to French (Tatoeba, 2017)",
        licence="CC BY 2.0",
        language="English, French",
        tokens="bpe",
        source="manythings.org/anki, fra-eng.zip of 2017, split as in the README of the shelf",
        files=SHA256["tatoeba-eng-fra"],
        pairs=pairs.tatoeba_french,
        announcements=(
            "tatoeba-eng-fra: no English sentence is in two parts; in valid and test all French "
            "sentences of an English one are right answers",
        ),
    ),
    "tatoeba-eng-kor": Published(
        description="everyday sentences, English to Korean (Tatoeba); 3,798 pairs",
        licence="CC BY 2.0 FR",
        language="English, Korean",
        tokens="bpe",
        source="manythings.org/anki, kor-eng.zip (nate-koser/kor-eng-translator, kor.txt)",
        files=SHA256["tatoeba-eng-kor"],
        pairs=pairs.tatoeba_korean,
        announcements=(
            "tatoeba-eng-kor: 80, 10 and 10 % by the SHA-256 of the English sentence; in valid and "
            "test all Korean sentences of it are right answers",
        ),
    ),
    "korean-parallel-corpora": Published(
        description="news, English to Korean, to measure with only (Park et al. 2016)",
        licence="CC BY-SA 3.0",
        language="English, Korean",
        tokens="bpe",
        source="the repository jungyeul/korean-parallel-corpora, korean-english-news-v1",
        files=SHA256["korean-parallel-corpora"],
        pairs=pairs.korean_news,
        announcements=(
            "korean-parallel-corpora: news, valid and test only; the training file is not part",
        ),
    ),
    "sigmorphon2020-g2p": Published(
        description="Korean words and how they are spoken (SIGMORPHON 2020, task 1)",
        licence="CC BY-SA 3.0",
        language="Korean",
        tokens="given",
        source_tokens="jamo",
        source="the repository sigmorphon/2020, task1/data",
        files=SHA256["sigmorphon2020-g2p"],
        pairs=pairs.pronunciations,
        announcements=("sigmorphon2020-g2p: Korean, the published parts",),
    ),
    "toy-seq2seq-dates": Published(
        description="dates as people write them, to dates as ISO 8601 writes them",
        licence="MIT",
        language="English",
        tokens="characters",
        source="the repository oreilly-japan/deep-learning-from-scratch-2, dataset/date.txt",
        files=SHA256["toy-seq2seq-dates"],
        pairs=partial(pairs.toy, name="date.txt"),
        folder="toy-seq2seq",
        announcements=("toy-seq2seq-dates: 80, 10 and 10 % by the SHA-256 of the source",),
    ),
    "toy-seq2seq-addition": Published(
        description="sums of two numbers of up to three digits, and what they come to",
        licence="MIT",
        language="",
        tokens="characters",
        source="the repository oreilly-japan/deep-learning-from-scratch-2, dataset/addition.txt",
        files=SHA256["toy-seq2seq-addition"],
        pairs=partial(pairs.toy, name="addition.txt"),
        folder="toy-seq2seq",
        announcements=("toy-seq2seq-addition: 80, 10 and 10 % by the SHA-256 of the source",),
    ),
    **{
        name: Published(
            description=f"captions of photographs, English to {language} (Elliott et al. 2016)",
            licence="non-commercial (Flickr30k)",
            language=f"English, {language}",
            tokens="bpe",
            source=MULTI30K,
            files={"train.en": None, f"train.{code}": None},
            pairs=partial(pairs.parallel, languages=("en", code)),
            folder="multi30k",
            announcements=(
                f"{name}: valid is valid or val, test the plainest of the files named test; "
                "what is missing is taken from train",
            ),
        )
        for name, language, code in (
            ("multi30k", "German", "de"),
            ("multi30k-en-fr", "French", "fr"),
        )
    },
}
