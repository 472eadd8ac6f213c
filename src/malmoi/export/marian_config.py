"""config.json of a Marian folder: what it must say, and what this network cannot be."""

from pathlib import Path

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from malmoi.config import Share, Size
from malmoi.export.found import checked
from malmoi.layers.transformer import Activation

ACTIVATIONS: dict[str, Activation] = {
    "swish": "swish",
    "silu": "swish",
    "relu": "relu",
    "gelu": "gelu",
    "gelu_new": "gelu-tanh",
    "gelu_pytorch_tanh": "gelu-tanh",
}


@dataclass(frozen=True, config=ConfigDict(extra="ignore", strict=True))
class Theirs:
    """What their config.json must say, and what it may; the rest is of training."""

    d_model: Size
    encoder_layers: Size
    decoder_layers: Size
    encoder_attention_heads: Size
    decoder_attention_heads: Size
    encoder_ffn_dim: Size
    decoder_ffn_dim: Size
    vocab_size: int = Field(gt=2)
    activation_function: str = "swish"
    model_type: str = "marian"
    pad_token_id: int = Field(default=58100, ge=0)
    eos_token_id: int = Field(default=0, ge=0)
    decoder_start_token_id: int = Field(default=58100, ge=0)
    decoder_vocab_size: int | None = None
    dropout: Share = 0.0
    attention_dropout: Share = 0.0
    scale_embedding: bool = False
    share_encoder_decoder_embeddings: bool = True
    tie_word_embeddings: bool = True
    normalize_before: bool = False
    normalize_embedding: bool = False
    add_final_layer_norm: bool = False
    static_position_embeddings: bool = True

    @property
    def joint(self) -> bool:
        return self.share_encoder_decoder_embeddings

    @property
    def target_size(self) -> int:
        return self.vocab_size if self.joint else self.decoder_vocab_size or self.vocab_size

    def faults(self) -> list[str]:
        """What this network cannot be, a line each."""
        least = min(self.vocab_size, self.target_size)
        special = ("pad_token_id", "eos_token_id", "decoder_start_token_id")
        said = [
            (self.model_type == "marian", f"model_type = {self.model_type!r}: 'marian'"),
            (self.activation_function in ACTIVATIONS,
             f"activation_function = {self.activation_function!r}: {', '.join(ACTIVATIONS)}"),
            (self.scale_embedding, "scale_embedding = false: true, √d goes with the tied table"),
            (self.tie_word_embeddings, "tie_word_embeddings = false: true"),
            (self.static_position_embeddings, "static_position_embeddings = false: true"),
            (self.encoder_attention_heads == self.decoder_attention_heads,
             "encoder_attention_heads and decoder_attention_heads: the same"),
            (self.encoder_ffn_dim == self.decoder_ffn_dim,
             "encoder_ffn_dim and decoder_ffn_dim: the same"),
            (self.d_model % 2 == self.d_model % self.encoder_attention_heads == 0,
             f"d_model = {self.d_model}: even, and a multiple of {self.encoder_attention_heads}"),
            (self.pad_token_id != self.eos_token_id, "pad_token_id = eos_token_id: two ids"),
        ]  # fmt: skip
        said += [
            (not getattr(self, name), f"{name} = true: false")
            for name in ("normalize_before", "normalize_embedding", "add_final_layer_norm")
        ]
        said += [
            (getattr(self, name) < least, f"{name} = {getattr(self, name)}: below {least}")
            for name in special
        ]
        return [line for true, line in said if not true]


def config_of(path: Path) -> Theirs:
    """What the file says.  Raises DataError, naming every fault."""
    return checked(path, Theirs, "Marian")
