"""config.json of a folder of GPT-2: what it must say, and what this network cannot be."""

from pathlib import Path

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from malmoi.config import Share, Size
from malmoi.export.found import checked

EPSILON = 1e-5


@dataclass(frozen=True, config=ConfigDict(extra="ignore", strict=True))
class Theirs:
    """What their config.json must say, and what it may; the rest is of training."""

    n_embd: Size
    n_layer: Size
    n_head: Size
    n_positions: Size
    vocab_size: int = Field(gt=2)
    model_type: str = "gpt2"
    eos_token_id: int = Field(default=50256, ge=0)
    bos_token_id: int = Field(default=50256, ge=0)
    n_inner: int | None = None
    activation_function: str = "gelu_new"
    layer_norm_epsilon: float = EPSILON
    resid_pdrop: Share = 0.1
    attn_pdrop: Share = 0.1
    scale_attn_weights: bool = True
    scale_attn_by_inverse_layer_idx: bool = False
    add_cross_attention: bool = False
    tie_word_embeddings: bool = True

    def faults(self) -> list[str]:
        """What this network cannot be, a line each."""
        d = self.n_embd
        said = [
            (self.model_type == "gpt2", f"model_type = {self.model_type!r}: 'gpt2'"),
            (self.activation_function in ("gelu_new", "gelu_pytorch_tanh"),
             f"activation_function = {self.activation_function!r}: gelu_new, gelu_pytorch_tanh"),
            (d % self.n_head == 0, f"n_embd = {d}: a multiple of n_head = {self.n_head}"),
            (self.n_inner in (None, 4 * d), f"n_inner = {self.n_inner}: null or {4 * d}"),
            (self.layer_norm_epsilon == EPSILON,
             f"layer_norm_epsilon = {self.layer_norm_epsilon}: {EPSILON}"),
            (self.scale_attn_weights, "scale_attn_weights = false: true"),
            (not self.scale_attn_by_inverse_layer_idx, "scale_attn_by_inverse_layer_idx = true: "
             "false"),
            (not self.add_cross_attention, "add_cross_attention = true: false"),
            (self.bos_token_id == self.eos_token_id,
             "bos_token_id and eos_token_id: the same, it stands between texts"),
            (self.eos_token_id < self.vocab_size,
             f"eos_token_id = {self.eos_token_id}: below {self.vocab_size}"),
        ]  # fmt: skip
        return [line for true, line in said if not true]


def config_of(path: Path) -> Theirs:
    """What the file says.  Raises DataError, naming every fault."""
    return checked(path, Theirs, "GPT-2")
