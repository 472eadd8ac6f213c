"""What can be learnt: TASKS names every task's configuration."""

from typing import TypeAlias

from malmoi.tasks.classification import Classification, ClassificationTask
from malmoi.tasks.language_modelling import LanguageModelling, LanguageModellingTask
from malmoi.tasks.tagging import Tagging, TaggingTask

TaskConfig: TypeAlias = LanguageModelling | Classification | Tagging
AnyTask: TypeAlias = LanguageModellingTask | ClassificationTask | TaggingTask

TASKS = {
    "language-modelling": LanguageModelling,
    "classification": Classification,
    "tagging": Tagging,
}
