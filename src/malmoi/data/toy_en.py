"""`toy-en`: a small English in which verbs and pronouns must remember their subject.

    the queen near the boats that the boys love ( as the old monks say ) sings in her garden
        ^^^^^                                                            ^^^^^    ^^^

    S    → C | either C or C | if C then C
    C    → C_g                                  g: he, she, it or they
    C_g  → Who_g Do_g | Who_g A_1 Do_g          A: an aside, in brackets
    Who_g→ Det Noun_g | Det Noun_g M            M: what comes between, as much as chance will
    M    → near Thing | near Thing M | that Lover | that Lover M
    A_d  → ( as Who_h Says_h ) | ( as Who_h A_{d+1} Says_h )         d ≤ 2, ( ) or [ ]
    Do_g → Does_g in Own_g Place | Sees_g Self_g | Sees_g Thing | Does_g | Is_g Adjective
    Lover→ the Noun_h Sees_h

Number agrees over everything that stands between (`near the boats`), gender waits longer still, for
`his`, `her`, `its`, `their` and for `herself`; brackets close as they were opened.
"""

from malmoi.data.grammar import Grammar, Rules, Words, weighted

GENDERS = ("he", "she", "it", "they")
NOUNS = {
    "he": "king boy monk poet",
    "she": "queen girl maid nun",
    "it": "dog cat horse fox",
    "they": "boys girls sailors wolves",
}
NUMBER = {"he": "one", "she": "one", "it": "one", "they": "many"}
OWN = dict(zip(GENDERS, ("his", "her", "its", "their"), strict=True))
SELF = dict(zip(GENDERS, ("himself", "herself", "itself", "themselves"), strict=True))
THINGS = {"one": "boat mill tower river", "many": "boats trees hills houses"}
DOES = {"one": "sings sleeps waits dances", "many": "sing sleep wait dance"}
SEES = {"one": "sees loves follows", "many": "see love follow"}
SAYS = {"one": "says thinks", "many": "say think"}
IS = {"one": "is was", "many": "are were"}
DETERMINERS = {"one": "a this every", "many": "some these many"}
ADJECTIVES = "old happy brave tired"
PLACES = "garden house dream village"
NEAR = "near behind beside under"
BRACKETS = {"(": ")", "[": "]"}
DEEPEST = 2


def grammar() -> Grammar:
    """The rules above, with their probabilities."""
    rules: Rules = {
        "S": {("C",): 0.7, ("either", "C", "or", "C"): 0.15, ("if", "C", "then", "C"): 0.15},
        "C": {(f"C.{g}",): 0.25 for g in GENDERS},
        "Thing": {
            ("the", "Thing.one"): 0.35,
            ("the", "Thing.many"): 0.35,
            ("Det.one", "Thing.one"): 0.15,
            ("Det.many", "Thing.many"): 0.15,
        },
        "M": {
            ("Near", "Thing"): 0.4,
            ("Near", "Thing", "M"): 0.2,
            ("that", "Lover"): 0.25,
            ("that", "Lover", "M"): 0.15,
        },
        "Lover": {("the", f"Noun.{g}", f"Sees.{NUMBER[g]}"): 0.25 for g in GENDERS},
    }
    for g in GENDERS:
        n = NUMBER[g]
        noun = f"Noun.{g}"
        rules[f"Who.{g}"] = {("the", noun): 0.25, (f"Det.{n}", noun): 0.15}
        rules[f"Who.{g}"] |= {("the", noun, "M"): 0.4, (f"Det.{n}", noun, "M"): 0.2}
        rules[f"C.{g}"] = {(f"Who.{g}", f"Do.{g}"): 0.75, (f"Who.{g}", "A1", f"Do.{g}"): 0.25}
        rules[f"Do.{g}"] = {
            (f"Does.{n}", "in", f"Own.{g}", "Place"): 0.4,
            (f"Sees.{n}", f"Self.{g}"): 0.3,
            (f"Sees.{n}", "Thing"): 0.1,
            (f"Does.{n}",): 0.1,
            (f"Is.{n}", "Adjective"): 0.1,
        }
    for depth in range(1, DEEPEST + 1):
        rules[f"A{depth}"] = {}
        deeper = 0.3 if depth < DEEPEST else 0.0
        for left, right in BRACKETS.items():
            for g in GENDERS:
                who, says, p = f"Who.{g}", f"Says.{NUMBER[g]}", 0.25 / len(BRACKETS)
                rules[f"A{depth}"][left, "as", who, says, right] = p * (1 - deeper)
                if deeper:
                    rules[f"A{depth}"][left, "as", who, f"A{depth + 1}", says, right] = p * deeper
    return Grammar("S", rules, words())


def words() -> Words:
    """Every class and its words, the first of them the likeliest."""
    classes = {f"Noun.{g}": NOUNS[g].split() for g in GENDERS}
    classes |= {f"Own.{g}": [OWN[g]] for g in GENDERS} | {f"Self.{g}": [SELF[g]] for g in GENDERS}
    tables = {
        "Det": DETERMINERS,
        "Thing": THINGS,
        "Does": DOES,
        "Sees": SEES,
        "Says": SAYS,
        "Is": IS,
    }
    for name, table in tables.items():
        classes |= {f"{name}.{number}": table[number].split() for number in table}
    classes |= {"Adjective": ADJECTIVES.split(), "Place": PLACES.split(), "Near": NEAR.split()}
    singles = ["the", "that", "as", "in", "either", "or", "if", "then"]
    classes |= {word: [word] for word in (*singles, *BRACKETS, *BRACKETS.values())}
    return {name: weighted(choices) for name, choices in classes.items()}
