"""Endings of Korean verbs, as far as `toy-ko` needs them: a syllable's final consonant is added by
arithmetic on its code point, because Unicode orders syllables by (initial, vowel, final)."""

from dataclasses import dataclass

NIEUN, SSANGSIOS = 4, 20  # ㄴ and ㅆ among the 28 finals, 0 being none


def final(text: str, consonant: int) -> str:
    """The text with a consonant under its last syllable, which must have none: 가꾸 → 가꾼."""
    if not bare(text):
        raise ValueError(f"{text} ends in a consonant already")
    return text[:-1] + chr(ord(text[-1]) + consonant)


def bare(text: str) -> bool:
    """Whether the last syllable ends in its vowel."""
    return (ord(text[-1]) - ord("가")) % 28 == 0


@dataclass(frozen=True)
class Verb:
    """stem: before -다, -자, -겠-.  eu: before -ㄴ, -시-, -련다.  eo: before -ㅆ-, -라.
    elder: the honorific stem, where it is another word (먹다, 드시다)."""

    stem: str
    eu: str
    eo: str
    elder: str = ""

    @property
    def honorific(self) -> str:
        return self.elder or self.eu + "시"

    def form(self, ending: str) -> str:
        """The verb at the end of a sentence, such as "past.elder"."""
        respect = self.honorific
        match ending:
            case "past.plain":
                return final(self.eo, SSANGSIOS) + "다"
            case "past.elder":
                return final(respect[:-1] + "셔", SSANGSIOS) + "다"
            case "now.plain":
                return (final(self.stem, NIEUN) if bare(self.stem) else self.stem + "는") + "다"
            case "now.elder":
                return final(respect, NIEUN) + "다"
            case "future.plain":
                return self.stem + "겠다"
            case "future.elder":
                return respect + "겠다"
            case "future.I":
                return self.eu + "련다"
            case "future.we":
                return self.stem + "자"
            case "future.you":
                return self.eo + "라"
        raise ValueError(f"no such ending: {ending}")

    def relative(self, subject: str) -> str:
        """The verb before the noun it belongs to: 심은 나무, 심으신 나무."""
        return final(self.honorific if subject == "elder" else self.eu, NIEUN)
