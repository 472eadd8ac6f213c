"""What the words on the page mean, those of the figures that are shown."""

from malmoi.comparison.measures import Headline
from malmoi.comparison.result import Comparison
from malmoi.explain.draw import Markup, tag

SPLITS = (
    "dev, test",
    "Dev is the held-out text that training may look at to stop or to choose; test was not "
    "looked at before the end. The order is by test.",
)
ON_DISK = ("on disk", "What must be kept in order to use the model, in powers of ten.")
LEARNT = ("parameters", "The numbers a network has learnt.")
SPEED = "Wall clock on the machine below, and how fast text was read."
PERPLEXITY = (
    "perplexity",
    "How many tokens the model hesitates between, on average, at each step: the exponential of "
    "the mean surprise. Every token and every end of a line is scored, <unk> among them; the "
    "beginning of a line is not. Lower is better. It is a figure per token: compare it only "
    "where the text was cut in the same way.",
)
WRITING = (
    PERPLEXITY,
    (
        "bits per character, per byte",
        "The same surprise spread over the characters (the end of a line is one) or the UTF-8 "
        "bytes of the test text, so that it does not matter how the text was cut.",
    ),
    SPLITS,
    (
        "parameters",
        "The numbers a network has learnt; for an n-gram, the probabilities and back-off weights "
        "it keeps.",
    ),
    ("training time, tokens/s", SPEED),
    ON_DISK,
    (
        "surprisal",
        "The negative logarithm of the probability that the model gave to the token that came. "
        "One bit is a coin's worth; 10 bits one chance in 1,024.",
    ),
)
F1 = (
    "Of what was given a label, the share that is right (precision); of what has the label, the "
    "share that was found (recall); F1 is their harmonic mean."
)
ACCURACY = ("accuracy", "The share that is right.")
MACRO = (
    "macro F1",
    f"{F1} Macro: the mean over the labels, so that a rare label counts as much as a common one.",
)
CALIBRATION = (
    "calibration error",
    "How far a model's probabilities are from what comes true, on average over its decisions: one "
    "that is 80 % sure should be right four times in five (ECE, 15 bins).",
)
CHANCE = (
    "beyond chance",
    "Test examples are drawn anew 10,000 times, the same for both models (paired bootstrap). p is "
    "how often so large a difference would be drawn if there were none. The best model was chosen "
    "by the same examples, and each p is of one pair, so take a p near 0.05 for less than it says.",
)
CONFUSION = (
    "confusion",
    "Each row is a true label: of what has it, the share that was given each label.",
)
COSTS = (SPLITS, LEARNT, ("training time", SPEED), ON_DISK)
MEANINGS: dict[Headline, tuple[tuple[str, str], ...]] = {
    "perplexity": WRITING,
    "accuracy": (ACCURACY, MACRO, CALIBRATION, CHANCE, CONFUSION, *COSTS),
    "micro_f1": (
        ("micro F1", f"{F1} Micro: over all decisions together."),
        ("macro F1", "The mean of the labels' F1."),
        ("all labels right", "The share of texts that have exactly the labels they were given."),
        CALIBRATION,
        CHANCE,
        *COSTS,
    ),
    "f1": (
        (
            "entity F1",
            "An entity is right only if its words and its label are (CoNLL, strict). Of those "
            "found, the share that is right (precision); of those there are, the share that was "
            "found (recall); F1 is their harmonic mean.",
        ),
        ("tags right", "The share of words with the right tag. Most words are in no entity."),
        CHANCE,
        CONFUSION,
        *COSTS,
    ),
    "bleu": (
        (
            "BLEU",
            "How many of the runs of one to four words in the translations are in what people "
            "wrote: the geometric mean of the four shares, over the whole test text, less if the "
            "translations are too short. From 0 to 100. It compares only under the same signature.",
        ),
        (
            "chrF",
            "The same idea of runs of one to six characters, found and missed alike: endings that "
            "are nearly right count. From 0 to 100.",
        ),
        (
            "perplexity",
            f"{PERPLEXITY[1]} Here of what people wrote, given the source and the right words "
            "before: it is what training lowers, and the curves show it.",
        ),
        (
            "right to the letter",
            "The share of translations that are one of the references. Of words to be pronounced "
            "or respelt, 1 − the word error rate.",
        ),
        (
            "alignment",
            "How much of each look went to each word of the source, where the model looks back.",
        ),
        CHANCE,
        *COSTS,
    ),
}


def meanings(comparison: Comparison) -> Markup:
    """The section of the page."""
    said = [
        tag("div", None, tag("dt", None, word), tag("dd", None, text))
        for word, text in MEANINGS[comparison.ground.headline]
    ]
    return tag("section", None, tag("h2", None, "What the figures mean"), tag("dl", None, *said))
