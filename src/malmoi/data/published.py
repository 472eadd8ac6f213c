"""The data sets that others made: what they are, where they are to be had, and how they are read.

Those of pairs of texts are in published_pairs.py; `digests.py` has the SHA-256 of what is in their
files.
"""

from functools import partial

from malmoi.data import shelf, shelf_examples as examples, shelf_pairs
from malmoi.data.digests import SHA256
from malmoi.data.publication import Published
from malmoi.data.published_pairs import PAIRS

PUBLISHED: dict[str, Published] = {
    "wikitext-2": Published(
        description="English Wikipedia articles, words with <unk> (Merity et al. 2016)",
        licence="CC BY-SA 3.0",
        language="English",
        tokens="given",
        source="the repository pytorch/examples, word_language_model/data/wikitext-2",
        files=SHA256["wikitext-2"],
        splits=partial(
            shelf.word_files,
            names={"train": "train.txt", "valid": "valid.txt", "test": "test.txt"},
        ),
        announcements=("wikitext-2: words as given, blank lines dropped",),
    ),
    "ptb": Published(
        description="Penn Treebank news, 10,000 words with <unk> (Mikolov et al. 2010)",
        licence="LDC; ask there",
        language="English",
        tokens="given",
        source="the simple-examples of Mikolov's RNNLM (its data folder)",
        files={"ptb.train.txt": None, "ptb.valid.txt": None, "ptb.test.txt": None},
        splits=partial(
            shelf.word_files,
            names={"train": "ptb.train.txt", "valid": "ptb.valid.txt", "test": "ptb.test.txt"},
        ),
    ),
    "tiny-shakespeare": Published(
        description="plays of Shakespeare in one file, for character models (Karpathy 2015)",
        licence="public domain",
        language="English",
        tokens="characters",
        source="the repository karpathy/char-rnn, data/tinyshakespeare/input.txt",
        files=SHA256["tiny-shakespeare"],
        splits=shelf.tiny_shakespeare,
        announcements=(
            "tiny-shakespeare: the first 90 % of the characters are train, the rest valid, as in "
            "nanoGPT; there is no third part, so test is valid",
        ),
    ),
    "war-and-peace": Published(
        description="Tolstoy's novel in English, for character models (Karpathy et al. 2015)",
        licence="public domain",
        language="English",
        tokens="characters",
        source="Project Gutenberg, or ThingsOfBeam/Corpus, warpeace_input.txt (CR made LF)",
        files=SHA256["war-and-peace"],
        splits=shelf.war_and_peace,
        announcements=("war-and-peace: 80, 10 and 10 % of the characters, cut at line ends",),
    ),
    "nsmc": Published(
        description="short Korean film reviews (Naver sentiment movie corpus, Park 2015)",
        licence="CC0 1.0",
        language="Korean",
        tokens="characters",
        source="the repository e9t/nsmc",
        files=SHA256["nsmc"],
        labelled=examples.nsmc,
        announcements=(
            "nsmc: labels 0 (negative) and 1; valid is a tenth of the published training file, "
            "by the SHA-256 of the review's id; empty reviews are dropped",
        ),
    ),
    "petitions-ko": Published(
        description="petitions to the Blue House, six months of 2017 and 2019",
        licence="KOGL Type 1",
        language="Korean",
        tokens="bpe",
        source="the repository lovit/petitions_archive, the six monthly files",
        files=SHA256["petitions-ko"],
        splits=shelf.petitions,
        labelled=examples.petitions,
        announcements=(
            "petitions-ko: split by month; valid is 2019-07, test 2019-08",
            "petitions-ko: a labelled text is the title and the body, its label one of 17 "
            "categories; lines are the bodies alone",
        ),
    ),
    "3i4k": Published(
        description="what a Korean utterance is for, 7 kinds (Cho et al. 2018)",
        licence="CC BY-SA 4.0",
        language="Korean",
        tokens="characters",
        source="the repository warnikchow/3i4k, data/",
        files=SHA256["3i4k"],
        labelled=examples.intentions,
        announcements=(
            "3i4k: valid is the last 5,512 lines of the training file, which hold a tenth of every "
            "kind; labels 0 to 6 are written out",
        ),
    ),
    "clinc150": Published(
        description="queries to an assistant, 150 intents and out of scope (Larson et al. 2019)",
        licence="CC BY 3.0",
        language="English",
        tokens="words",
        source="the repository clinc/oos-eval, data/data_full.json",
        files=SHA256["clinc150"],
        labelled=examples.clinc,
        announcements=(
            "clinc150: the full set; queries out of scope are a label of their own, oos "
            "(100 in train, 100 in valid, 1,000 in test)",
        ),
    ),
    "banking77": Published(
        description="questions to a bank, 77 intents (Casanueva et al. 2020)",
        licence="CC BY 4.0",
        language="English",
        tokens="words",
        source="the repository PolyAI-LDN/task-specific-datasets, banking_data/",
        files=SHA256["banking77"],
        labelled=examples.banking,
        announcements=(
            "banking77: valid is a tenth of the published training file, by the SHA-256 of texts",
        ),
    ),
    "sib200-ko": Published(
        description="Korean sentences of Wikinews and its like, 7 topics (Adelani et al. 2023)",
        licence="CC BY-SA 4.0",
        language="Korean",
        tokens="words",
        source="the repository dadelani/sib-200, data/annotated/",
        files=SHA256["sib200-ko"],
        labelled=partial(examples.topics, language="kor_Hang"),
        folder="sib200-ko-en",
    ),
    "sib200-en": Published(
        description="English sentences of Wikinews and its like, 7 topics (Adelani et al. 2023)",
        licence="CC BY-SA 4.0",
        language="English",
        tokens="words",
        source="the repository dadelani/sib-200, data/annotated/",
        files=SHA256["sib200-en"],
        labelled=partial(examples.topics, language="eng_Latn"),
        folder="sib200-ko-en",
    ),
    "chatbot-ko": Published(
        description="made-up utterances to a chatbot: daily life, parting, love (Song 2018)",
        licence="MIT",
        language="Korean",
        tokens="characters",
        source="the repository songys/Chatbot_data, ChatbotData.csv",
        files=SHA256["chatbot-ko"],
        labelled=examples.chatbot,
        pairs=shelf_pairs.chatbot,
        announcements=(
            "chatbot-ko: 80, 10 and 10 % by the SHA-256 of the question, which is what is labelled "
            "(0 to 2 are written out); as pairs, each with its answer",
        ),
    ),
    "masc-tagged": Published(
        description="English documents of 20 written and spoken genres (Ide et al. 2010)",
        licence="free for any use (MASC)",
        language="English",
        tokens="words",
        source="the package masc_tagged of nltk_data, without its members wsj_*",
        files=SHA256["masc-tagged"],
        labelled=examples.masc,
        announcements=(
            "masc-tagged: documents with their genre, words between spaces; 80, 10 and 10 % of "
            "the documents, of every genre alike, by the SHA-256 of the document's name; "
            "without the Wall Street Journal and three documents that have no genre",
        ),
    ),
    "ud-ko-kaist": Published(
        description="Korean sentences with parts of speech, UD (Chun et al. 2018)",
        licence="CC BY-SA 4.0",
        language="Korean",
        tokens="words",
        source="the repository UniversalDependencies/UD_Korean-Kaist (train: emorynlp/ud-korean)",
        files=SHA256["ud-ko-kaist"],
        tagged=partial(
            examples.universal,
            names=(
                "ko_kaist-ud-train.tags.conllu",
                "ko_kaist-ud-dev.conllu",
                "ko_kaist-ud-test.conllu",
            ),
        ),
        column="upos",
        announcements=("ud-ko-kaist: train has tags but no heads (head and deprel are _)",),
    ),
    "ud-ko-gsd": Published(
        description="Korean sentences of the web with parts of speech, UD (Chun et al. 2018)",
        licence="CC BY-SA 4.0",
        language="Korean",
        tokens="words",
        source="the repository UniversalDependencies/UD_Korean-GSD",
        files=SHA256["ud-ko-gsd"],
        tagged=partial(
            examples.universal,
            names=("ko_gsd-ud-train.conllu", "ko_gsd-ud-dev.conllu", "ko_gsd-ud-test.conllu"),
        ),
        column="upos",
    ),
    "ud-en-ewt": Published(
        description="English sentences of the web with parts of speech, UD (Silveira et al. 2014)",
        licence="CC BY-SA 4.0",
        language="English",
        tokens="words",
        source="the repository UniversalDependencies/UD_English-EWT",
        files=SHA256["ud-en-ewt"],
        tagged=partial(
            examples.universal,
            names=("en_ewt-ud-train.conllu", "en_ewt-ud-dev.conllu", "en_ewt-ud-test.conllu"),
        ),
        column="upos",
    ),
    "wnut17": Published(
        description="English posts with emerging entities, 6 kinds in BIO (Derczynski et al. 2017)",
        licence="CC BY 4.0",
        language="English",
        tokens="words",
        source="the repository leondz/emerging_entities_17",
        files=SHA256["wnut17"],
        tagged=examples.wnut,
        column="-1",
        announcements=("wnut17: a sentence is its words with spaces between",),
    ),
    "klue-ner-dev": Published(
        description="Korean sentences by character, 6 kinds of entities in BIO (Park et al. 2021)",
        licence="CC BY-SA 4.0",
        language="Korean",
        tokens="characters",
        source="the repository KLUE-benchmark/KLUE, klue_benchmark/klue-ner-v1.1/",
        files=SHA256["klue-ner-dev"],
        tagged=examples.klue,
        column="-1",
        announcements=(
            "klue-ner-dev: the published development file alone, split 80, 10 and 10 % by the "
            "SHA-256 of the sentence, so no number made with it compares with KLUE's own; words "
            "are characters, spaces among them",
        ),
    ),
    **PAIRS,
}
