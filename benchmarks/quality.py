"""`python -m benchmarks.quality [SEEDS [EPOCHS]]`: what word vectors are worth, ours and gensim's.

The same text (all of WikiText-2's training), width, window, negatives, subsampling and learning
rate on both sides, one thread each, from several seeds: the rank correlation with WordSim-353, and
the share of questions-words that is answered, mean ± standard deviation.
"""

import sys
from statistics import mean, stdev

from benchmarks.vectors import LEAST, NEGATIVES, SAMPLE, WINDOW, D, Sides
from malmoi.data import catalogue
from malmoi.errors import DataError
from malmoi.models.word2vec import Config
from malmoi.vectors import WordVectors
from malmoi.vectors.exams import analogies, similarities

EVERYTHING = 10**9
KINDS = {
    "skip-gram": Config(d=D, window=WINDOW, negatives=NEGATIVES, sample=SAMPLE),
    "skip-gram, shared": Config(
        d=D, window=WINDOW, negatives=NEGATIVES, sample=SAMPLE, shared=True
    ),
    "CBOW": Config(architecture="cbow", d=D, window=WINDOW, negatives=NEGATIVES, sample=SAMPLE),
}


def main(seeds: int = 3, epochs: int = 10) -> None:
    shelf = catalogue.shelf_folder()
    if shelf is None or not (shelf / "wordvec-eval-en").is_dir():
        raise DataError("wordvec-eval-en is not on the shelf", hint="malmoi data get")
    exams = shelf / "wordvec-eval-en"
    sides = Sides("wikitext-2", EVERYTHING)
    print(f"{sides.words:,} words, {epochs} epochs, {seeds} seeds, min_count {LEAST}", flush=True)

    def theirs(config: Config, seed: int) -> WordVectors:
        model = sides.peer(config, threads=1, seed=seed)
        model.train(sides.spelt, total_examples=len(sides.spelt), epochs=epochs)
        return WordVectors(model.wv.index_to_key, model.wv.vectors)

    for name, config in KINDS.items():
        for who in ("ours", "gensim"):
            if who == "gensim" and config.shared:
                continue
            found = []
            for seed in range(1, seeds + 1):
                vectors = (
                    sides.ours(config, threads=1, epochs=epochs, seed=seed)
                    if who == "ours"
                    else theirs(config, seed)
                )
                answers = analogies(vectors, str(exams / "questions-words.txt"))
                share = answers.correct / answers.questions
                told = similarities(vectors, str(exams / "wordsim353.tsv"))
                found.append((told.spearman, 100 * share))
            (a, b), spread = zip(*found, strict=True), stdev if seeds > 1 else lambda _: 0.0
            print(
                f"{name}, {who}: WordSim-353 {mean(a):.3f} ± {spread(a):.3f} ({told.pairs} pairs), "
                f"questions-words {mean(b):.2f} ± {spread(b):.2f} % ({answers.questions:,})",
                flush=True,
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
