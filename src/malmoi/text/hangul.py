"""Syllables and jamo: 한 ⇄ ᄒ ᅡ ᆫ.

    S = 0xAC00 + (L · 21 + V) · 28 + T        L of 19 initials, V of 21 vowels, T of 27 finals or 0

(The Unicode Standard, §3.12.)  Only whole modern syllables are taken apart, into the *conjoining*
jamo of their places (U+1100…, U+1161…, U+11A8…), so initial ᄀ and final ᆨ differ and nothing needs
a mark.  A literal ㅋ (compatibility jamo), a lone conjoining jamo and old Hangul stay themselves.

    compose(decompose(s)) == s        for every s in NFC, and so for every text past the door

since NFC leaves no initial before a vowel, and no open syllable before a final, that would compose.
"""

import re

SYLLABLE = range(0xAC00, 0xD7A4)
INITIAL, VOWEL, FINAL = 0x1100, 0x1161, 0x11A7  # FINAL: where T = 0 would be

_PARTS = {
    s: chr(INITIAL + i // 588)
    + chr(VOWEL + i % 588 // 28)
    + (chr(FINAL + i % 28) if i % 28 else "")
    for i, s in enumerate(map(chr, SYLLABLE))
}
_TABLE = str.maketrans(_PARTS)
_WHOLE = {parts: syllable for syllable, parts in _PARTS.items()}
_SPELT = re.compile("[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")


def decompose(text: str) -> str:
    """Every syllable as its two or three jamo; anything else as it is."""
    return text.translate(_TABLE)


def compose(text: str) -> str:
    """Every initial, vowel and perhaps final as one syllable; anything else as it is."""
    return _SPELT.sub(lambda match: _WHOLE[match.group()], text)


def parts(character: str) -> str:
    """The jamo of one character, or the character itself."""
    return _PARTS.get(character, character)


def is_syllable(character: str) -> bool:
    """Whether the character is one of the 11,172 modern syllables."""
    return character in _PARTS
