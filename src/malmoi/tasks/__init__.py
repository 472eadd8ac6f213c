"""What can be learnt: TASKS names every task's configuration."""

from typing import TypeAlias

from malmoi.tasks.classification import Classification, ClassificationTask
from malmoi.tasks.language_modelling import LanguageModelling, LanguageModellingTask
from malmoi.tasks.tagging import Tagging, TaggingTask
from malmoi.tasks.word_vectors import WordVectors, WordVectorsTask

TaskConfig: TypeAlias = LanguageModelling | Classification | Tagging | WordVectors
AnyTask: TypeAlias = LanguageModellingTask | ClassificationTask | TaggingTask | WordVectorsTask

TASKS = {
    "language-modelling": LanguageModelling,
    "classification": Classification,
    "tagging": Tagging,
    "word-vectors": WordVectors,
}
