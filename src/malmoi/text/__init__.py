"""The one door of text: NFC with offsets into the original, tokens, and their numbers."""

from malmoi.text.bitext import Bitext
from malmoi.text.door import KINDS, Kind, Text, Token
from malmoi.text.vocabulary import Vocabulary

__all__ = ["KINDS", "Bitext", "Kind", "Text", "Token", "Vocabulary"]
