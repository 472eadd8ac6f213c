"""What can be learnt: TASKS names every task's configuration."""

from typing import TypeAlias

from malmoi.tasks.classification import Classification, ClassificationTask
from malmoi.tasks.language_modelling import LanguageModelling, LanguageModellingTask
from malmoi.tasks.tagging import Tagging, TaggingTask
from malmoi.tasks.translation import Translation, TranslationTask
from malmoi.tasks.word_vectors import WordVectors, WordVectorsTask

TaskConfig: TypeAlias = LanguageModelling | Classification | Tagging | Translation | WordVectors
LearntByGradient: TypeAlias = (
    LanguageModellingTask | ClassificationTask | TaggingTask | TranslationTask
)
AnyTask: TypeAlias = LearntByGradient | WordVectorsTask

TASKS = {
    "language-modelling": LanguageModelling,
    "classification": Classification,
    "tagging": Tagging,
    "translation": Translation,
    "word-vectors": WordVectors,
}
