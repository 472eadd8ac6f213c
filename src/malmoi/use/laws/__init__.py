"""The laws that every model obeys, tested on a model of one's own: `malmoi check RUN`.

for finding in check(lm):
    print(finding.law, finding.ok, finding.difference, "≤", finding.limit)
"""

from collections.abc import Iterator

from malmoi.errors import UsageError
from malmoi.use import LanguageModel, Translator, Usable, WordVectors
from malmoi.use.laws import reading, translating, writing
from malmoi.use.laws.finding import Finding, apart

__all__ = ["Finding", "apart", "check"]


def check(used: Usable, *, seed: int = 0) -> Iterator[Finding]:
    """One finding for each law, as they are made."""
    if isinstance(used, LanguageModel):
        return writing.check(used, seed=seed)
    if isinstance(used, Translator):
        return translating.check(used, seed=seed)
    if isinstance(used, WordVectors):
        raise UsageError(
            "word vectors obey no law that a run could break",
            hint="malmoi vectors RUN evaluate",
        )
    return reading.check(used, seed=seed)
