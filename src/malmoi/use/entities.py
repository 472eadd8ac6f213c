"""How likely an entity is: that exactly these words, and no more, are one of this label.

    p(y_s … y_e = its tags, y_{e+1} does not go on)
        = Σ_{j ∉ on} exp(before_s(y_s) + Σ_{t=s..e} P_t(y_t) + Σ_{t=s..e-1} A(y_t, y_{t+1})
                         + A(y_e, j) + P_{e+1}(j) + after_{e+1}(j) − log Z)

before, after and log Z: `malmoi.layers.forward_backward`.  on: the tags that would make the entity
longer, I and E of its label, if its last tag leaves that open (E and S do not).  In BIO and in
BIOES an entity is written in one way only, so this is all of its probability.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from malmoi.layers import forward_backward as sums
from malmoi.layers.crf import LinearChain
from malmoi.layers.distributions import Independent
from malmoi.metrics.schemes import Span


@torch.no_grad()
def probabilities(
    said: Independent | LinearChain,
    spans: Sequence[Sequence[Span]],
    tags: Int[Tensor, "B T"],
    labels: Sequence[str],
) -> list[list[float]]:
    """The probability of each entity of each row; spans are places of the row's own words.

    tags: the answer the entities were read from.  Words stand at the left of their row.
    """
    found: list[list[float]] = [[] for _ in spans]
    rows = [i for i, there in enumerate(spans) if there]
    if not rows:
        return found
    chain = said.chain() if isinstance(said, Independent) else said
    part = torch.tensor(rows, device=chain.mask.device)
    chain = LinearChain(
        chain.emissions[part], chain.mask[part], chain.transitions, chain.start, chain.end
    )
    messages = sums.messages(chain.scores, chain.places)
    e, before, after, log_z = (x.double().cpu().numpy() for x in messages)
    A, end = chain.scores.A.cpu().numpy(), chain.scores.end.cpu().numpy()
    lengths = chain.mask.sum(1).tolist()
    prefixes = np.array([label[:1] for label in labels])
    names = np.array([label[2:] for label in labels])
    longer = {
        span.label: np.isin(prefixes, ("I", "E")) & (names == span.label)
        for there in spans
        for span in there
    }
    for b, row in enumerate(rows):
        y = tags[row].numpy()
        for start, stop, label in spans[row]:
            inside = np.arange(start, stop)
            last = y[stop - 1]
            score = before[b, start, y[start]] + e[b, inside, y[inside]].sum()
            score += A[y[inside[:-1]], y[inside[1:]]].sum()
            if stop < lengths[b]:
                after_it = A[last] + e[b, stop] + after[b, stop]
                open_ = prefixes[last] in ("B", "I")
                score += np.logaddexp.reduce(after_it[~longer[label]] if open_ else after_it)
            else:
                score += end[last]
            found[row].append(float(min(1.0, np.exp(score - log_z[b]))))
    return found
