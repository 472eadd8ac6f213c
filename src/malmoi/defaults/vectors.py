"""A sensible recipe for word vectors, from the size of the text alone."""

from typing import cast

from malmoi.models import word2vec
from malmoi.recipe import Recipe
from malmoi.tasks.word_vectors import WordVectors
from malmoi.text import Kind
from malmoi.training.config import Training

WORDS_READ = 2e7  # a small text is read again until so many words are


def recommend_vectors(
    name: str, *, data: str, tokens: str, characters: int, seed: int = 1
) -> Recipe:
    """The recipe for a training text of so many characters."""
    words = characters / 5
    cbow = name == "cbow"
    fasttext = word2vec.Config(longest=6, buckets=20_000 if words < 1e6 else 200_000)
    return Recipe(
        task=WordVectors(data=data, tokens=cast(Kind, tokens), min_count=2 if words < 1e6 else 5),
        model=fasttext
        if name == "fasttext"
        else word2vec.Config(architecture="cbow" if cbow else "skipgram"),
        training=Training(
            lr=0.05 if cbow else 0.025,
            schedule="linear",
            floor=0.004,
            epochs=max(5, min(50, round(WORDS_READ / max(1.0, words)))),
        ),
        seed=seed,
    )
