"""Word vectors: read much text, and keep what each word has to do with the others.

The text is one stream of tokens, read sentence by sentence.  There is nothing to be right about in
a held-out text: vectors are measured by what people say of words (`vectors.exams`), if the recipe
names the files, and by what a tagger or a classifier that begins with them reaches.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from malmoi import files
from malmoi.config import CONFIG, Sizes
from malmoi.data import catalogue
from malmoi.data.corpus import TOKENS, Corpus, encoded
from malmoi.errors import EmptyText
from malmoi.text import Kind, Text
from malmoi.vectors.exams import analogies, similarities
from malmoi.vectors.words import WordVectors as Vectors


@dataclass(frozen=True, config=CONFIG)
class WordVectors:
    """data: a name, a file or a folder.  tokens: what a word is.  vocabulary: at most so many
    types (0: no limit).  min_count: rarer types have no vector.  split_seed: which lines of a
    single file are held out; they are not read, so that a tagger may be tested on them.

    similarity: a file of pairs of words with the score that people gave them (WordSim-353).
    analogies: a file of questions, four words a line (questions-words).
    """

    data: str
    tokens: Kind = "words"
    vocabulary: Annotated[int, Field(ge=0)] = 0
    min_count: Annotated[int, Field(ge=1)] = 5
    similarity: str = ""
    analogies: str = ""
    split_seed: Annotated[int, Field(ge=0)] = 0

    def prepare(self, folder: Path, seed: int, *, write: bool = True) -> "WordVectorsTask":
        """Find the data, learn the text's tokens, write the token stream into `folder`."""
        data = catalogue.find(self.data, seed=self.split_seed)
        lines = data.splits["train"]
        if next(iter(lines()), None) is None:
            raise EmptyText(f"there is no line to read in the train part of {data.name}")
        text = Text.learn(
            lines, kind=self.tokens, size=self.vocabulary or None, min_count=self.min_count
        )
        place, V = folder / "corpus" / "train", len(text.vocabulary)
        if write:
            text.save(folder / "text")
        corpus = (
            Corpus.write(place, encoded(lines(), text.encode), V) if write else Corpus.open(place)
        )
        return WordVectorsTask(self, text, corpus, seed, data.announcements)


class WordVectorsTask:
    """The text of one word-vectors recipe."""

    unit = "words"

    def __init__(
        self,
        config: WordVectors,
        text: Text,
        corpus: Corpus,
        seed: int,
        announcements: Sequence[str] = (),
    ) -> None:
        self.config, self.text, self.corpus, self.seed = config, text, corpus, seed
        self.announcements = tuple(announcements)

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocabulary=len(self.text.vocabulary))

    @property
    def events(self) -> dict[str, int]:
        """Words that are read, by split."""
        return {"train": self.corpus.events - self.corpus.lines}

    @property
    def fingerprint(self) -> dict[str, str]:
        """SHA-256 of the tokens."""
        return {"train": files.sha256(self.corpus.folder / TOKENS)}

    @property
    def facts(self) -> dict[str, Any]:
        """What the report of a run says of its data."""
        return {
            "train_events": self.events["train"],
            "unknown": self.corpus.unknown,
            "vocabulary": self.sizes.vocabulary,
        }

    def examine(self, vectors: Vectors) -> dict[str, float]:
        """What people say of words, compared with the vectors, where the recipe names files."""
        found: dict[str, float] = {}
        if self.config.similarity:
            found |= similarities(vectors, Path(self.config.similarity)).measures()
        if self.config.analogies:
            found |= analogies(vectors, Path(self.config.analogies)).measures()
        return found
