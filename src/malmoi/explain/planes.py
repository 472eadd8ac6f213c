"""Many dimensions on a plane, so that they can be looked at.

pca     the two directions in which the vectors differ most, Pearson (1901)
t-SNE   neighbours stay neighbours, van der Maaten & Hinton (2008); Barnes–Hut, 2014: Cho et al.
        (2014), figures 4 and 5.  It is scikit-learn's.

Both are the same whenever they are computed again: directions have a sign that is fixed, t-SNE
begins from the first two directions and has one thread.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from malmoi.errors import UsageError

PERPLEXITY = 30.0  # neighbours that t-SNE minds, as in its authors' program
FEWEST = 4  # vectors of which a map is drawn


class Plane(NamedTuple):
    """share: of the variance that the plane has; None where that says nothing."""

    points: Float[np.ndarray, "n 2"]
    share: float | None


def pca(X: Float[np.ndarray, "n d"]) -> Plane:
    """The two principal components of the rows of X."""
    centred = X - X.mean(0)
    _, s, V = np.linalg.svd(centred, full_matrices=False)
    V = V * np.sign(np.take_along_axis(V, np.abs(V).argmax(1)[:, None], 1))  # a sign that is fixed
    total = float((s**2).sum())
    share = float((s[:2] ** 2).sum()) / total if total else 1.0
    points = np.zeros((len(X), 2))
    found = centred @ V[:2].T
    points[:, : found.shape[1]] = found
    return Plane(points, share)


def tsne(X: Float[np.ndarray, "n d"], *, seed: int = 0) -> Plane:
    """Raises UsageError if scikit-learn is not installed."""
    try:
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise UsageError(
            "t-SNE is scikit-learn's, which is not installed",
            hint="pip install 'malmoi[map]', or --projection pca",
        ) from None
    begin = pca(X).points
    begin = begin / (begin[:, 0].std() or 1.0) * 1e-4  # small, as its authors begin
    perplexity = min(PERPLEXITY, (len(X) - 1) / 3)
    with threadpool_limits(1):  # several add in another order each time
        made = TSNE(2, perplexity=perplexity, init=begin.astype(np.float32), random_state=seed)
        points = made.fit_transform(X.astype(np.float32))
    return Plane(np.asarray(points, dtype=np.float64), None)


def nearest(X: Float[np.ndarray, "n d"], n: int) -> list[tuple[int, int, float]]:
    """The n pairs of rows that point most the same way, none twice; and their cosines."""
    unit = X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12)
    cosine = unit @ unit.T
    first, second = np.triu_indices(len(X), 1)
    order = np.argsort(-cosine[first, second], kind="stable")
    found: list[tuple[int, int, float]] = []
    seen: set[int] = set()
    for k in order:
        i, j = int(first[k]), int(second[k])
        if len(found) == n:
            break
        if not {i, j} & seen:
            found.append((i, j, float(cosine[i, j])))
            seen |= {i, j}
    return found
