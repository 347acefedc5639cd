"""English."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache

from services.language import en_references
from services.language import language as rules
from services.language.en_standing import MONTH, kinds, leaning
from services.language.en_values import in_notation
from services.language.key_terms import Category, NumberRules
from services.language.noun_phrases import NounPhrases
from services.language.outline import OutlineRules
from services.language.patterns import Pattern, pairs, words

_COUNTING = words(
    """
    one two three four five six seven eight nine ten hundred thousand million billion half once twice first second third
    """
)
_FUNCTION = _COUNTING | words(
    """
    a an the and or but nor so yet if then else than as at by for from in into of off on onto out over per to up upon
    via with within without about above across after against along among around because before behind below beneath
    beside besides between beyond despite down during except inside like near outside past since through throughout till
    toward towards under until unless while whereas whether although though i me my mine we us our ours you your yours
    he him his she her hers it its they them their theirs this that these those who whom whose which what when where why
    how be am is are was were been being have has had having do does did doing done can could may might must shall
    should will would cannot not no neither either both each every any some such only own same other another others ones
    all most more less least many much few fewer several enough very too also just even still again ever never always
    often sometimes usually generally typically mainly mostly largely rather quite almost nearly already soon later now
    here there thus hence therefore however moreover furthermore instead otherwise meanwhile next last finally then
    together apart away back well not only e.g i.e etc vs namely especially particularly specifically approximately
    roughly exactly directly indirectly simply relatively highly extremely itself themselves himself herself ourselves
    myself yourself whatever whichever whoever someone anyone everyone something anything everything nothing none
    """
)
_ASKING = words("called explain kind please same tell type")

_PASTS = words(
    """
    made took taken gave given went gone came became began begun broke broken brought built bought caught chose chosen
    drew drawn drove driven ate eaten fell fallen fed felt fought found flew flown froze frozen got gotten grew grown
    heard held kept knew known laid led left lost meant met paid put ran rose risen said saw seen sold sent set shown
    sank sat spoke spoken spent spun split stood stolen struck swam taught told thought threw understood won wore wrote
    written lay fuelled powered
    """
)
"""Forms of verbs that no ending makes."""
_VERBS = (
    words(
        """
    absorb accept access account achieve act activate adapt add adjust adopt affect aid aim allow alter appear apply
    argue arise arrange arrive ask assess assign assume attach attack attempt attract avoid base be bear beat become
    begin believe belong bind blow boil bond borrow break breathe bring build burn buy calculate call capture carry
    catalyze catch cause change charge check choose circulate claim classify clean climb close collect combine come
    communicate compare compete complete compose compress compute concentrate conclude conduct connect consider consist
    construct consume contain continue contract contribute control convert cool cope copy cost count cover create cross
    cut deal decide decline decompose decrease define delete deliver demand denote depend deposit derive describe design
    destroy detect determine develop die differ diffuse digest direct disappear discover discuss dissolve distinguish
    distribute divide dominate donate double draw drink drive drop earn eat eliminate emerge emit employ enable encode
    encourage end enhance ensure enter equal erupt escape establish estimate evaluate evaporate evolve examine exceed
    exchange execute exert exist expand expect experience explain explode explore express extend face fail fall feed
    feel fight fill find finish fit fix float flow fly focus fold follow force form found freeze function fuse gain
    gather generate get give go govern grow handle happen harm hear heat help hold identify ignore illustrate imagine
    implement imply improve include increase indicate influence inform inherit inhibit initiate insert inspire install
    intend interact introduce invade invent invest involve isolate join keep kill know lack last lay lead learn leave
    let lie lift limit link live load locate look lose lower maintain make manage manufacture map mark match mean
    measure meet melt merge migrate mix model modify monitor move multiply name need notice observe obtain occupy occur
    offer open operate oppose organize originate oxidize participate pass perform permit place plan plant play point
    pollinate pollute possess pour power practice precede predict prefer prepare present preserve press prevent proceed
    process produce promote propose protect prove provide publish pull pump purify push put raise range reach react read
    realize receive recognize record recover reduce refer reflect regard regulate reject relate release rely remain
    remember remove repair repeat replace replicate report represent reproduce require resist respond rest restore
    restrict result retain return reveal reverse rise rotate rule run say secrete see seek seem select sell send
    separate serve set settle shape share shift show sink sit slow solve speak spend spin split spread stand start
    state stay steal stimulate stop store strengthen stretch strike struggle study succeed suggest supply support
    surround survive swim synthesize take talk teach tell tend test think threaten throw tie touch train transfer
    transform translate transmit transport trap travel treat trigger try turn understand undergo unite use utilize vary
    view visit wait walk want warm wash waste watch wear win work write yield
    """
    )
    | _PASTS
)

_GENERAL = words(
    """
    able abundant actual additional adequate alone alternative ancient annual apparent appropriate available
    average date definition
    bad basic beautiful best better big brief bright broad capable careful central certain chief clear clever close
    closely cold common commonly complete complex concrete constant continuous convenient correct current daily dark
    deep deeply dense different difficult direct distant distinct dry due early easily easy economic effective
    efficient entire equal essential exact exist external extra fair familiar famous far fast favourable few final fine
    fixed flat former frequent fresh full fully fundamental further future general gradual gradually great greater
    greatest half hard healthy heavy high higher highest huge ideal identical important impossible individual initial
    inner intense internal key known large larger largest late latter leading likely little local long longer loose low
    lower lowest main major maximum minimum minor modern modest narrow natural necessary new normal novel numerous
    obvious old older open opposite ordinary original outer overall partial particular past perfect poor popular
    possible potential powerful precise present previous primary principal private proper public pure quick quickly
    random rapid rapidly rare raw ready real recent regular related relative relevant rich right rough safe secondary
    separate serious severe sharp short significant similar simple single slight slow slowly small smaller smallest
    smooth soft sole solid special specific stable standard steady strong strongly subsequent successful sudden
    sufficient suitable sure tall thick thin tight tiny total traditional true typical uniform unique universal unknown
    free faster slower upper usual valid valuable various vast visible vital warm weak wet whole wide widely wild
    wise wrong young younger
    ability advantage age aim amount answer area aspect basis beginning behaviour benefit bit body book case cause
    century chance change chapter character choice circumstance class collection combination comparison condition
    consequence contrast contribution course day decade degree detail development difference difficulty direction
    discussion distance effect effort element end event evidence example experience extent face fact factor feature
    field figure form function goal group hand history idea importance impact increase influence information instance
    issue item job kind knowledge lack layer length level life line list look loss lot manner material matter
    meaning means measure member method minute moment month name nature need note number object order origin page pair
    part people percent period person phase phenomenon piece place point portion position possibility power practice
    presence problem process product property proportion purpose quality quantity question range rate reason region
    relation relationship remainder result rise role row rule scale section sense series set shape share side sign
    situation size sort source space stage start state step story structure student study style subject success sum
    surface system table task term test thing time today tool topic total trait trend type unit use user value variety
    version view way week word work world year hour second
    """
)
"""Adjectives, adverbs and nouns too general to be asked for."""

_LABEL_WORDS = r"[Ff]ig(?:ure|s)?\.?|[Tt]able|[Ss]ection|[Cc]hapter|[Pp]age|[Ss]tep|[Nn]os?\.?"

_DETERMINERS = words(
    """
    a an the its their our his her this that these those each every any some of in by into from with called as between
    """
)
_VERB_CUES = words("to can could will would may might must should they we")
_NOUN_ENDINGS = (
    "tion", "sion", "ment", "ness", "ity", "ism", "ance", "ence", "ship", "hood", "dom", "ology", "graphy", "nomy",
    "phyll", "plast", "some", "cyte", "gen", "ase", "ose", "ine", "ide", "oid", "sis", "ture", "logy", "metry", "meter",
    "ist", "tor", "age", "cy", "ium", "ics", "scope", "sphere", "zyme",
)  # fmt: skip
_MODIFIER_ENDINGS = ("ed", "ing", "ous", "able", "ible", "ful", "al", "ic", "ive", "less")
_PLURALS = (("ies", "y"), ("ied", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"))
_NO_PLURALS = ("ss", "us", "is")


def singular(word: str) -> str:
    """Return a word without its plural or third person's ending; a stem is the same for `organ` and `organize`."""
    for ending, rest in _PLURALS:
        if word.endswith(ending):
            return word.removesuffix(ending) + rest
    return word[:-1] if word.endswith("s") and not word.endswith(_NO_PLURALS) else word


def is_verb(word: str) -> bool:
    """Return whether a word in lower case is a common verb in any of its forms."""
    if word in _VERBS or singular(word) in _VERBS:
        return True
    bases = [word.removesuffix(ending) for ending in ("ing", "ed", "d", "es") if word.endswith(ending)]
    return any(base in _VERBS or base + "e" in _VERBS or _undoubled(base) in _VERBS for base in bases)


def _undoubled(base: str) -> str:
    """`stopp` as `stop`."""
    return base[:-1] if len(base) > 3 and base[-1] == base[-2] else base


@cache
def _stemmer() -> Callable[[str], str]:
    """Return the Porter2 stemmer of the Snowball project."""
    # The package loads the stemmers of thirty languages: only who stems pays for that.
    import snowballstemmer

    stem: Callable[[str], str] = snowballstemmer.stemmer("english").stemWord
    return stem


@lru_cache(maxsize=1 << 15)
def _stem(word: str) -> str:
    return _stemmer()(word)


_DEFINITION = Pattern(
    r"^(?:An?|The)?\s?(?P<term>[A-Za-z][\w’'/-]*(?: [\w’'/-]+){0,3}?)(?: ?\([^)]*\))?,? (?P<verb>is defined as"
    r"|are defined as|refers? to|means|is the name for|denotes?|is called|is|are) (?P<meaning>(?:(?:an?|the|any"
    r"|one)\b .{15,}|[a-z]+(?: [a-z]+){0,3} (?:that|which|whose|in which|of|who)\b .{8,}))[.!]$"
)
_NO_TERM = Pattern(r"(?:most|main|best|first|only|same|next|result|reason|key|aim|goal|purpose|one)\b", re.IGNORECASE)
_NO_MEANING = Pattern(
    r"(?:[a-z]{2,}ed (?!by\b)|[a-z]+ly|also|often|very|so|capable|able|not|now|still|more|most|one|all|both)\b"
)
_SUPERLATIVE = Pattern(r"the (?:most|best|first|main|only|same|reason|result|largest|smallest)\b")
"""What `is` alone says of no definition."""


def _definition(text: str) -> rules.Definition | None:
    """Read `X is a …`, `X refers to …`."""
    match = _DEFINITION.match(text)
    if match is None:
        return None
    term, meaning = match["term"].strip(), match["meaning"].strip()
    if _NO_MEANING.match(meaning) or _NO_TERM.match(term):
        return None
    if match["verb"] in {"is", "are"} and _SUPERLATIVE.match(meaning):
        return None
    # `The exceptions are the …` lists.
    if match["verb"] == "are" and text.startswith("The ") and meaning.startswith("the "):
        return None
    return rules.Definition(term, meaning)


_NO_MEMBER = Pattern(
    r"(?:others?|what|some|many|various|several|more|all|any|most|then|also|it|they|which|that|to|by|is|are|in|on|at|from|with|into|for|as)\b"
)


def _is_member(text: str) -> bool:
    return not (_NO_MEMBER.match(text) or is_verb(text.split()[0].casefold()) or text.casefold().endswith("ly"))


_LISTS = rules.ListRules(
    sure=Pattern(r",(?: [\w-]+){1,3},? (?:and|or) ", re.IGNORECASE),
    likely=Pattern(r"\b[\w-]+ and [\w-]+", re.IGNORECASE),
    closed=Pattern(
        r"(?:\b(?:are|is|into|of|contains?|consists? of|comprises?|require|requires|need|needs|namely|has|have"
        r"|produces?|by)|:) "
        r"(?P<list>(?:(?:an?|the) )?[\w’'-]+(?: [\w’'-]+){0,2}, (?:(?:(?:an?|the) )?[\w’'-]+(?: [\w’'-]+){0,2}, ){0,4}?"
        r"(?:(?:an?|the) )?[\w’'-]+(?: [\w’'-]+){0,2},? and (?:(?:an?|the) )?[\w’'-]+(?: [\w’'-]+){0,2}?)(?=[.;])"
    ),
    open=Pattern(r"\b(?:such as|for example|includes?|including|mainly|not|no)\b", re.IGNORECASE),
    between=Pattern(r",? and |, "),
    # A word that both sides share may stand between: `red light and blue light`.
    separator=r"(?:,(?: [\w-]+){1,3})*(?: [\w-]+)?(?:,? ?(?:and|or)|,)(?: (?:the|an?))?",
    article=Pattern(r"^(?:and )?(?:an?|the) "),
    is_member=_is_member,
)

_READING = rules.ReadingRules(
    shortest=6,
    longest=40,
    opens_badly=Pattern(
        r"^(?:it|its|they|their|them|this|that|these|those|he|she|his|her|such|however|therefore|thus|hence|moreover"
        r"|furthermore|also|but|and|or|so|then|for example|for instance|instead|otherwise|in addition|in contrast"
        r"|as a result|consequently|similarly|likewise|meanwhile|finally|first|second|third|next|here|there|we|you|i"
        r"|since (?:then|that)|by (?:then|this|that)|until then|at (?:this|that|the same) (?:time|point)|at the time"
        r"|(?:\w+ ){1,3}(?:later|earlier|afterwards)"
        r"|later|afterwards?|after that|soon after|before that|despite (?:this|that|these)|because of (?:this|that)"
        r"|in (?:this|that|these|those|the (?:former|latter))|during (?:this|that|these)|to (?:this|that) (?:day|end)"
        r"|as such|in turn|on the other hand|in fact|indeed|nonetheless|still|yet|subsequently|accordingly|overall"
        r"|further|additionally|eventually|the (?:two|three|four|former|latter|result|reason|idea|term)"
        r"|among (?:these|those|them)|of (?:these|those|them)|unlike (?:this|these|them)|all (?:of )?(?:these|this)"
        r"|our|your|both|another|others?|the (?:former|latter|other|same|first|second|third|following|above|next|last"
        r"|two)|figure|fig|table|see|note|one|some|conversely|nevertheless|although this|when this|if this"
        r"|because this|because it|after this|by contrast|explain|describe|list|discuss|state|draw|define|identify"
        r"|nor|neither|yet|rather|either|elsewhere|accordingly|additionally|alternatively|afterward|subsequently|label|calculate|recall|consider|imagine|suppose|remember|think|look|read|write|compare|summary|tip|example)\b"
        r"|^(?:do not|don['’]t|please|let(?:['’]s| us| me)|of course|notice|try|say|ask yourself|keep in mind"
        r"|as (?:you|we)|over the (?:ensuing|next|following|past|last)"
        r"|in (?:one|another) (?:[\w-]+ )?(?:study|experiment|survey|case|example|trial|condition))\b"
        # `In 1900, he …`: nobody is named before the pronoun.
        r"|^(?:\w+,?|(?:\w+ ){1,3}\w+,) (?-i:this|these|they|it|he|she)\b"
        # What is only assumed, and not stated.
        r"|^(?:let (?:\w+|the \w+) (?:be|denote)|assume)\b"
        r"|^(?:in|on|by|from|after|until) (?:\w+ ){1,3}(?-i:they|he|she)\b"
        r"|^(?:in|on|at|by|during|for|from|with) [^,]{2,60}, (?-i:they|he|she)\b"
        r"|^(?:all|both|only|none) (?:of )?(?:two|three|four|five|\d+)\b|\balready mentioned\b"
        r"|\[(?:update|vague|when\?|who\?)\]"
        # What is named is what was told before: `The response is called …`.
        r"|^(?:\w+ )?additional\b"
        r"|^the \w+ (?:is|are|was|were) (?:then |often |also |usually )?(?:called|termed|known as|referred to as)\b"
        # Half a sentence behind a quotation: `… the servants". as does …`.
        r"|[.!?][\"”] (?-i:[a-z])",
        re.IGNORECASE,
    ),
    pointer=Pattern(
        r"\b(?:this|these|such(?! as\b)|that same|the (?:former|latter|aforementioned|said)"
        r"|those(?! (?:who|whom|that|which|of|in|with|from|on|at|not|already)\b)"
        r")(?: (?P<thing>[^\W\d_]+))?",
        re.IGNORECASE,
    ),
    points_elsewhere=Pattern(
        r"\bhere\b|\(see\b|\[[a-z]{1,2}\]"
        r"|\b(?:figures?|fig\.|tables?|chapter|section|slide|page) \d|\b(?:below|above|following)\b[:,.]|as follows",
        re.IGNORECASE,
    ),
    capital=True,
    definition=_definition,
    lists=_LISTS,
    passage_reference=en_references.PASSAGE_REFERENCE,
    thing_references=en_references.THING_REFERENCES,
    question_reference=Pattern(
        r"\b(?:this|the(?: (?:quoted|given|above))?) (?:sentence|statement|quote|text|question) (?:[a-z]+ly )?"
        r"(?:supports?|says|states|shows|confirms|proves|explains|describes|indicates|mentions|provides|highlights"
        r"|emphasi[sz]es|tells|matches)\b|\bthe (?:quote|stem|distractors?|(?:correct|given|provided) options?)\b"
        r"|\bthis is (?:the|a) (?:correct|true|false|right|wrong) (?:statement|answer|option)\b|\bit states that\b"
        r"|\bJSON ?(?:object|output|field)",
        re.IGNORECASE,
    ),
    fewest_characters=25,
    task=Pattern(
        r"^(?:question|exercise|problem|discuss|q|example|hint|note|answer)\s*\d*\s*[:：.、]"
        r"|^(?:put|add|place|count|repeat|move|keep|measure|record|observe)\b|^(?:figure|fig\.|table)\s*\d",
        re.IGNORECASE,
    ),
    task_section=Pattern(
        r"^[\W\d]*(?:(?:check|test) your (?:understanding|knowledge|learning|progress)"
        r"|(?:review|discussion|practice|study|self-test|end-of-chapter) (?:questions?|exercises?|problems?)"
        r"|questions?(?: for (?:review|discussion|thought))?|exercises?|problems?(?: sets?)?|homework|assignments?"
        r"|quiz|self-(?:test|check|assessment)|answers?(?: key)?|(?:learning )?(?:objectives|outcomes|goals)"
        r"|(?:after|by the end of|in) this (?:chapter|unit|lesson|section|module),? you (?:can|will|should)\b.*"
        r"|references|bibliography|further reading|key ?words|acknowledge?ments|copyright(?: page| notice)?"
        r"|(?:about the )?(?:authors?|editors?|contributors))[\W\d]*$",
        re.IGNORECASE,
    ),
)

_ARTICLE = Pattern(r"\b(an?) $", re.IGNORECASE)


def _fit_article(before: str, word: str) -> str:
    """Write `a` before a word that begins with a consonant's letter, `an` before a vowel's."""
    article = _ARTICLE.search(before)
    if article is None or not word[0].isascii():
        return before
    vowel = word[0].casefold() in "aeiou"
    return before[: article.start(1)] + article[1][0] + ("n" if vowel else "") + " "


_OPPOSITES = """
    increas/decreas rais/lower rise/fall rises/falls more/less more/fewer most/least fast/slow quick/slow high/low
    open/clos day/night hot/cold warm/cool large/small big/small long/short before/after absorb/releas gain/los
    inside/outside upper/lower thick/thin bright/dim light/dark wet/dry first/last early/late above/below
    strong/weak near/far shallow/deep heavy/light rich/poor direct/indirect begin/end start/stop enter/leav
    push/pull attract/repel positive/negative hard/soft wide/narrow always/never north/south east/west male/female
    win/lose odd/even steep/gradual slight/sharp rare/common abundant/rare transparent/opaque
"""

_STATEMENTS = rules.StatementRules(
    negation=Pattern(
        r"\b(?:not|no|never|cannot|without|neither|nor|unable to|incapable of|fail(?:s|ed)? to)\b|n[’']t\b",
        re.IGNORECASE,
    ),
    qualifiers=Pattern(
        r"\b(?:sometimes|often|usually|generally|typically|mainly|mostly|largely|partly|nearly|almost|about|around"
        r"|roughly|approximately|at least|at most|up to|more than|less than|over|under|only|some|many|most|few|half|may"
        r"|might|can|could|should|if|when|unless|until|because|instead|before|after)\b",
        re.IGNORECASE,
    ),
    open=Pattern(
        r"\b(?:may|might|can|could|some|sometimes|often|usually|such as|for example|including|includes?|or|one of"
        r"|mainly|mostly|especially|also|many|several|among)\b",
        re.IGNORECASE,
    ),
    roughly=Pattern(r"\b(?:about|around|roughly|nearly|almost|approximately)\b", re.IGNORECASE),
    counted=Pattern(r"\s+of\s+(?:the\s+|an?\s+)?(?P<thing>[A-Za-z][\w-]*)"),
    bound=Pattern(
        r"(?:over|above|below|under|at least|up to|more than|less than|between|from|to|and|[-–—~～])\s*$", re.IGNORECASE
    ),
    deniable=Pattern(r"(?<=[^\W\d_] )(?:is|are|was|were)\b(?! (?:to|being|still|only|able|at least)\b)"),
    undeniable=Pattern(
        r"\b(?:all|every|each|both|but|however|although|though|yet|particularly|especially|mostly|partly|too|than|only"
        r"|just|any|so|intended|expected)\b|;|,? and (?:\w+ly )?(?:\w+ed|is|are|was|were)\b|, and\b"
        # Another form of it may be: a modern form of aggression is bullying.
        r"|^(?:an?|one)(?: [\w-]+){3,9} (?:is|was) (?!an?\b|the\b)[a-z]+(?:[.,;]| \()"
        # No verb of this clause: differences in how people are help to explain it.
        rf"|\b(?:is|are|was|were) (?:{'|'.join(sorted(_VERBS - _PASTS))})\b",
        re.IGNORECASE,
    ),
    subordinate=Pattern(
        r"\b(?:while|when|because|if|although|though|since|as|that|which|who|where|whose|until|before|after"
        r"|once|unless|whenever|wherever)\b[^,;]*$",
        re.IGNORECASE,
    ),
    denials=("not {}", "never {}", "{} not"),
    opposites=pairs(_OPPOSITES),
    articles=words("the a an"),
    definite_article="the",
    fit_article=_fit_article,
)

_WORD = Pattern(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_VOWELS = Pattern(r"[aeiouy]+")


def _grade(sentences: Sequence[str]) -> float:
    """Return the Flesch-Kincaid grade (Kincaid et al. 1975); 0 for sentences without words."""
    found = [match[0] for match in _WORD.finditer(" ".join(sentences))]
    if not found:
        return 0.0
    return 0.39 * len(found) / len(sentences) + 11.8 * sum(map(_syllables, found)) / len(found) - 15.59


def _syllables(word: str) -> int:
    """Count the groups of vowels, without a silent final e; at least one."""
    plain = word.casefold()
    silent = plain.endswith("e") and not plain.endswith(("le", "ee"))
    return max(1, len(list(_VOWELS.finditer(plain))) - silent)


_ENDINGS_OF_SORTS = ("ology", "graphy", "metry", "ase", "gen", "ine", "ide", "sphere", "itis", "cyte")
"""Endings that name things of one sort; those of deeds and states (`-tion`, `-ism`) are shared by unlike things."""

_BODIES = (
    ("organization:forces", Pattern(r"\b(?:Army|Navy|Force|Corps|Division|Regiment)s?\b")),
    ("organization:union", Pattern(r"\b(?:Union|League|Association|Club|Society)s?\b")),
    (
        "organization:state",
        Pattern(r"\b(?:Parliament|Congress|Senate|Council|Government|Commission|Committee|Court)s?\b"),
    ),
    ("organization:school", Pattern(r"\b(?:University|Institute|College|School|Academy)\b")),
)
"""Bodies of which one cannot stand for another."""
_SHORTEST_LEARNED = 7
"""Letters from which on a word with a learned ending is one: `ligase`, and not `base`."""


def _sort(term: str, category: Category) -> str:
    """Return a name's kind, what a compound is a kind of, or a noun's learned ending; empty where none tells."""
    if category in {Category.CONCEPT, Category.PLURAL}:
        *before, last = term.casefold().split()
        last = singular(last) if category is Category.PLURAL else last
        if before:
            return f"{category} {last}"
        learned = last not in _FUNCTION and len(last) >= _SHORTEST_LEARNED and not is_verb(last)
        ending = next((ending for ending in _ENDINGS_OF_SORTS if learned and last.endswith(ending)), "")
        return ending and f"{category}:{ending}"
    if category is not Category.NAME:
        return "" if category is Category.ACRONYM else category.value
    if _CALENDAR.search(term):
        return "calendar"
    if _NAMING.person.search(term):
        return "person"
    kind = next((kind for kind, pattern in _NAMING.kinds if pattern.search(term)), "")
    if kind == "place":
        return next((sort for sort, pattern in _LANDSCAPES if pattern.search(term)), kind)
    if kind == "organization":
        return next((sort for sort, pattern in _BODIES if pattern.search(term)), kind)
    people = _PEOPLE.search(term)
    return kind or (f"{people.lastgroup}{term[-1] == 's'}" if people else "")


_LANDSCAPES = (
    ("place:water", Pattern(r"\b(?:River|Lake|Ocean|Sea|Canal|Bay|Gulf|Strait)s?\b")),
    (
        "place:land",
        Pattern(r"\b(?:Mountains?|Mount|Islands?|Isle|Valley|Desert|Peninsula|Coast|Basin|Plateau|Plains?)\b"),
    ),
    ("place:wood", Pattern(r"\b(?:Forest|Rainforest|Park|Reserve)s?\b")),
    ("place:realm", Pattern(r"\b(?:City|County|Kingdom|Republic|Empire|States|Province|Town|Village)\b")),
)
"""Places of which one cannot stand for another; the rest are buildings and streets."""


_CALENDAR = Pattern(rf"^{MONTH}$|^(?:Spring|Summer|Autumn|Winter|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)$")
_NAME_BEFORE = Pattern(r"\b[A-Z]\. $|[A-Z][\w’'-]* of (?:the )?$|\w [A-Z][\w’'-]+ $")
"""What stands before the rest of a name: an initial, or a part of it that is not the first word of the sentence."""
_NUMBER_OF_NAME = Pattern(rf"^(?:0\d+|(?!(?:1\d|20)\d\d )\d+(?:[.,]\d+)* (?!{MONTH}\b)[A-Z][a-z]+)")
"""A number that is a part of a name: 007 Stage."""
_NOUN_BEFORE = Pattern(
    r"(?<![\w’'-])(?!(?:The|An?|Its?|Their|His|Her|No|In|On|At|By|For|With|From|Of|As|To)\b)[A-Z][a-z]+ $"
)
"""A noun that opens a sentence and belongs to the next: `Series creator`."""
_MIXED = Pattern(r"^(?=.*[A-Z][a-z])(?!.* (?:of|de|la|van|von|der|the) )(?:.* )?[a-z]")
"""A name with other words beside it, which are two things: what somebody is, or the verb of a plural."""
_IN_TITLE = Pattern(
    r"(?:\b(?:en)?titled|\bcalled|\bnamed|\b(?:novel|film|book|song|album|play|series|essay|poem|article|magazine))"
    r",? (?:the )?[A-Z][^,;()“”\"]*$"
)
"""Where a title has begun."""
_TITLE_GOES_ON = Pattern(r"^ in (?!the\b)[A-Z][a-z]+\b(?!,)")
"""Behind one word: Reign in Blood."""
_EXPLAINS_SPELLING = Pattern(r"\([A-Z][a-z]+: $")
_CUT_VERB = Pattern(r" (?:burst|cut|cost|cast|hit|hurt|let|put|quit|set|shut|split|spread|rose|fell|began|became)$")
"""A verb without an ending that a run of nouns took in."""
_NEXT_WORD = Pattern(r"^ (?:(?:of (?:the )?|and the )?[A-Z]|\w\b|(?P<word>[a-z]+))|^(?:st|nd|rd|th|s)\b|^[-–%]")


_ROAD_BEHIND = Pattern(r"(?:^|\W)[A-Z]{2,} $")
"""What numbers something by its letters: US 40."""
_HOUR_BEHIND, _MINUTES_NEXT = Pattern(r"\d\s?:\s?$"), Pattern(r"^\s?:\s?\d")
_MONTH_ALONE = Pattern(rf"^{MONTH}$")
_MONTH_BEHIND = Pattern(rf"\b{MONTH} $")
_MONTH_NEXT = Pattern(rf"^(?:st|nd|rd|th)?(?: of)? {MONTH}\b")


def _is_day(text: str, start: int, end: int) -> bool:
    """Return whether a number is the day of a month, which nobody need know."""
    day = end - start < len("1000")
    return day and (_MONTH_BEHIND.search(text[:start]) is not None or _MONTH_NEXT.match(text[end:]) is not None)


_SEEMS_PLURAL = Pattern(r" [a-z]+s$")
_DETERMINER_NEXT = Pattern(r"^ (?:the|an?|other|its|their|his|her|each|every|all|some|no|these|those|this)\b")
"""Before it, a last word in -s is the verb whose object begins here: open addressing probes other slots."""


_PERFECT = Pattern(r".*\b(?:have|has|had)\s*\|[a-z]+ed\b")
"""What has been done, before which no noun stands: have | trended downward."""


def _is_part(text: str, start: int, end: int) -> bool:
    """Return whether the words behind a term belong to it: a noun, the rest of a name, a letter that names it."""
    found = _NEXT_WORD.match(text[end:])
    if text[start].isdigit():
        named = _NUMBER_OF_NAME.match(text[start:]) is not None or _is_day(text, start, end)
        named = named or _ROAD_BEHIND.search(text[:start]) is not None
        clock = _HOUR_BEHIND.search(text[:start]) or _MINUTES_NEXT.match(text[end:])
        return named or clock is not None or (found is not None and not found[0].startswith(" "))
    if _MONTH_ALONE.match(text[start:end]) or _PERFECT.match(f"{text[:start][-6:]}|{text[start:end]}"):
        return True
    before = _NAME_BEFORE if text[start].isupper() else _NOUN_BEFORE
    if _CUT_VERB.search(text[start:end]) or before.search(text[:start]):
        return True
    if _MIXED.search(text[start:end] if start else text[:1].lower() + text[1:end]):
        return True
    if _SEEMS_PLURAL.search(text[start:end]) and _DETERMINER_NEXT.match(text[end:]):
        return True
    if _TITLE_GOES_ON.match(text[end:]) and " " not in text[start:end]:
        return True
    if _IN_TITLE.search(text[:start]) or _EXPLAINS_SPELLING.search(text[:start]):
        return True
    if found is None:
        return False
    word = found["word"]
    if word in _VERBS and word not in _PASTS and not word.endswith("s") and text[end - 1] != "s":
        # `transfer` behind one thing is no verb: Acylamine transfer has ….
        return True
    return word is None or not (word in _FUNCTION or is_verb(word) or word.endswith(("ed", "ly", "ing")))


_PEOPLE = Pattern(r"(?P<people>(?<!isi)(?<!ns)ans?|ish|ese)$|(?P<faith>ism)$|(?P<believers>ists?)$")
"""How names of peoples and their languages end, of faiths, and of those who have one."""

_CLOZE = rules.ClozeRules(
    sort=_sort,
    is_part=_is_part,
    wording=rules.ClozeWording(
        gap_explanation="The sentence in full: {sentence}",
        choose="Which option best completes the statement?\n{gapped}",
        choose_number="Which number completes the statement?\n{gapped}",
        choose_described="What is described here: “{meaning}”?",
        choice_explanation="The answer is “{answer}”: {sentence}",
        true_explanation="True: {sentence}",
        false_explanation="False: it is “{old}”, not “{new}”. {sentence}",
        choose_members="Which of these belong in the gap? Choose all that apply.\n{gapped}",
        members_explanation="These belong: {members}. {sentence}",
        member_separator=", ",
        choose_statements="Which of these statements are true? Choose all that apply.",
        choose_statements_about="Which of these statements about {topic} are true? Choose all that apply.",
        exchange_note="“{new}” should be “{old}”",
        note_separator="; ",
        statements_explanation="In what is false, {notes}.",
        define="Explain in a sentence or two: what is meant by “{name}”?",
        describe="In a sentence or two, what can be said about {name}?",
        answer_explanation="For reference: {sentence}",
        rubric_point="Tells of “{term}”",
        about="About “{title}”: {text}",
        reasons={
            "single_choice": "sentences with key terms that have others of their kind as distractors",
            "multiple_choice": "lists, or neighbouring statements to tell apart",
            "true_false": "statements that stand alone",
            "fill_in_the_blank": "sentences with key terms to fill in",
            "short_answer": "definitions and statements about a subject to explain",
        },
        # A name stays as it is; a bare noun takes quotation marks for want of an article.
        quote_name=lambda name: name if name[:1].isupper() or name.startswith("the ") else f"“{name}”",
    ),
    longest_heading=12,
    good_length=130,
    longest_option=170,
    hedge=Pattern(
        r"\b(?:not|no|never|nor|without|cannot|n't|may|might|can|could|some|sometimes|often|usually|generally"
        r"|typically|such as|for example|including|includes?|or|one of|mainly|mostly|especially|also|other|another"
        r"|many|several|neither|unless|except|among|among them)\b|n't",
        re.IGNORECASE,
    ),
    approximate=Pattern(
        r"(?:as (?:late|early|many|much|long|few|high|low) as|after|before|close to|near|estimated|about|around|roughly"
        r"|nearly|over|at least|up to|more than|less than|almost|approximately|some)\s*$",
        re.IGNORECASE,
    ),
    pronoun=Pattern(r"\b(?:this|these|those|they|them|he|she)\b", re.IGNORECASE),
    leans=leaning,
    kinds=kinds,
    bounds=(
        (Pattern(r" ?%| per ?cent\b"), 100),
        (Pattern(rf" {MONTH}\b"), 31),
    ),
    bounds_behind=((Pattern(rf"\b{MONTH} $"), 31),),
    before_place=words("in at near across around outside inside into towards toward"),
    listed=Pattern(
        r"(?:\b(?:and|or|nor|such as|e\.g\.,?|for (?:example|instance),?)|,)\s+(?:(?:an?|the) )?$", re.IGNORECASE
    ),
    listed_number=Pattern(r"\bor\s+$"),
    # A list, or a name that shares its last word: the Royal and Western Infirmaries.
    lists_on=Pattern(
        r"^,(?: [\w’'-]+){1,5},(?: [\w’'-]+){0,5}(?: (?:and|or|&) |,)|^ (?:and|or|&) [A-Z][\w’-]+ [A-Z]"
        r"|^, (?:and|or|&) |^ (?:to|–|-) ?\d"
    ),
    clings=Pattern(r"\b(?:most|more|very|less) .$|\w[-–—].$"),
)

_STEMS = rules.StemRules(
    shortest_question=5,
    shortest_marked=4,
    shortest_statement=4,
    short_question=Pattern(
        r"^(?:what (?:is|are) (?!(?:the|it|its|this|that|these|they)\b)(?:an? )?|define |explain |who (?:is|was) )"
        r"[\w’' -]{4,}[?.]?$",
        re.IGNORECASE,
    ),
    question=Pattern(
        r"\?[”\"')\s]*(?:[(]?(?:choose|select|pick|give|explain)\b[^?]*)?$|\?\n"
        r"|^(?:which|why|is|are|does|do|did|can|could|was|were|whose)\b",
        re.IGNORECASE,
    ),
    task=Pattern(
        r"^(?:briefly )?(?:explain|describe|name|list|state|give|compare|define|outline|discuss|identify|choose|select"
        r"|summari[sz]e|what|who|when|where|how)\b|[:…]$",
        re.IGNORECASE,
    ),
    asking_words=words(
        """
        main major mainly purpose role important importance function happen describe description explain explanation
        meaning define definition term called name state statement sentence tell mean kind type feature characteristic
        effect effective cause reason result process principle principal use choose apply list give short brief briefly
        answer question follow correct correctly proper properly something thing way part idea topic subject does did
        """
    ),
    cause=rules.Demand(
        asks=Pattern(r"\bwhy\b|\breasons?\b|\b(?:what|which) causes?\b|\bcause of\b", re.IGNORECASE),
        gives=Pattern(
            r"\b(?:as|due|so|thus|hence|if|when|too|led|lets?|only|why)\b|\b(?:because|since|therefore|owing|thanks"
            r"|caus|reason|result|lead|mak|made|depend|otherwise|mean|without|enough|need|prevent|keep|allow|driv)\w*",
            re.IGNORECASE,
        ),
    ),
    purpose=rules.Demand(
        asks=Pattern(r"\bfunctions?\b|\broles?\b|\bpurposes?\b|\bused for\b", re.IGNORECASE),
        gives=Pattern(
            r"\b(?:to|for|so|lets?|acts?|role|use[ds]?|using)\b"
            r"|\b(?:help|allow|enabl|serv|function|work|mak|made|produc|carr|transport|mov|absorb|catch|captur"
            r"|collect|stor"
            r"|control|regulat|protect|releas|split|reflect|fix|join|provid|keep|hold|giv|turn|convert|driv|power|reduc"
            r"|rais|pass|pump|bring|suppl|support|prevent|clos|open|build|break)\w*",
            re.IGNORECASE,
        ),
    ),
    effect=rules.Demand(
        asks=Pattern(
            r"\b(?:what|which)(?: \w+){0,4} (?:effects?|impacts?|consequences?|significance)\b"
            r"|\b(?:explain|describe|discuss|name|list|give)\b.*"
            r"\b(?:effects?|impacts?|consequences?|significance)\b",
            re.IGNORECASE,
        ),
        gives=Pattern(
            r"\b(?:so|thus|led|if|when|more|less|lets?|\w+er the)\b"
            r"|\b(?:therefore|because|caus|mak|made|lead|result|affect|chang|increas|decreas|rais|lower|reduc|slow"
            r"|rise|fall"
            r"|grow|mean|without|keep|allow|releas|becom|stop|turn|form|produc|warm|cool|help|prevent|enabl)\w*",
            re.IGNORECASE,
        ),
    ),
    definition=rules.Demand(
        asks=Pattern(r"\b(?:what (?:is|are)|define|meant by|definition)\b", re.IGNORECASE),
        gives=Pattern(r"\b(?:is|are) (?:an?|the|any)\b|\b(?:called|means?|refers? to|known as)\b", re.IGNORECASE),
    ),
    offers=r"\b{answer}\b,? or\b|\bor (?:\w+ ){{0,3}}{answer}\b",
    unfinished=Pattern(
        r"^(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|can|could|has|have|had)\b"
        r"[^?]*[^?.!:;…)\]\"”’_\s]\s*$",
        re.IGNORECASE,
    ),
    before_option=Pattern(r"^(?:(?:in|at|on|during) )?(?:(?:the|an?) )?(?=\S)", re.IGNORECASE),
    option_reference=en_references.OPTION_REFERENCE,
)

_WRITING = rules.WritingRules(
    labels="stem|question|answer|reference|explanation|true or false",
    lead=Pattern(
        r"^(?:(?:according to|as (?:stated|mentioned|described|explained) in|based on|in) (?:the|this) "
        r"(?:passage|text|material|sentence|paragraph|quote|statement)\s*,?\s*"
        r"|(?:it|(?:the|this) (?:passage|text|material|sentence|paragraph|quote|statement))(?: [a-z]+ly)? "
        r"(?:states|says|mentions|explains|indicates|shows|describes|confirms|tells us|notes) that\s+)",
        re.IGNORECASE,
    ),
    placeholder=Pattern(
        r"^(?:(?:a|an|the|one|two|three|only|single|but) )*(?:(?:right|correct|wrong|incorrect|plausible"
        r"|model) )+(?:but plausible )?(?:answer|option)s?(?: [a-d1-5])?(?:, .*)?\.?$|^(?:option|answer|distractor"
        r"|choice)s?(?: [a-d1-5])?\.?$|\bwrong but plausible\b|^(?:a|the|one|full) (?:full )?(?:question"
        r"|statement) (?:that|which|with)\b|\b(?:single-choice|true/false|fill-in-the-blank|short-answer) question\b"
        r"|^(?:one more )?wrong answer$|^\W*(?:insert|add|your|place)?\W*(?:option|answer|distractor|choice)"
        r"(?: here)?\W*$|^\W*(?:tbd|todo|x{2,}|placeholder|lorem ipsum.*)\W*$",
        re.IGNORECASE,
    ),
    declines=Pattern(
        r"(?:(?:I['’]?m|I am|we['’]?re|we are) )?(?:very |really |so )?(?:sorry|afraid)\b"
        r"|(?:unfortunately|regrettably|apologies|as an ai\b)[^.]{0,80}\b(?:not|n['’]t|unable)\b|my apologies\b"
        r"|(?:I|we) (?:can(?:not|['’]t| not)|could(?: not|n['’]t)|will not|won['’]t|am unable|['’]m unable|are unable"
        r"|must decline|decline|do not feel|don['’]t feel)\b",
        re.IGNORECASE,
    ),
)

_COMMANDED = r"^\W*|[,;:–—-]\s*|\b(?:please|now|just|and|then|you (?:must|should|have to|need to|are to|will))\s+"
"""What stands before a verb that commands."""
_GRADING = rules.GradingRules(
    no_model="No model is there to grade this answer: a person must look at it.",
    unsound="No grading of this answer held up: a person must look at it.",
    failed="The model failed to grade this answer, so a person must look at it. What happened: {how}.",
    # Who grades is spoken to in the imperative, in the second person, or by name; a text about grading does neither.
    to_grader=Pattern(
        rf"(?:{_COMMANDED})(?:give|award|assign|grant|allow|mark|grade|score|rate|accept|count)\s+"
        r"(?:me|us|this|it|my|the (?:answer|student|learner|response)|full|max\w*|all|\d+|one|two|three)\b.{0,40}"
        r"\b(?:points?|marks?|credits?|scores?|grades?|correct|right|perfect)\b"
        rf"|(?:{_COMMANDED})(?:ignore|disregard|forget|override|skip|reveal|print)\b.{{0,40}}"
        r"\b(?:instructions?|prompts?|rubric|grading|criteria|guidelines|(?:everything|all|what) (?:is |was )?"
        r"(?:above|before))\b"
        r"|\byou are (?:now )?(?:an? |the )?(?:\w+ )?"
        r"(?:ai|assistant|grader|examiner|language model|chatbot|teacher)\b"
        r"|\bas (?:the|an?) (?:grader|examiner|marker|ai|language model)\b,? (?:you|give|award|mark|please)"
        r"|\b(?:this|my|the) (?:answer|response|submission) (?:deserves|merits|is worth"
        r"|(?:should|must) (?:get|receive|earn"
        r"|be (?:given|awarded|graded|marked|scored|accepted)))\b"
        r"|\b(?:dear|hello|hi|note to|attention|message to)(?: the)? (?:grader|examiner|marker|ai|model)\b"
        r"|^(?:system|assistant|developer|grader)\s*:|\bfull (?:points|marks|credit|score),? please\b",
        re.IGNORECASE,
    ),
    framed=Pattern(
        r"(?:(?:the |my )?(?:correct |right |final )?answer(?: is|\s*[:=])|ans(?:wer)?\.?[:=])\s*(?P<said>\S.*)$",
        re.IGNORECASE,
    ),
    chosen=Pattern(
        r"(?:it(?: is|['’]s)\s+|(?:I\s+)?(?:choose|chose|pick|picked|select|selected|option|choice|letter)\s*)?"
        r"[(\[{]?(?P<said>[A-H]{1,8})[)\]}]?(?:\s+is (?:right|correct|true))?$",
        re.IGNORECASE,
    ),
    true=words("true"),
    short_true=words("t yes y correct right"),
    false=words("false"),
    short_false=words("f no n incorrect wrong x"),
    between=r",(?=\s)|,?\s+(?:and|or)\s+|\s+&\s+|,\s*(?:and|or)\s+",
    in_order=Pattern(
        r"\b(?:orders?|ordered|sequences?|respectively|steps?|stages?|phases?|first|second|then|next|finally|last|ranked"
        r"|successive\w*|chronological\w*|followed by|followed|smallest|largest|earliest|latest)\b|→|->",
        re.IGNORECASE,
    ),
)

_ANSWERING = rules.AnsweringRules(
    not_in_material="The material does not contain an answer to this question.",
    unsupported="(No passage of the material supports this.)",
    contradicted=" (the source says otherwise)",
    definition=Pattern(
        r"^(?:please )?(?:what(?:['’]s| is| are)(?: meant by)?|define|explain|(?P<does>what (?:do|does)))"
        r"(?: the (?:definition|meaning) of)?(?: an?| the)? [“\"]?(?P<named>[\w'’ -]{2,40}?)[”\"]?(?(does) mean)[?.]?$",
        re.IGNORECASE,
    ),
    deliberation=(
        "okay",
        "ok,",
        "ok ",
        "alright",
        "hmm",
        "let me ",
        "let's ",
        "first, i ",
        "first, let",
        "so, the user",
        "so the user",
        "so, i ",
        "so i ",
        "the user",
        "the question",
        "we need",
        "we have",
        "i need",
        "i should",
        "i'll",
        "i have to",
        "looking at",
        "to answer",
        "now,",
        "wait,",
    ),
    passive=Pattern(r"\b(?:was|were|is|are|been|being)\b[^,.;]{0,40}\bby\b", re.IGNORECASE),
    overview_words=(
        "document text material chapter file paper book lecture slide presentation section page course notes content "
        "summarize summary overview outline main key central point idea topic theme subject aim purpose cover discuss "
        "describe present deal say give get make list write short brief sentence word whole entire everything"
    ),
    apology=(
        r"(?:(?:i['’]?m|i am|we are) )?(?:very |so )?(?:sorry|afraid)(?:,? but)?|unfortunately|regrettably|sadly"
        r"|however|(?:based on|according to|from|in|looking at|having read|given|without) [^,.]{3,60}(?=,)"
        r"|(?:the question"
        r"|you) asks? [^.]{0,120}(?=\.)"
        r"|as far as i can (?:see|tell)"
    ),
    abstention=en_references.ABSTENTION,
    uncited_abstention=en_references.UNCITED_ABSTENTION,
    passage=(
        r"passages?|sources?|documents?|docs?|refs?\.?|references?|citations?|excerpts?|texts?|contexts?|chunks?|snippets?"
        r"|paragraphs?"
    ),
    conjunction="and",
)

_OUTLINE = OutlineRules(
    chapter=r"(?:Part|PART|Book|BOOK|Chapter|CHAPTER|Unit|UNIT|Lesson|LESSON|Lecture|Module)\s+[0-9IVXLC]+\b",
    section=r"(?:Section|SECTION|Appendix|APPENDIX)\s+[0-9A-Z][0-9.]*\b",
    # Titles of sections begin with a capital.
    measured=r"\s*(?!pH\b|i[A-Z])[a-zμ°%‰Ω]|\s*(?:[VWNJKCFT]|[kMGT](?:[BWJNV]|Hz|Pa|bps)|Hz|Pa|U\.?S\.?)\b",
    alone=(
        "Abstract|Introduction|Summary|Conclusions?|References|Bibliography|Exercises|Further reading|Preface|Foreword"
        "|Acknowledge?ments|Appendix|Overview|Contents"
    ),
    caption=r"(?:Figure|Fig\.|Table|Chart)\s*\d+(?:[-.–]\d+)*(?:[.:：]|\s|$)",
    before_page=r"page|p\.|slide",
    of_pages="of",
    heading_style="heading",
    title_style="title",
    caption_style="caption",
    list_style="list (?:bullet|number|paragraph .)",
    code_style="code|preformatted",
    contents_style="toc",
    contents=r"(?:table of )?contents",
    compound=(
        r"(?:well|ill)-(?!ness|ing|being)[a-z]{3,}|self-(?!ish|less|hood)[a-z]{3,}|half-(?!way|tone|back)[a-z]{3,}"
        r"|(?:long|short|high|low|old|open|wide|full|hard|fast|slow|warm|cold|near|deep|never)-(?!e[nr]|light|jack)"
        r"[a-z]{2,}(?:ed|ing|wn|ght)|so-called|best-known|(?:long|short|full|real|part|high|low)-(?:term|time|scale|level|range|speed"
        r"|quality|pressure|energy|frequency|temperature|resolution|distance|school)"
        r"|(?:one|two|three|four|five|six|seven|eight|nine|ten|first|second|third)-"
        r"(?:way|third|thirds|half|quarters?|fifths?|sided|step|dimensional|part|year|day|hand|order|class|degree|person)"
        r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty-(?:one|two|three|four|five|six|seven|eight|nine)"
    ),
    untitled=r"untitled|\(?anonymous\)?",
)

_IRREGULAR = dict(
    pairs(
        """
        analyses/analysis axes/axis bacteria/bacterium bases/basis biases/bias buses/bus calves/calf children/child
        crises/crisis criteria/criterion curricula/curriculum diagnoses/diagnosis feet/foot foci/focus formulae/formula
        fungi/fungus gases/gas geese/goose genera/genus halves/half hypotheses/hypothesis indices/index knives/knife
        larvae/larva leaves/leaf lenses/lens lives/life loaves/loaf matrices/matrix men/man mice/mouse
        mitochondria/mitochondrion moduli/modulus nebulae/nebula nuclei/nucleus oases/oasis ova/ovum
        phenomena/phenomenon quanta/quantum radii/radius scarves/scarf shelves/shelf spectra/spectrum
        sporangia/sporangium statuses/status stimuli/stimulus stomata/stoma strata/stratum syntheses/synthesis
        teeth/tooth theses/thesis thieves/thief vertebrae/vertebra vertices/vertex viruses/virus wives/wife
        wolves/wolf women/woman
        """
    )
)
_NO_PLURAL_NAMES = words(
    "always news series species means lens gas bus bias atlas canvas chaos cosmos diabetes herpes rabies mathematics"
)
_SPELLINGS = dict(
    pairs(
        """
        aeroplane/airplane aluminium/aluminum anaemia/anemia analogue/analog analyse/analyze armour/armor
        behaviour/behavior catalogue/catalog centre/center cheque/check colour/color defence/defense dialogue/dialog
        diarrhoea/diarrhea endeavour/endeavor favour/favor fibre/fiber flavour/flavor foetus/fetus grey/gray
        haemoglobin/hemoglobin harbour/harbor honour/honor humour/humor labour/labor licence/license litre/liter
        metre/meter mould/mold neighbour/neighbor odour/odor oestrogen/estrogen offence/offense paediatric/pediatric
        parlour/parlor plough/plow programme/program rumour/rumor savour/savor sceptic/skeptic splendour/splendor
        sulphate/sulfate sulphur/sulfur theatre/theater tumour/tumor tyre/tire vapour/vapor vigour/vigor
        """
    )
)
_LAST_WORD = Pattern(r"[A-Za-z]+$")
_NAME_TITLE = Pattern(
    r"^(?:(?:Dr|Prof|Professor|Mr|Mrs|Ms|Miss|Sir|Dame|Lord|Lady|St|Rev|Capt|Gen|Col|Lt|President|King|Queen|Pope"
    r"|Emperor|Saint)\.? )+(?=[A-Z]\S* ?)"
)
_ROYAL = Pattern(r"^(?:King|Queen|Pope|Emperor|Saint|St|Lord|Lady|Dame|President)\b")
_NAME_ARTICLE = Pattern(r"^(?:the|an?) (?=\S)", re.IGNORECASE)
_POSSESSIVE = Pattern(r"(?<=s)[’'](?=\s|$)|[’']s(?=\s|$)")
_SHORT_WORDS = (
    (Pattern(r"\bSt\.? (?=[A-Z])"), "Saint "),
    (Pattern(r"\bMt\.? (?=[A-Z])"), "Mount "),
    (Pattern(r"\bFt\.? (?=[A-Z])"), "Fort "),
    (Pattern(r" (?:Jnr|Jr)\.?$"), " Junior"),
    (Pattern(r" (?:Snr|Sr)\.?$"), " Senior"),
    (Pattern(r" & "), " and "),
)
"""Words that names shorten."""
_IZATION = Pattern(r"(?<=[a-z]{3})is(?=(?:ations?|ed|ing|er|ers)\b)")


def _fold_name(name: str) -> str:
    """Return a name without article, title, possessive and plural, in American spelling."""
    if not _LATIN_LETTER.search(name):
        return name
    plain = _NAME_ARTICLE.sub("", name)
    for pattern, word in _SHORT_WORDS:
        plain = pattern.sub(word, plain)
    if not _ROYAL.match(plain):
        plain = _NAME_TITLE.sub("", plain)
    plain = _IZATION.sub(
        "iz", _POSSESSIVE.sub("s", plain) if plain.endswith(("s'", "s’")) else _POSSESSIVE.sub("", plain)
    )
    plain = _WORD.compiled.sub(lambda match: _spelled(match[0]), plain)
    last = _LAST_WORD.search(plain)
    # A single word with a capital may be Jones or Wales.
    if last is None or (last.start() == 0 and plain[0].isupper()):
        return plain
    return plain[: last.start()] + _number_free(last[0])


_LATIN_LETTER = Pattern(r"[A-Za-z]")


def _spelled(word: str) -> str:
    """Return a word in American spelling."""
    low = word.lower()
    if american := _SPELLINGS.get(low):
        return american
    base = low.removesuffix("s")
    return _SPELLINGS[base] + "s" if base in _SPELLINGS else word


def _number_free(word: str) -> str:
    """Return a noun in the singular; what may be one already stays."""
    low = word.lower()
    if len(low) < 4 or low in _NO_PLURAL_NAMES or low.endswith(("ics", *_NO_PLURALS)) or word.isupper():
        return word
    return _IRREGULAR.get(low) or singular(low)


_NAME_WORD = Pattern(r"[A-Za-z][\w’'-]*\+?")
_LONGEST_NAME = 5


def _name_at_end(text: str, known: int | None) -> int | None:
    """Return where the last words begin that are neither grammar nor verbs and between which spaces alone stand."""
    if known is not None:
        return known
    start = len(text)
    for match in reversed(list(_NAME_WORD.finditer(text))[-_LONGEST_NAME:]):
        word = match[0].lower()
        if text[match.end() : start].strip(" ") or word in _FUNCTION or (is_verb(word) and not word.endswith("ing")):
            break
        start = match.start()
    return start


def _name_at_start(text: str) -> int:
    """Return where the first words end that are neither grammar nor verbs and between which spaces alone stand."""
    end = 0
    for match in list(_NAME_WORD.finditer(text))[:_LONGEST_NAME]:
        word = match[0].lower()
        if text[end : match.start()].strip(" ") or word in _FUNCTION or (is_verb(word) and word.endswith(("s", "ed"))):
            break
        end = match.end()
    return end


_CAPITAL = "[A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĘĚĞĪİŁŃŇŌŐŘŚŞŠŤŪŮŰŹŻŽƠƯ]"
_CAPITAL_WORD = rf"(?:{_CAPITAL}[\w’-]*\w|[A-Z]\.(?:[A-Z]\.)*|[A-Z]\d*)"
_HEAD_OF = (
    "(?:University|Universities|Institute|College|School|Academy|Bank|House|Houses|Court|Church|Board|Department|Bureau"
    "|Ministry|Office|Council|Society|Museum|Association|Organi[sz]ation|Union|League|Convention|Congress|Parliament"
    "|Battle|Siege|Treaty|Peace|Act|Edict|Declaration|Bay|Gulf|Isle|Cape|City|Town|Port|Republic|Kingdom|Duke|Duchess"
    "|Earl|King|Queen|Prince|Princess|Bishop|Archbishop|Elector|Lord|Secretary|Minister|President|Director|Statue|Tower"
    "|Sea|Lake|Mount|Valley|Law|Laws|Theory|Origin|Book|Code|Principle|Rights|Bill|Hall|Order|Synod|Faculty|State)"
)
_NAME_PART = rf"(?:{_HEAD_OF} of (?:the )?)?{_CAPITAL_WORD}"
_MONTHS = (
    "(?:January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
)
_NAMING = rules.NamingRules(
    fold=_fold_name,
    proper=Pattern(
        rf"(?<![\w.])(?P<name>(?:(?:Dr|Prof|Mr|Mrs|Ms|St)\. )?{_NAME_PART}"
        rf"(?:(?: (?:de|du|van|von|der|la|del|di|bin|ibn|for|&))* {_NAME_PART}"
        rf"|-[A-Z]\w+)*(?: \d{{1,3}}(?=[,.;:)]|$| (?:is|was|has|had|were|are|in|and|or|by|of|at)\b))?)"
        r"|(?<!\w)(?P<numbered>[A-Za-z]\w{2,} (?:[A-Z]|\d{1,2}|[IVX]{1,4})(?= |[,.;:)]|$)(?= [a-z]|[,.;:)]|$)"
        r"(?! (?:and|or|percent|per|of|to|years?|days?|months?|times|people|million|billion|thousand)\b))"
    ),
    person=Pattern(
        r"^(?:Dr|Prof|Mr|Mrs|Ms|Sir|Lady|Professor)\b\.? [A-Z]"
        r"|^(?:Albert|Alan|Alexander|Alfred|Andrew|Anna|Anthony|Arthur|Barack|Benjamin|Charles|Christopher|Claude|David"
        r"|Edward|Elizabeth|Ernest|Francis|Franklin|Frederick|Friedrich|Galileo|Georg|George|Hans|Harry|Henry|Herbert"
        r"|Isaac|Jack|Jacques|James|Jane|Jean|Joan|Johann|John|Joseph|Josh|Karl|Katherine|Kevin|Leonardo|Louis|Ludwig"
        r"|Luke|Margaret|Maria|Marie|Mark|Martin|Mary|Max|Melvin|Michael|Napoleon|Neil|Nicolas|Niels|Nikola|Oliver|Paul"
        r"|Peter|Philip|Pierre|Ralph|Richard|Robert|Ronald|Rosalind|Sam|Samuel|Simon|Stephen|Steve|Susan|Theodore"
        r"|Thomas"
        r"|Tim|Victoria|Vincent|Walter|William|Wolfgang) (?:[A-Z]\. ?)*[A-Z][a-z]+(?: [A-Z][a-z]+)?$"
    ),
    kinds=(
        (
            "organization",
            Pattern(
                r"(?:\b(?:University|Institute|College|School|Academy|Company|Corporation|Inc|Ltd|Council|Committee"
                r"|Party"
                r"|Bank|Association|Organi[sz]ation|Agency|Ministry|Department|Commission|Parliament|Congress|Senate"
                r"|Court|Church|Union|League|Club|Society|Foundation|Museum|Library|Hospital|Orchestra|Army|Navy"
                r"|Government)s?$)"
                r"|^(?:University|Institute|Ministry|Department|Bank|Board|House|Court|Church|Union|League) of\b"
            ),
        ),
        (
            "place",
            Pattern(
                r"(?:\b(?:River|Lake|Ocean|Sea|Mountains?|Islands?|City|County|Valley|Desert|Street|Avenue|Park|Bay"
                r"|Peninsula|Kingdom|Republic|Empire|States|Province|Canal|Bridge|Palace|Square|Airport|Stadium"
                r"|Rainforest|Basin|Forest|Coast|Town|Village|Castle|Cathedral)$)|^(?:Mount|Lake|River|Republic of"
                r"|City of|Kingdom of|Gulf of|Bay of|Isle of)\b"
            ),
        ),
        (
            "event",
            Pattern(
                r"\b(?:War|Wars|Battle|Revolution|Rebellion|Crisis|Olympics|Games|Festival|Conference|Congress of \w+"
                r"|Championship|Cup|Bowl|Massacre|Uprising|Reformation|Renaissance|Crusade|World War)(?: \w{1,6})?$"
                r"|^(?:Battle|Siege|Treaty|Council|Peace|War|Act) of\b"
            ),
        ),
        (
            "law",
            Pattern(
                r"(?:\b(?:laws?|theorem|principle|equation|formula|effect|theory|rule|hypothesis|Law|Theorem"
                r"|Principle|Act"
                r"|Equation|Theory)(?: of [\w ]+)?$)"
            ),
        ),
        (
            "process",
            Pattern(
                r"(?:(?:\b(?:cycle|reactions?|process|transport chain|Cycle)|synthesis|lysis|osmosis|mitosis|meiosis"
                r"|fusion|fission|\b(?:evapor|transpir|condens|precipit|respir|ferment|oxid|germin|pollin|erosion"
                r"|evolution)"
                r"(?:ation)?)$)"
            ),
        ),
    ),
    quantity=(
        r"(?:percent|degrees?|(?:kilo|centi|milli|nano|micro)?met(?:er|re)s?|(?:kilo|milli)?grams?|inch(?:es)?|feet"
        r"|miles?"
        r"|acres?|hectares?|tons?|tonnes?|pounds?|lit(?:er|re)s?|hours?|minutes?|seconds?|years?|days?|months?|weeks?"
        r"|(?:million|billion|thousand)(?: \w+)?|people|dollars)\b"
    ),
    date=(
        rf"(?:\b{_MONTHS} \d{{1,2}}(?:, \d{{4}})?\b|\b(?:\d{{1,2}} )?{_MONTHS} \d{{4}}\b"
        r"|(?<![\w.,/–-])(?:(?:1[0-9]|20)\d\ds?|[1-9]\d0s)(?![\w–/-]|[.,]\d)|\b\d{1,2}(?:st|nd|rd|th) century\b)"
    ),
    lead=(
        r"(?:(?:also|commonly|formerly|originally|better|sometimes|often|now)(?: more)? )?"
        r"(?:known as|called|named|termed|referred to as|spelled|written)(?: variously)?"
        r"|(?:Portuguese|Spanish|French|German|Dutch|Italian|Russian|Chinese|Japanese|Korean|Latin|Greek|Arabic|Hindi"
        r"|Hebrew|Mongolian|Persian|Polish|Sanskrit|Swedish|Turkish|Vietnamese)(?= ?:)"
        r"|abbreviated(?: as| to)?|abbr\.?|hereafter|hereinafter|in short|for short|short for|or simply|plural|singular"
        r"|pl\.|a\.?k\.?a\.?|n[ée]e|born|i\.e\.,?|aka"
    ),
    between=(
        r"(?:,? (?:also|commonly|formerly|better|sometimes|often|popularly|alternatively|otherwise)(?: also)? (?:known"
        r" as|called|named|termed|referred to as)|,? (?:abbreviated|shortened)(?: as| to)?|,? short for| stands for"
        r"|,? a\.?k\.?a\.?) (?:the |an? )?"
    ),
    no_name=(
        r"(?:Fig|Table|See|e\.g\.|for example|for instance|such as|like|including|see|cf\.|fig|table|in|on|at|by|with"
        r"|from|about|around|approximately|ca\.|c\.|circa|which|who|where|when|and|but|not|to|as|if|right|left|above"
        r"|below)\b"
    ),
    longest_name=8,
    at_end=_name_at_end,
    at_start=_name_at_start,
)

ENGLISH = rules.Language(
    code="en",
    script=rules.Script.LATIN,
    space_name="latin",
    words=rules.Words(
        function=_FUNCTION, asking=_ASKING, counting=_COUNTING, fillers=_FUNCTION - _COUNTING, stem=_stem
    ),
    sentences=rules.SentenceRules(
        never_final=words(
            """
            mr mrs ms dr prof rev hon st gen col capt lt sgt fig figs eq eqs sec ch vol vols ed eds pp cf vs v viz
            h.m h.m.s u.s.s e.g i.e al approx ca resp sect tab ref refs def thm lem cor prop ex conc dept temp univ
            """
        ),
        before_number=words("no nos p art item nr"),
        maybe_final=words(
            """
            etc inc ltd co corp jr sr u.s u.k u.n e.u a.m p.m b.c a.d ph.d m.d b.sc m.sc jan feb mar apr jun jul
            aug sep sept oct nov dec mt ave min max
            """
        ),
        openers=words(
            """
            the a an it he she they we i you this that these those in on at by for from as if when while after
            before however but and so then there here one some many most its his her their our what why how who
            where
            """
        ),
    ),
    reading=_READING,
    statements=_STATEMENTS,
    key_terms=NounPhrases(
        function=_FUNCTION,
        numbers=NumberRules(
            # Behind a name stands a number that is a part of it: Apollo 11.
            label=Pattern(rf"(?:{_LABEL_WORDS}|(?<!^)(?<![.!?“\"] )\b(?!{MONTH}\b)[A-Z][A-Za-z]*|[\[(（])$"),
            labels=Pattern(r"\s?(?:UTC|GMT|hours? \(|hrs?\b|[ap]\.?m\b)"),
            before_year=Pattern(
                r"(?:\b(?:the|in|since|by|until|from|after|before|year|around|between|during|late|early|mid|spring|summer"
                r"|autumn|winter)|\b(?:January|February|March"
                r"|April|May|June|July|August|September|October|November|December)(?: \d{1,2},)?"
                r"|[(;][^()]{1,80}[^\W\d]\.?,)$",
                re.IGNORECASE,
            ),
        ),
        determiners=_DETERMINERS,
        verb_cues=_VERB_CUES,
        general=_GENERAL,
        is_verb=is_verb,
        verb_endings=("ed", "ing", "s"),
        noun_endings=_NOUN_ENDINGS,
        modifier_endings=_MODIFIER_ENDINGS,
        other_endings=("ly", "'s", "’s"),
        singular=singular,
        is_plural=lambda word: word.endswith("s") and not word.endswith((*_NO_PLURALS, "ics")),
    ),
    readability=rules.Readability(_grade, easy=8.0, hard=12.0),
    cloze=_CLOZE,
    grading=_GRADING,
    answering=_ANSWERING,
    stems=_STEMS,
    writing=_WRITING,
    outline=_OUTLINE,
    naming=_NAMING,
    values=rules.ValueRules(in_notation),
)
