"""`toy-ko`: a small Korean in which the last word must remember the first.

    어제 할머니께서 아이가 쉬는 들에서 동생이 심은 꽃을 가꾸셨다
    ^^^^ ^^^^^^^^                                        ^^^^
    past, honorific                                  …  past, honorific

    S    → C | Q                                          a clause, or someone's words
    Q    → Time_t Subject_s  “ C ”  하고 Say_e             the same quotation mark closes
    C    → Time_t Subject_s B_e                           e: the ending that t and s ask for
    B_e  → L O_e | O_e                                    where; what, and the verb
    O_e  → O_e,c                                          c: plants, words or food
    O_e,c→ R_c O_e,c | Noun_c Verb_c,e                    relative clauses, as many as chance will
    R_c  → Subject_h Relative_c,h | Subject_h L Relative_c,h
    L    → P L | Place                                    P: the clause of a place
    P    → Subject_h PlaceRelative_h

Nine endings: an elder (께서) takes -시-; I promise (-련다), we propose (-자) and you are told
(-어라), but only of tomorrow.  A relative clause agrees with its own subject, inside the outer
agreement, inside a quotation whose speaker is waiting for a verb of their own.
"""

from malmoi.data.grammar import Grammar, Rules, Words, weighted
from malmoi.data.hangul_endings import Verb

TIMES = {
    "past": "어제 지난봄에 옛날에",
    "now": "지금 오늘 요즘",
    "future": "내일 모레 올가을에",
}
SUBJECTS = {
    "plain": "아이가 동생이 나그네가 이웃이 농부가",
    "elder": "할머니께서 할아버지께서 선생님께서 임금님께서",
    "I": "나는",
    "we": "우리는",
    "you": "너는",
}
NOUNS = {
    "plant": "나무를 꽃을 벼를 콩을",
    "word": "노래를 시를 이야기를 옛말을",
    "food": "떡을 만두를 감자를 생선을",
}
VERBS = {
    "plant": (
        Verb("심", "심으", "심어"),
        Verb("가꾸", "가꾸", "가꿔"),
        Verb("돌보", "돌보", "돌봐"),
    ),
    "word": (
        Verb("외우", "외우", "외워"),
        Verb("배우", "배우", "배워"),
        Verb("듣", "들으", "들어"),
    ),
    "food": (
        Verb("먹", "먹으", "먹어", elder="드시"),
        Verb("나누", "나누", "나눠"),
        Verb("굽", "구우", "구워"),
    ),
}
SAYING = (Verb("말하", "말하", "말해", elder="말씀하시"), Verb("속삭이", "속삭이", "속삭여"))
PLACES = "마을에서 들에서 바닷가에서 산기슭에서"
LIVING = {"plain": "사는 쉬는 노는", "elder": "사시는 쉬시는 노시는"}
QUOTES = {"“": "”", "「": "」"}

WHO = {"plain": 0.5, "elder": 0.3, "I": 0.12, "we": 0.08}
TOMORROW = {"plain": 0.25, "elder": 0.2, "I": 0.2, "we": 0.2, "you": 0.15}
"""Who is spoken of: of yesterday and today, and of tomorrow."""
EMBEDDED = {"plain": 0.6, "elder": 0.4}


def ending(time: str, who: str) -> str:
    """The ending that a time and a subject ask for: I and we take the plain one before tomorrow."""
    plain = who in ("I", "we") and time != "future"
    return f"{time}.{'plain' if plain else who}"


ENDINGS = sorted({ending(t, who) for t in TIMES for who in (TOMORROW if t == "future" else WHO)})


def grammar() -> Grammar:
    """The rules above, with their probabilities."""
    rules: Rules = {
        "S": {("C",): 0.7, ("Q",): 0.3},
        "C": {(f"Time.{t}", f"C.{t}"): 1 / 3 for t in TIMES},
        "Q": {(f"Time.{t}", f"Q.{t}"): 1 / 3 for t in TIMES},
        "L": {("P", "L"): 0.35, ("Place",): 0.65},
        "P": {(f"Subject.{h}", f"PlaceRelative.{h}"): p for h, p in EMBEDDED.items()},
    }
    for t in TIMES:
        who = TOMORROW if t == "future" else WHO
        rules[f"C.{t}"] = {(f"Subject.{s}", f"B.{ending(t, s)}"): p for s, p in who.items()}
        rules[f"Q.{t}"] = {
            (f"Subject.{s}", opening, "C", closing, "하고", f"Say.{ending(t, s)}"): p / 2
            for s, p in who.items()
            for opening, closing in QUOTES.items()
        }
    for e in ENDINGS:
        rules[f"B.{e}"] = {("L", f"O.{e}"): 0.35, (f"O.{e}",): 0.65}
        rules[f"O.{e}"] = {(f"O.{e}.{c}",): 1 / 3 for c in NOUNS}
        rules |= {
            f"O.{e}.{c}": {(f"R.{c}", f"O.{e}.{c}"): 0.45, (f"Noun.{c}", f"Verb.{c}.{e}"): 0.55}
            for c in NOUNS
        }
    for c in NOUNS:
        rules[f"R.{c}"] = {}
        for h, p in EMBEDDED.items():
            rules[f"R.{c}"] |= {
                (f"Subject.{h}", f"Relative.{c}.{h}"): 0.75 * p,
                (f"Subject.{h}", "L", f"Relative.{c}.{h}"): 0.25 * p,
            }
    return Grammar("S", rules, words())


def words() -> Words:
    """Every class and its words, the first of them the likeliest."""
    classes = {f"Time.{t}": TIMES[t].split() for t in TIMES}
    classes |= {f"Subject.{who}": SUBJECTS[who].split() for who in SUBJECTS}
    classes |= {f"Noun.{c}": NOUNS[c].split() for c in NOUNS}
    classes |= {f"Verb.{c}.{e}": [v.form(e) for v in VERBS[c]] for c in NOUNS for e in ENDINGS}
    classes |= {f"Say.{e}": [v.form(e) for v in SAYING] for e in ENDINGS}
    for h, living in LIVING.items():
        classes[f"PlaceRelative.{h}"] = living.split()
        classes |= {f"Relative.{c}.{h}": [v.relative(h) for v in VERBS[c]] for c in NOUNS}
    classes["Place"] = PLACES.split()
    classes |= {mark: [mark] for mark in (*QUOTES, *QUOTES.values(), "하고")}
    return {name: weighted(choices) for name, choices in classes.items()}
