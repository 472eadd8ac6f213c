"""The names of languages: how a column or a file says which one it holds."""

from malmoi.text.normalise import nfc

_WRITTEN = """
ab af ak am ar as az ba be bg bm bn bo br bs ca co cs cv cy da de dv dz ee el en eo es et eu fa
ff fi fo fr fy ga gd gl gn gu gv ha he hi hr ht hu hy ia id ig ii is it iu ja jv ka kg ki kk kl
km kn ko ks ku kv kw ky la lb lg li ln lo lt lu lv mg mi mk ml mn mr ms mt my nb nd ne nl nn no
nv ny oc om or os pa pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su
sv sw ta te tg th ti tk tl tn to tr ts tt tw ug uk ur uz ve vi vo wa wo xh yi yo za zh zu ara
bul ces cmn dan deu ell eng est fas fin fra heb hin hun ind ita jpn kor lat lit nld nor pol por
ron rus spa swe tha tur ukr vie zho english french german korean japanese chinese spanish
영어 한국어 일본어 중국어 독일어 프랑스어
"""
CODES = frozenset(_WRITTEN.split())


def code(name: str) -> str:
    """The language that a name like `en`, `EN` or `en-US` says."""
    return nfc(name).strip().casefold().replace("_", "-").split("-")[0]


def is_language(name: str) -> bool:
    return code(name) in CODES
