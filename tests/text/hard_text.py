"""Lines that are hard to read: every form of Hangul, marks in any order, strange white space."""

import unicodedata

from hypothesis import strategies as st

SYLLABLES = st.integers(0xAC00, 0xD7A3).map(chr)
CONJOINING = st.sampled_from([*map(chr, range(0x1100, 0x1200)), "\ua960", "\ud7b0", "\ud7cb"])
COMPATIBILITY = st.integers(0x3131, 0x318E).map(chr)
MARKS = st.sampled_from("\u0300\u0301\u0302\u0307\u0308\u030a\u0323\u0327\u0328\u0345\u05b4\u093c")
HARD = st.sampled_from(
    [
        *"aeouAEOU\u00e9\u00c5\u1e69\u212b\u2126\u0958\u0f73\u0f71\u1100\u0344\u09c7\u09be\u0cc6",
        *("\u0cc2", "\u0cd5", "\u0dd9", "\u0dcf", "\u0dca", "\u1025", "\u102e", "\u1b05", "\u1b35"),
        *("\U0001f469\u200d\U0001f469\u200d\U0001f467", "\u200b", "\ufe0f", "\U0001f44d\U0001f3fd"),
        *(
            " ",
            "  ",
            "\t",
            "\u2028",
            "\u2029",
            "\x85",
            "\x0b",
            "\x0c",
            "\x1c",
            "\r",
            "\u3000",
            "\xa0",
        ),
        *("<s>", "</s>", "<unk>", "[MASK]", "<0xEA>", "\U000f0041", "\U000f0100", "\ufffd", "."),
    ]
)
ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\n\0")

HANGUL = st.lists(SYLLABLES | CONJOINING | COMPATIBILITY, max_size=12).map("".join)
LINES = st.lists(SYLLABLES | CONJOINING | COMPATIBILITY | MARKS | HARD | ANY, max_size=16).map(
    "".join
) | st.lists(SYLLABLES | MARKS | HARD, max_size=10).map(
    lambda parts: unicodedata.normalize("NFD", "".join(parts))
)
