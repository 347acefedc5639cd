"""What a language is to Tiku: a code, and what must be known of it to read and write study material.

A language is one file that fills in one `Language`, whose parts stand on their own: each room takes the part that it
needs. What a model is asked with is no part: it stands in files (`prompts`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from services.language.key_terms import Category, TermFinder
from services.language.outline import NO_OUTLINE, OutlineRules
from services.language.patterns import NEVER, QUESTION_MARK, Pattern


class Script(StrEnum):
    """How a language is written, by its ISO 15924 code."""

    HAN = "Hani"
    LATIN = "Latn"


@dataclass(frozen=True, slots=True)
class Words:
    """The words that carry no meaning of their own, and what makes two forms one word."""

    function: frozenset[str]
    """Words of grammar, in lower case. Two texts that share them alone have nothing in common."""
    asking: frozenset[str] = frozenset()
    """Words that only ask (`explain`, `kind`): they belong to a question and not to what it is about."""
    counting: frozenset[str] = frozenset()
    """Those function words that count (`two`, `third`): they tell which thing a question is about."""
    fillers: frozenset[str] = frozenset()
    """Those function words that may be dropped or added without a change of what a statement says."""
    stem: Callable[[str], str] = str
    """The stem of a word in lower case."""
    one_spelling: Callable[[str], str] = str
    """A text in which what the language writes in two ways is written in one, such as traditional characters."""


def _as_it_is(text: str) -> tuple[str, ...]:
    return (text,)


@dataclass(frozen=True, slots=True)
class ValueRules:
    """How a language writes values: numbers, units, dates, times."""

    in_notation: Callable[[str], Iterable[str]] = _as_it_is
    """A text with its values in the notation that all languages share, once for each way to read it; likeliest first.

    That is digits, symbols of units, `1/2`, `12.5%`, `3th` for what is third, `10~20`, `2:1`, `>5`, `1949-10-01`,
    `--10-01` without a year, `1949-10`, `1949 CE`, `221 BCE`, `15:30`. Only what stands at a number changes.
    """


@dataclass(frozen=True, slots=True)
class SentenceRules:
    """Where sentences end, beyond what all scripts share: line breaks, `!`, `?`, `…`, and `.` with its exceptions."""

    stops: str = ""
    """Marks that end a sentence wherever they stand."""
    calls: str = ""
    """Marks that do so too, unless a closing quote and `attribution` follow."""
    attribution: Pattern = NEVER
    """What names the speaker behind a quote."""
    points: str = ""
    """Marks that do so too, unless they stand in a number, behind that of a list item, or within a name."""
    name_point: Pattern = NEVER
    """Such a mark within a name, with one character on each side."""
    never_final: frozenset[str] = frozenset()
    """Abbreviations that a name, a number or further words always follow."""
    before_number: frozenset[str] = frozenset()
    """Abbreviations that are numbers' companions: `No. 5`, `p. 12`."""
    maybe_final: frozenset[str] = frozenset()
    """Abbreviations that may close a sentence: they do when one of `openers` follows."""
    openers: frozenset[str] = frozenset()
    """Words that often open a sentence, in lower case."""
    numerals: str = ""
    """Letters that number the items of a list, beside digits."""


@dataclass(frozen=True, slots=True)
class Definition:
    """`term` is what a sentence defines, `meaning` what it says of it."""

    term: str
    meaning: str


@dataclass(frozen=True, slots=True)
class ListRules:
    """How a sentence lists several things."""

    sure: Pattern = NEVER
    """A sentence that surely lists something."""
    likely: Pattern = NEVER
    """A sentence that perhaps does."""
    closed: Pattern = NEVER
    """A list that names all its members, as the group `list`."""
    open: Pattern = NEVER
    """A sentence whose list, if any, leaves more open."""
    between: Pattern = NEVER
    """What stands between two members."""
    separator: str = r"(?!)"
    """The same as an expression for any number of members, to be joined with those of other languages."""
    article: Pattern = NEVER
    """What opens a member and is no part of it."""
    is_member: Callable[[str], bool] = bool
    """Whether a text between two separators is a term."""


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """What a sentence is to a reader who sees nothing else of the material."""

    shortest: int
    longest: int
    """Lengths of a sentence that is asked about, by `Language.length`."""
    opens_badly: Pattern = NEVER
    """A sentence that leans on the one before, or tells its reader to do something."""
    pointer: Pattern = NEVER
    """A word that points at the group `thing`, which must have been named before it in the same sentence."""
    points_elsewhere: Pattern = NEVER
    """A sentence that speaks of a figure, a table or another place of the material."""
    capital: bool = False
    """Whether a whole sentence begins with a capital letter."""
    definition: Callable[[str], Definition | None] = lambda text: None
    """What a sentence defines, if it does."""
    lists: ListRules = ListRules()
    passage_reference: Pattern = NEVER
    """Talk of the material, which a learner does not see."""
    thing_references: tuple[Pattern, ...] = ()
    """Talk of a thing, the group `thing`, that is the material or a part of it, unless the material speaks of one."""
    question_reference: Pattern = NEVER
    """Talk of how a question was made."""
    fewest_characters: int = 20
    """Characters of a sentence that a model is asked about: a shorter one holds too little."""
    task: Pattern = NEVER
    """A sentence that asks its reader for something, or is a caption."""
    task_section: Pattern = NEVER
    """The heading of a section that asks, promises or lists instead of telling."""


@dataclass(frozen=True, slots=True)
class StatementRules:
    """What a statement may lose, and what makes another thing of it."""

    negation: Pattern = NEVER
    qualifiers: Pattern = NEVER
    """What must not be lost when a sentence is told again: `sometimes joins` is not `joins`."""
    open: Pattern = NEVER
    """What leaves room in a sentence: what it does not say may be true as well."""
    roughly: Pattern = NEVER
    """Beside a number: it is approximate."""
    counted: Pattern = NEVER
    """Behind a number and its unit: `thing` is what is counted, as in `6 molecules of water`."""
    bound: Pattern = NEVER
    """At the end of what stands before a number: another one may hold as well."""
    deniable: Pattern = NEVER
    """A verb that the last of `denials` denies where it stands, in a sentence that says one thing."""
    undeniable: Pattern = NEVER
    """What a sentence says whose denial would be odd, or no contradiction: not all, but."""
    subordinate: Pattern = NEVER
    """At the end of what stands before such a verb: it is that of a side remark, whose denial says little."""
    denials: tuple[str, ...] = ()
    """How a word is denied; `{}` stands for the word."""
    opposites: tuple[tuple[str, str], ...] = ()
    """Opposites in pairs. Where words stand apart they are the beginnings of words, otherwise words or characters."""
    articles: frozenset[str] = frozenset()
    definite_article: str = ""
    """The article that belongs to a name."""
    fit_article: Callable[[str, str], str] = lambda before, word: before
    """What stands before a word, with the article at its end in the form that the word asks for."""


@dataclass(frozen=True, slots=True)
class Readability:
    """How demanding a text is."""

    difficulty: Callable[[Sequence[str]], float]
    """Of a text that is given as its sentences."""
    easy: float
    """The difficulty below which a text is for beginners."""
    hard: float
    """The difficulty above which a text is for advanced learners."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a material is about as a whole, as its title says."""

    title: str = ""
    """Empty where nothing names it."""
    kinds: frozenset[str] = frozenset()
    """Nouns by which it may be called, in lower case."""


NO_SUBJECT = Subject()


@dataclass(frozen=True, slots=True)
class ClozeWording:
    """How questions that are made without a model are worded. Names in braces stand for parts of the material."""

    gap_explanation: str
    choose: str
    choose_number: str
    choose_described: str
    choice_explanation: str
    true_explanation: str
    false_explanation: str
    choose_members: str
    members_explanation: str
    member_separator: str
    choose_statements: str
    choose_statements_about: str
    exchange_note: str
    note_separator: str
    statements_explanation: str
    define: str
    describe: str
    answer_explanation: str
    rubric_point: str
    about: str = ""
    """A statement whose subject is told before it; empty where a language does not tell it so."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a material can carry questions of a kind, by the kind's name."""
    quote_name: Callable[[str], str] = str
    """A term as it stands inside `describe`."""


@dataclass(frozen=True, slots=True)
class ClozeRules:
    """Which sentences and terms questions without a model are made from, and how those questions are worded."""

    wording: ClozeWording
    longest_heading: int
    """Length of what counts as a heading when no mark closes it, by `Language.length`."""
    good_length: int
    """Characters of a sentence that reads well."""
    longest_option: int
    """Characters of a sentence that serves as an option."""
    hedge: Pattern = NEVER
    """What a sentence that must not be made false says: it hedges or denies."""
    approximate: Pattern = NEVER
    """At the end of what stands before a number: it is approximate or a bound."""
    pronoun: Pattern = NEVER
    """A word that may speak of another sentence."""
    leans: Callable[[str, Subject], float] = lambda text, subject: 0.0
    """How much a sentence leans on others, from 0; from 1 on it does not say what it speaks of: `The city was …`.

    What calls the material's subject by what it is does not lean, as the subject is told beside the question.
    """
    kinds: Callable[[str, Sequence[str]], frozenset[str]] = lambda title, sentences: frozenset()
    """By which nouns sentences may call what a title names."""
    sort: Callable[[str, Category], str] = lambda term, category: category.value
    """What sort of thing a term names, empty where it does not tell: wrong options are of the right one's sort."""
    before_place: frozenset[str] = frozenset()
    """Words that stand before names of places, in lower case."""
    listed: Pattern = NEVER
    """At the end of what stands before a term: it is one of several, so that another may fit as well."""
    listed_number: Pattern = NEVER
    """The same before a number, where a range is no list."""
    lists_on: Pattern = NEVER
    """At the beginning of what stands behind a term: the same."""
    is_part: Callable[[str, int, int], bool] = lambda text, start, end: False
    """Whether a term that stands at [start, end) of a sentence is only a part of a longer one."""
    bounds: tuple[tuple[Pattern, int], ...] = ()
    """What stands behind a number that is not above another: no month is the 14th."""
    bounds_behind: tuple[tuple[Pattern, int], ...] = ()
    """What stands before such a number: May 32."""
    clings: Pattern = NEVER
    """Matches, in a sentence cut behind a term's first character, where what stands before belongs to the term."""

    def most_between(self, before: str, after: str) -> float:
        """Return the greatest number that may stand between two texts."""
        bounds = [most for pattern, most in self.bounds if pattern.match(after)]
        bounds += [most for pattern, most in self.bounds_behind if pattern.search(before)]
        return min(bounds, default=math.inf)


@dataclass(frozen=True, slots=True)
class Demand:
    """What questions ask for: how they ask, and the words without which a sentence does not give it."""

    asks: Pattern = NEVER
    gives: Pattern = NEVER


@dataclass(frozen=True, slots=True)
class StemRules:
    """What makes a stem a whole question. Lengths are words, or letters where no spaces stand between words."""

    shortest_question: int = 5
    shortest_marked: int = 4
    """The same for a question that has its mark, and so is not cut."""
    shortest_statement: int = 4
    short_question: Pattern = NEVER
    """A question that is short and yet whole."""
    question: Pattern = QUESTION_MARK
    task: Pattern = NEVER
    """What tells a learner to do something."""
    unfinished: Pattern = NEVER
    """A question without its end."""
    offers: str = "(?!)"
    """How a question names an answer, `{answer}`, as one of those among which it asks to choose: `A or B`."""
    asking: Pattern = NEVER
    """Words that only ask and name nothing, where no spaces stand between words."""
    asking_words: frozenset[str] = frozenset()
    """The same where spaces do."""
    cause: Demand = Demand()
    purpose: Demand = Demand()
    effect: Demand = Demand()
    definition: Demand = Demand()
    before_option: Pattern = NEVER
    """What opens an option and changes nothing of what it says."""
    option_reference: Pattern = NEVER
    """An option that speaks of the other options, or that only says that nothing is known."""


@dataclass(frozen=True, slots=True)
class WritingRules:
    """What models write beside, or instead of, what they were asked for."""

    labels: str = "(?!)"
    """Names of fields that are written before a text, as an expression to be joined with other languages'."""
    lead: Pattern = NEVER
    """Openings of sentences that say where something is said."""
    placeholder: Pattern = NEVER
    """A text that stands where one was to be made up."""
    declines: Pattern = NEVER
    """How a text begins in which a model says that it will not do what it was asked."""
    telling_length: int = 15
    """Folded characters from which a piece of an instruction cannot stand in a question by chance."""


@dataclass(frozen=True, slots=True)
class GradingRules:
    """What a learner may write to the grader, and what a learner is told when no grade can be given."""

    no_model: str
    unsound: str
    """No grading of a model held up."""
    failed: str = "{how}"
    """The model failed; `{how}` stands for how."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """How it failed, by the reason; a reason that is missing here is told in the words of its error."""
    to_grader: Pattern = NEVER
    framed: Pattern = NEVER
    """An answer, the group `said`, with words around it that say only that it is one: `the answer is B`."""
    chosen: Pattern = NEVER
    """The letters of options, the group `said`, with words around them."""
    true: frozenset[str] = frozenset()
    """Words, in lower case, that say by themselves that a statement is true."""
    short_true: frozenset[str] = frozenset()
    """Words and letters that say so where one of the other was asked for."""
    false: frozenset[str] = frozenset()
    short_false: frozenset[str] = frozenset()
    between: str = "(?!)"
    """What parts the things of an answer that lists some; joined with that of other languages."""
    in_order: Pattern = NEVER
    """A question that asks for things in an order."""

    def feedback_on(self, reason: str, message: str) -> str:
        """Return what a learner is told when a model failed for a reason, "" where its gradings did not hold up."""
        if reason == "NO_CHAT_PROVIDER":
            return self.no_model
        if not reason:
            return self.unsound
        return self.failed.format(how=self.failures.get(reason, message).rstrip(".。"))


@dataclass(frozen=True, slots=True)
class AnsweringRules:
    """How questions about a material and the answers to them are read; expressions are joined with other languages'."""

    not_in_material: str
    """What the reader is told when the passages do not hold the answer."""
    unsupported: str
    """What the reader is told after an answer that no passage supports."""
    contradicted: str = ""
    """What the reader is told behind a statement that its source contradicts."""
    overview: Pattern = NEVER
    """Words of a question about the material as a whole, where no spaces stand between words."""
    overview_words: str = ""
    """The same where spaces do."""
    definition: Pattern = NEVER
    """A question that asks what a thing is and nothing else of it; its group `named` is what the thing is called."""
    apology: str = "(?!)"
    """What may stand before an abstention, as an expression."""
    abstention: str = "(?!)"
    """How a model says in its own words that the material holds no answer, as an expression."""
    uncited_abstention: str = "(?!)"
    """The same where it does not name the material: an answer that cites something may begin so."""
    deliberation: tuple[str, ...] = ()
    """How a text begins that a model thinks, in lower case."""
    passive: Pattern = NEVER
    """What turns who acts and what is acted on around."""
    passage: str = "(?!)"
    """What a citation mark may call a passage, as an expression."""
    conjunction: str = "(?!)"
    """What may stand between two numbers of a mark, as an expression."""


@dataclass(frozen=True, slots=True)
class NamingRules:
    """How things are named, and how a text says that two names are of one thing.

    Expressions are joined with other languages', because material mixes languages; `kinds` are tried in their order.
    """

    fold: Callable[[str], str] = str
    """A name without what makes no other thing of it: an article, a title, the plural, a way of spelling."""
    proper: Pattern = NEVER
    """A name that its letters or marks show to be one."""
    person: Pattern = NEVER
    """A proper name that is surely a person's."""
    kinds: tuple[tuple[str, Pattern], ...] = ()
    """A kind of thing, and the names that are of it."""
    quantity: str = "(?!)"
    """A unit behind a number, as an expression."""
    date: str = "(?!)"
    """A day, a year or a century, as an expression."""
    lead: str = "(?!)"
    """What introduces another name inside brackets, as an expression."""
    between: str = "(?!)"
    """What stands between two names of one thing outside brackets, as an expression."""
    no_name: str = "(?!)"
    """The beginning of brackets that give no other name: examples, figures, units; an expression."""
    longest_name: int = 12
    """Length of a name, by `Language.length`."""
    clause: Pattern = NEVER
    """What stands in no name, such as a verb."""
    at_end: Callable[[str, int | None], int | None] = lambda text, known: known
    """Where the name begins with which a text ends; `known` is where a shorter one does, if any."""
    at_start: Callable[[str], int] = lambda text: 0
    """Where the name ends with which a text begins."""


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """One language. There is one object of each, so that `is` compares them."""

    code: str
    """BCP 47: `zh`, `en`."""
    script: Script
    words: Words
    sentences: SentenceRules
    reading: ReadingRules
    statements: StatementRules
    key_terms: TermFinder
    readability: Readability
    cloze: ClozeRules
    grading: GradingRules
    answering: AnsweringRules
    stems: StemRules = StemRules()
    writing: WritingRules = WritingRules()
    outline: OutlineRules = NO_OUTLINE
    naming: NamingRules = NamingRules()
    values: ValueRules = ValueRules()
    space_name: str = ""
    """What names of stored vector spaces call it, where that is not its code."""

    @property
    def spaced(self) -> bool:
        """Whether spaces stand between words."""
        return self.script is not Script.HAN

    def length(self, text: str) -> int:
        """Count the words of a text, or its characters where no spaces stand between words."""
        return len(text.split()) if self.spaced else len(text)
