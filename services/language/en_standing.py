"""How much an English sentence leans on others: on a thing, a time or a person that only they name.

A sentence that is read alone must say what it speaks of. Where it does not is seen by its form: a definite noun that
nothing beside it tells apart (`the storm`), a pronoun before any name, a time that is counted from another one, words
that go on from something (`also`, `instead`). In the past tense a definite noun stands for a thing of the story; in the
present it mostly stands for the kind (`the cell`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from services.language.language import NO_SUBJECT, Subject
from services.language.patterns import Pattern, words

MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"

_STAND_INS = words(
    """
    agreement airport album alliance article artist association attack author authors ban band bank battle
    battleship bill boat book border bridge building campaign cast castle cathedral century character church city
    club college colony command commander commission committee company concert conference conflict congregation
    constitution contest controversy convention copy council country county couple court crater crew critics crown
    cruiser cyclone date daughter deal decision defenders department depression design director disaster district
    division dynasty earthquake edition election emperor empire episode event exhibition expedition explosion
    facility faculty fair family father festival fight film final fire fleet force forces fort frigate game garrison
    general government governor group highway hotel house hurricane incident industry institute institution invasion
    island issue journal king kingdom lake law league legislation library locals magazine manager match mayor medal
    minister ministry mission model monument mother mountain movement movie museum name novel offensive officers
    organisation organization original painting pair palace paper park parliament party people performance pilot
    plan plane play player players poem poet policy port president prince prison producers product program programme
    project property province public quake queen race raid railway ranking rebellion rebels record regime regiment
    region reign release report republic resident residents review reviews revolt ride riot river road role route
    school sculpture season senate sequel sequence series settlement ship show siege singer single site situation
    society soldiers son song soundtrack special squad squadron stadium state station statue store storm story
    street strike students studio study style submarine sultan survivors system team temple term territory text
    title tomb tour tournament tower town track trade treaty trial trip troops typhoon union unit university version
    vessel victory video village visit volume war winner work works writer zone
    """
)
"""Nouns by which a text calls what it has named."""
_UNIQUE = words(
    """
    world sun moon earth sky sea ocean air ground public past future present north south east west northeast northwest
    southeast southwest majority minority rest end beginning start middle way fact time same latter poor rich young old
    elderly dead wealthy body brain heart human environment economy universe globe equator internet media press
    """
)
"""Nouns behind `the` that stand for one thing, or kind of people, everywhere."""
_WALK = 4
"""Words of a noun phrase behind its article."""
_BREAKS = words(
    """
    a an the and or but nor so yet if then than as at by for from in into of off on onto out over per to up upon via
    with within without about above across after against along among around because before behind below beneath beside
    between beyond despite down during except near outside past since through throughout toward towards under until
    unless while whereas whether although though i we us our you he him his she her it its they them their this that
    these those who whom whose which what when where why how be am is are was were been being have has had having do
    does did can could may might must shall should will would not no also still again only just even never always often
    later then there here became began took made gave came went got held led left lost met put ran rose sent set won
    wrote grew fell found fought saw said spent stood thought told drew sold bought brought built broke kept knew cost
    """
)
"""Words with which a noun phrase ends."""
_QUALIFIERS = words(
    """
    of that which who whom whose where when for between to with from against within behind among under over through
    along across around near beside containing involving called named known
    """
)
"""Words that begin what tells a thing from others of its kind."""
_PLACED = words("in on at into by")
"""The same, unless a number follows: `the battles in France`, and not `the town in 1588`."""
_TOKEN = re.compile(r"[^\W\d_][\w’'-]*|\d[\w.,]*|[^\w\s]")
_THE = re.compile(r"\b[Tt]he (?=[a-z])")
_PAST = re.compile(
    r"\b(?:was|were|had|did|would|became|began|took|made|gave|came|went|held|led|left|lost|met|ran|rose|sent|won|wrote"
    r"|grew|fell|found|fought|saw|said|stood|drew|sold|brought|built|broke|kept|beat|froze|wore|rode|spoke|taught|chose"
    r"|paid|hid|struck|threw|swept|stole|sank|sang|shot|[a-z]{2,}ed)\b"
)
_PRESENT = re.compile(r"\b(?:is|are|has|have|does|do|can|may|will|become|becomes)\b")
_YEAR = re.compile(r"(?<![\d,.])(?:1[0-9]|20)\d\d(?![\d,]\d)|\b\d{3,4} (?:BC|AD|BCE|CE)\b")
_SUBJECT = Pattern(
    r"^(?:[A-Z][\w’']+ ){1,4}(?:called|described|praised|named|considered|placed|rated|ranked|found|deemed|gave)"
    r" (?:it|him|her|them)\b|"
    # A noun with nothing beside it that tells which one is meant.
    rf"^(?:[^,]{{2,60}}, )?[Tt]he (?P<kind>{'|'.join(sorted(_STAND_INS))})"
    r"(?:['’]s? \w+)?(?! (?:of|that|which|who|whose|whom|where|in which|in the|for|to|between|with|from)\b"
    r"| [A-Z]| [a-z]+ed by)\b"
)
_DATED = Pattern(
    rf"\b(?:in|on|of|until|by|from|since|late|early|through|between|before|after) (?:late |early |mid-)?{MONTH}\b"
    rf"|\b\d{{1,2}} {MONTH}\b|\b{MONTH} \d{{1,2}}\b(?!\d)|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
)
"""A day or a month."""
_COUNTED_TIME = Pattern(
    r"\b(?:that|the (?:same|following|next|previous|preceding|prior|ensuing)) (?:\w+ )?(?:year|season|day|night|week"
    r"|weekend|month|morning|evening|afternoon|summer|winter|spring|autumn|fall|decade|century|game|match|episode)s?\b"
    r"|\b(?:later|earlier) (?:that|in the) \w+|\b(?:days?|weeks?|months?|years?|hours?|minutes?|seasons?|decades?)"
    r" (?:later|earlier|afterwards?|before|prior)\b(?! [A-Z\d])|\b(?:at|by|until) (?:the|that) time\b(?! of\b)"
    r"|\bthe (?:year|day|night|week|month) before\b|\b(?:by|until|since) then\b|\bthereafter\b"
    r"|\bin the (?:spring|summer|autumn|fall|winter)\b(?! of\b)",
    re.IGNORECASE,
)
"""A time that is counted from one which another sentence tells."""
_PERSON = re.compile(r"\b(?:he|him|his|she|her|hers|himself|herself)\b")
_OPENER = re.compile(
    r"^(?:In|On|At|After|During|For|With|The|An?|As|By|From|When|While|Although|Despite|Following|Since|Upon|Under"
    r"|Before|Because|If|Once|Though|To|One|Both|Among|Like|Unlike|Within|Without|Through|Throughout|Until|There|Some"
    r"|Many|Most|Several|All|No|Not|Only|Even|[A-Z][a-z]+(?:ing|ly|ed|ty|ism|tion|ment)|[A-Z][a-z]+(?=,))\b"
)
"""A first word that is no name."""
_NAME = re.compile(rf"\b(?!{MONTH}\b)[A-Z][\w’-]+")
_SOMEBODY = re.compile(
    r"\b(?:[Aa]n?|[Ee]very|[Ee]ach) (?:[a-z]+ )?(?:man|woman|child|person|boy|girl|king|queen"
    r"|\w+(?:er|or|ist|ian|ant|ee))\b"
)
"""Somebody of a kind."""
_COMMAS_OF_LIST = 3
_ENDS_IN_S = re.compile(r"\b[a-z]+[^s\W]s\b")
_TELLING = re.compile(r"(?<![\w’'-])(?!(?:a|an|the|and|or|of|in|on|at|for|from|to|by|with|as|vs)\b)[a-z]{2,}")
"""A word that a sentence has, and a list of names and titles has not."""
_UNANCHORED = {0: 0.5, 1: 0.2}
"""How much what is told in the past leans, by the names and years that say what it is."""
_DEFINITE = {True: (0.35, 0.8), False: (0.1, 0.4)}
"""How much a definite noun leans, in the past tense or not: inside a sentence, and at its beginning."""
_PART = (0.3, 0.6)
"""Share of that which is left where a title tells what the text is about."""
_NAMED_NEXT = re.compile(r"[^,.;]{0,80}, (?:the [a-z]+ )?[A-Z]")
"""Behind a pronoun of an opening phrase: the one whom it stands for."""
_GOES_ON = Pattern(
    r"^(?:(?:For|With|To|In|By|From|On|At) that|In (?:response|return|exchange|reply|contrast|comparison|turn"
    r"|practice|the (?:end|event|process))|As such|At (?:first|last)|By (?:now|comparison|contrast)|Along with"
    r"|Apart from|Aside from|Eventually|Soon|Even so|Worse|Besides|That|Following (?:this|that|his|her|its))\b"
    r"|, that [a-z]+ [a-z]+ed\b"
    r"|, (?:however|therefore|thus|instead|moreover|furthermore|nevertheless|nonetheless|meanwhile|likewise|then"
    r"|in turn|for example|for instance|too|as well)\b|\b(?:also|instead|again|similar|similarly|likewise"
    r"|aforementioned|so-called|subsequent|subsequently)\b|\b(?:an)?other(?! than\b)s?\b|\btoo\.$|\bas well\.$"
)
"""What adds to something that was told."""
_NOW = Pattern(
    r"\b(?:now|currently|today|recently|initially|already|still|once more|so far|to date|ultimately)\b", re.IGNORECASE
)
"""A time that is the writer's, or a point of a story."""
_COMPARES = Pattern(
    r"\b(?:more|less|fewer|better|worse|larger|smaller|greater|lower|higher|longer|shorter|older|younger|newer|stronger"
    r"|weaker|faster|slower|further|earlier|later)\b(?!.*\bthan\b)"
)
"""A comparison without the thing with which something is compared."""
_ADDRESSES = Pattern(r"\b(?:we|our|us|you|your|I|my|let)\b")
_QUOTES = Pattern(r"[“\"][^“”\"]{25,}[”\"]")
_BY_PEOPLE = Pattern(
    r"^(?:[^,]{2,40}, )?(?:[Ff]ilming|[Pp]roduction|[Rr]ecording|[Cc]onstruction|[Ww]ork|[Dd]evelopment|[Pp]romotion"
    r"|[Rr]ehearsals?|[Ee]xcavations?|[Pp]rincipal photography|[Cc]ritics|[Rr]eviewers|[Rr]esidents|[Oo]fficials"
    r"|[Ss]urvivors|[Pp]roducers|[Ff]ans|[Pp]layers|[Oo]fficers|[Ll]ocals|[Cc]asualties|[Ll]osses|[Aa]ttendance"
    r"|[Dd]amages?|[Ww]inds|[Rr]ainfall|[Ss]ales|[Rr]eviews|[Rr]eception|[Nn]egotiations|[Ff]ighting|[Oo]pponents"
    r"|[Ss]upporters|[Oo]bservers|[Ii]nvestigators|[Pp]assengers|[Mm]embers|[Pp]lans|[Ss]oldiers|[Tt]roops|[Pp]olice"
    r"|[Rr]einforcements|[Pp]reparations|[Ii]nvestigations?|[Vv]oting|[Aa]uthorities|[Cc]rews?|[Rr]escuers)\b"
    r"(?! (?:of|on|for|from|in|at|with|by) (?:the )?[A-Z])"
)
"""A sentence of what has to do with something, such as its making, or those who took part, and not of what it is."""


def leaning(text: str, subject: Subject = NO_SUBJECT) -> float:
    """Return how much a sentence leans on others, from 0; from 1 on it does not say what it speaks of.

    A noun by which a text may call its subject says what it speaks of, where there is a subject.
    """
    past = _PAST.search(text) is not None and _PRESENT.search(text) is None
    opening = _SUBJECT.search(text)
    if opening and not (opening["kind"] and _is_called(subject, opening["kind"])):
        return 1.0
    if _is_list(text) or _speaks_of_somebody(text) or (past and _has_no_year(text, subject)):
        return 1.0
    marks = ((_GOES_ON, 0.5), (_NOW, 0.4), (_COMPARES, 0.25), (_ADDRESSES, 0.4), (_QUOTES, 0.5))
    found = sum(points for pattern, points in marks if pattern.search(text))
    if past:
        found += _of_event(text, subject)
    return min(1.0, found + sum(_of_things(text, subject, past=past)))


def kinds(title: str, sentences: Sequence[str]) -> frozenset[str]:
    """Return the nouns by which a text may call what its title names: those of the title and of what defines it."""
    bare = title.partition(" (")[0]
    defined = re.compile(rf"(?i:(?:the )?{re.escape(bare)})\b{_DEFINES}")
    found = set(title.casefold().replace("(", " ").replace(")", " ").split())
    for sentence in sentences:
        if match := defined.match(sentence):
            found.add(match["kind"].casefold())
    return frozenset(found)


_DEFINES = (
    r"(?:,[^,]{2,80},| \([^)]*\))? (?:is|was|are|were) (?:an?|the|one of the) (?:[\w’'-]+ ){0,5}?(?P<kind>[a-z]+)"
    r"(?=[,.;(]| (?:of|in|by|that|which|from|for|at|on|between|who|near|located|based|built|held|fought|to|with|and)\b)"
)
"""Behind a name: what it is."""


def _is_called(subject: Subject, noun: str) -> bool:
    return any(kind.endswith(noun) for kind in subject.kinds)


def _of_event(text: str, subject: Subject) -> float:
    """Return how much a sentence in the past tense leans because little tells which event it speaks of."""
    if subject.title:
        return 0.05 if _YEAR.search(text) else 0.15
    found = _UNANCHORED.get(_anchors(text), 0.0) + (0.8 if _BY_PEOPLE.search(text) else 0.0)
    return found + (0.0 if _YEAR.search(text) else 0.2)


def _anchors(text: str) -> int:
    """Return how many names and years tell which event a sentence is about."""
    opener = _OPENER.match(text)
    names = {match[0] for match in _NAME.finditer(text, opener.end() if opener else 0)}
    return len(names) + len(_YEAR.findall(text))


def _is_list(text: str) -> bool:
    """Return whether a text has no verb, as far as its form tells: names, or titles of a bibliography."""
    if _TELLING.search(text) is None:
        return True
    return text.count(",") >= _COMMAS_OF_LIST and not any(p.search(text) for p in (_PAST, _PRESENT, _ENDS_IN_S))


def _speaks_of_somebody(text: str) -> bool:
    """Return whether a pronoun stands for a person before anybody is named."""
    pronoun = _PERSON.search(text)
    if pronoun is None:
        return False
    opener = _OPENER.match(text)
    if opener is None or _NAME.search(text, opener.end(), pronoun.start()):
        return False
    if _SOMEBODY.search(text, 0, pronoun.start()):
        return False
    return _NAMED_NEXT.match(text, pronoun.end()) is None


def _has_no_year(text: str, subject: Subject) -> bool:
    """Return whether a sentence tells of a day or month of an unknown year, or counts from a time that it lacks."""
    if _DATED.search(text) and not _YEAR.search(text) and not _YEAR.search(subject.title):
        return True
    counted = _COUNTED_TIME.search(text)
    return counted is not None and _YEAR.search(text, 0, counted.start()) is None


def _of_things(text: str, subject: Subject, *, past: bool) -> Iterator[float]:
    """Yield, for each definite noun that nothing tells apart, how much the sentence leans by it."""
    for article in _THE.finditer(text):
        head, following, after = _phrase(text, article.end())
        if not head or head in _UNIQUE or head.endswith("est"):
            continue
        if following in _QUALIFIERS or (following in _PLACED and not after[:1].isdigit()):
            continue
        if head in text[: article.start()].casefold() or _is_called(subject, head):
            continue
        weight = 0.6 if head in _STAND_INS else _DEFINITE[past][not article.start()]
        # What a text with a title speaks of is mostly a part of what the title names.
        is_part = subject.title and head not in _STAND_INS
        yield weight * (_PART[not article.start()] if is_part else 1.0)


def _phrase(text: str, start: int) -> tuple[str, str, str]:
    """Return the last noun of a phrase behind `the`, and the two tokens behind it; no noun where a name is part."""
    head = ""
    tokens = [match[0] for match in _TOKEN.finditer(text, start, min(len(text), start + 90))]
    for number, token in enumerate(tokens):
        if token[0].isalnum() and not token.islower():
            return "", "", ""
        verb = number and token.endswith("ed")
        if not token[0].isalpha() or token in _BREAKS or token in _QUALIFIERS or verb or number == _WALK:
            return head, token, tokens[number + 1] if number + 1 < len(tokens) else ""
        head = token.removesuffix("'s").removesuffix("’s")
    return head, "", ""
