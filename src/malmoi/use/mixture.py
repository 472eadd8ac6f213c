"""Several language models of one text as one: p = Σ_k λ_k p_k (Jelinek & Mercer 1980; for a network
and an n-gram model Bengio et al. 2003, §4.2).

    p(w | h) = Σ_k λ_k p_k(w | h),   λ ≥ 0,   Σ λ = 1

λ is fitted on held-out text by EM (Dempster, Laird & Rubin 1977), whose likelihood has one maximum:

    E:  which model said word i, λ_k p_k(i) / Σ_j λ_j p_j(i)       M:  λ_k = its mean over i

    both = mix([malmoi.load("runs/nplm"), malmoi.load("runs/ngram")], heldout=lines)
    both.generate("오늘은");  both.score("…");  both.perplexity(lines);  both.model.weights

A mixture is a language model like its parts, and obeys the same laws.  Each part remembers what it
needs: an n-gram its last words, an LSTM its state, a GPT its window.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from malmoi.carry import LanguageModel as Model
from malmoi.decode.reading import log_softmax
from malmoi.decode.window import endless
from malmoi.errors import EmptyText, UsageError
from malmoi.use.language_model import LanguageModel

ROUNDS, ENOUGH = 2_000, 1e-12  # of EM; nats a word gained in one
Lines: TypeAlias = Path | Sequence[str]
Carries: TypeAlias = tuple[Any, ...]


class Mixture:
    """Of models with one vocabulary.  weights: λ, one a model.  What it says is log p, float64."""

    context: int | None = None

    def __init__(self, models: Sequence[Model[Any]], weights: Sequence[float]) -> None:
        _check(weights, len(models))
        self.models = tuple(endless(model) for model in models)
        self.parts = tuple(models)
        self.weights = tuple(w / math.fsum(weights) for w in weights)

    def begin(self, batch: int) -> Carries:
        return tuple(model.begin(batch) for model in self.models)

    def __call__(
        self, x: Int[Tensor, "B T"], carry: Carries
    ) -> tuple[Float[Tensor, "B T V"], Carries]:
        said = []
        for model, at, past in zip(self.models, self._devices(), carry, strict=True):
            logits, now = model(x.to(at), past)
            said.append((log_softmax(logits.flatten(0, 1)).view(logits.shape), now))
        return self._mixed(said)

    def log_prob(
        self, x: Int[Tensor, "B T"], y: Int[Tensor, "B T"], carry: Carries
    ) -> tuple[Float[Tensor, "B T"], Carries]:
        return self._mixed(
            [
                model.log_prob(x.to(at), y.to(at), past)
                for model, at, past in zip(self.models, self._devices(), carry, strict=True)
            ]
        )

    def _mixed(self, said: Sequence[tuple[Tensor, Any]]) -> tuple[Tensor, Carries]:
        shares = zip(self.weights, said, strict=True)
        terms = [logp.to("cpu", torch.float64) + math.log(w) for w, (logp, _) in shares if w]
        return torch.stack(terms).logsumexp(0), tuple(now for _, now in said)

    def _devices(self) -> Iterator[torch.device]:
        for part in self.parts:
            weights = part.parameters() if isinstance(part, torch.nn.Module) else ()
            yield next((weight.device for weight in weights), torch.device("cpu"))

    def state_dict(self) -> dict[str, Tensor]:
        state = {"weights": torch.tensor(self.weights, dtype=torch.float64)}
        for k, part in enumerate(self.parts):
            tensors: Mapping[str, Tensor] = part.state_dict()  # type: ignore[attr-defined]  # every model has one
            state |= {f"{k}.{name}": tensor for name, tensor in tensors.items()}
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.weights = tuple(state["weights"].tolist())
        for k, part in enumerate(self.parts):
            mine = f"{k}."
            part.load_state_dict(  # type: ignore[attr-defined]  # and so has every model this
                {name.removeprefix(mine): t for name, t in state.items() if name.startswith(mine)}
            )


def mix(
    parts: Sequence[LanguageModel],
    *,
    weights: Sequence[float] = (),
    heldout: Lines | None = None,
    context: Literal["line", "text"] = "text",
) -> LanguageModel:
    """The mixture of trained models; its weights are given, or fitted on the held-out lines.

    context: how the lines are read, see `LanguageModel.perplexity`.
    Raises UsageError if the models do not read a text as the same tokens, or one has no
    probabilities; EmptyText if there is nothing to fit on.
    """
    _alike(parts)
    if bool(weights) == (heldout is not None):
        raise UsageError("a mixture has weights, or held-out text to fit them on: one of the two")
    if heldout is not None:
        weights = fit(np.stack([-part.costs(heldout, context=context) for part in parts]))
    return LanguageModel(Mixture([part.model for part in parts], weights), parts[0].text)


def fit(logp: Float64[np.ndarray, "K N"]) -> tuple[float, ...]:
    """The weights that make held-out words likeliest.  logp: of each word, by each model."""
    top = logp.max(0)
    possible = top > -math.inf  # what no model can say has no say
    if not possible.any():
        raise EmptyText("there is no word to fit the weights of a mixture on")
    p = np.exp(logp[:, possible] - top[possible])
    shares: Float64[np.ndarray, " K"] = np.full(len(p), 1 / len(p))
    before = -math.inf
    for _ in range(ROUNDS):
        whole = shares @ p
        likelihood = float(np.log(whole).mean())
        if likelihood - before < ENOUGH:
            break
        before, shares = likelihood, shares * (p / whole).mean(1)
    return tuple(map(float, shares / shares.sum()))


def _check(weights: Sequence[float], models: int) -> None:
    whole = math.isclose(math.fsum(weights), 1.0, abs_tol=1e-6)
    if len(weights) != models or not whole or any(not w >= 0 for w in weights):
        told = ", ".join(f"{w:g}" for w in weights)
        raise UsageError(
            "the weights of a mixture are not negative, sum to 1, and are one a model",
            where=f"{models} models, weights {told or 'none'}",
        )


def _alike(parts: Sequence[LanguageModel]) -> None:
    if len(parts) < 2:
        raise UsageError(f"a mixture is of at least two models, not {len(parts)}")
    first = parts[0].text
    for part in parts[1:]:
        text = part.text
        if (text.kind, text.vocabulary.types) != (first.kind, first.vocabulary.types):
            raise UsageError(
                "models that do not read a text as the same tokens cannot be mixed",
                where=[f"{t.kind}, {len(t.vocabulary):,} types" for t in (first, text)],
                hint="train them on the same data, with the same task.tokens and vocabulary",
            )
    if not all(part.normalised for part in parts):
        raise UsageError(
            "a model whose scores do not sum to 1 has no place in a mixture",
            hint="train one of the other estimators instead of stupid back-off",
        )
