"""What can be learnt: TASKS names every task's configuration."""

from typing import TypeAlias

from malmoi.tasks.language_modelling import LanguageModelling

TaskConfig: TypeAlias = LanguageModelling

TASKS = {"language-modelling": LanguageModelling}
