"""The one door of text: NFC with offsets into the original, tokens, and their numbers."""

from malmoi.text.door import KINDS, Kind, Text, Token
from malmoi.text.vocabulary import Vocabulary

__all__ = ["KINDS", "Kind", "Text", "Token", "Vocabulary"]
