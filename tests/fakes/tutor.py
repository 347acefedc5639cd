"""A scripted provider that does what Tiku asks of a model, from the passages in the prompt and nothing else.

It writes valid questions of every kind, answers with citations, grades short answers, extracts terms, and chats; in
Chinese and in English, token by token. `misbehave` makes its next questions wrong in a chosen way, and everything that
the provider below it records (requests, departures) is there to be looked at.

    async with Tutor() as tutor:
        tutor.misbehave(Fault.BAD_QUOTE)
        ...  # point TIKU_LLM_BASE_URL at tutor.base_url

Its rules are its own and cruder than the product's: an oracle that shared code with what it tests would find both wrong
in the same way.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from tests.fakes.openai_server import Script, ScriptedProvider

MODEL = "tutor"
CONFIRMATION = "key_verification"
CHAT_TOKENS = tuple(f"word{number} " for number in range(1, 13))
"""What it says in a chat without a schema and without passages."""

_WORD = re.compile(r"[A-Za-z][A-Za-z-]{3,}")
_HAN = re.compile(r"[\u3400-\u9fff]")
_HAN_RUN = re.compile(r"[\u3400-\u9fff]{2,}")
_HAN_GLUE = re.compile(r"[的了是在和与由被把从向并而其这有为以及中上下]")
_PASSAGE = re.compile(r"^\[(\d+)\] ", re.MULTILINE)
_FOCUS = re.compile(r"^(?:Ask about this sentence: |请考查这句话：)(.+)$", re.MULTILINE)
_LISTED = re.compile(
    r"([\u3400-\u9fff]{2,4})(?:、|和|与)([\u3400-\u9fff]{2,4})|([A-Za-z-]{3,})(?:, and|, or|,| and| or) (?:the |an? )?"
    r"([A-Za-z-]{3,})"
)
_OPTION = re.compile(r"^([A-Z])\. (.+)$", re.MULTILINE)
_SENTENCE = re.compile(r"[^。！？!?\n]+?(?:[。！？!?]+[”’」』）]*|\.(?=\s|$)|(?=\n|$))")
_LIST_MARK = re.compile(r"^(?:[-*•·]+|\(?\d{1,2}[.)、）])\s*")
_SHORTEST_SENTENCE = 12
_DENIAL = re.compile(r"[不没无非未]|^(?:not|no|never|cannot|without|neither|nor)$", re.IGNORECASE)
_ENOUGH = 0.5
"""Share of a question's terms that a sentence must hold to be its answer."""


_MADE_UP = {
    "zh": "月亮是用一整块绿色的奶酪做成的。",
    "en": "The moon is made of one large piece of green cheese.",
}


class Fault(Enum):
    """How a question goes wrong."""

    BAD_QUOTE = auto()
    """Its quote stands nowhere in the material."""
    EQUAL_OPTIONS = auto()
    """Two of its options are one; other kinds lose their gap, rubric or what was exchanged."""
    INVALID_JSON = auto()
    """It writes no JSON."""
    DUPLICATE = auto()
    """It is the question before, once more."""
    WRONG_KEY = auto()
    """Asked again, it answers something else."""
    HANG = auto()
    """It stops in the middle and says nothing more."""
    SERVER_ERROR = auto()
    """The call fails with status 500."""


class Tutor(ScriptedProvider):
    """The server; an async context manager.

    `pace` is seconds before each token, `latency` seconds before the first byte. `bad_grades` makes its grading
    point at evidence that the learner never wrote.
    """

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(self._script_of, models=(MODEL,), port=port)
        self.pace = 0.0
        self.latency = 0.0
        self.bad_grades = False
        self._faults: deque[Fault] = deque()
        self._last_question: dict[str, Any] | None = None
        self._asked: dict[str, tuple[dict[str, Any], bool]] = {}

    def misbehave(self, *faults: Fault) -> None:
        """The next questions have these faults, one each."""
        self._faults.extend(faults)

    def behave(self) -> None:
        """Forgets faults that no question had yet, and what it asked, and answers at once again."""
        self._faults.clear()
        self._last_question = None
        self.pace = self.latency = 0.0
        self.bad_grades = False

    def _script_of(self, body: Mapping[str, Any]) -> Script:
        system, user = _prompts(body)
        name = body.get("response_format", {}).get("json_schema", {}).get("name")
        if name in _WRITERS:
            return self._question(name, user, body["response_format"]["json_schema"]["schema"]["properties"])
        if name == CONFIRMATION:
            return self._say(json.dumps({"answer": self._confirm(user)}, ensure_ascii=False))
        if name == "short_answer_grade":
            return self._say(json.dumps(_grade(json.loads(user), invent=self.bad_grades), ensure_ascii=False))
        if name == "extraction":
            return self._say(json.dumps(_extract(user), ensure_ascii=False))
        if "NOT_IN_MATERIAL" in system:
            return self._say(_answer(user))
        return Script(tokens=CHAT_TOKENS, pace=self.pace, latency=self.latency)

    def _say(self, text: str, *, hang_at: int | None = None) -> Script:
        return Script(tokens=_tokens(text), pace=self.pace, latency=self.latency, hang_at=hang_at)

    def _confirm(self, user: str) -> Any:
        """The key of the question that it wrote itself, or another where it is to be wrong."""
        asked = user.rpartition("\n\n")[2]
        question, wrong = self._asked[max((stem for stem in self._asked if stem in asked), key=len)]
        options = _OPTION.findall(user)
        if "truth" in question:
            return question["truth"] is not wrong
        if "distractors" in question or "correct" in question:
            right = question.get("correct", [question.get("answer")])
            letters = [letter for letter, text in options if (text in right) is not wrong]
            return letters if "correct" in question else letters[0]
        if "rubric" in question:
            return next(letter for letter, text in options if (text in question["quote"]) is not wrong)
        return "nothing of the kind" if wrong else question["answer"]

    def _question(self, kind: str, user: str, wanted: Mapping[str, Any]) -> Script:
        fault = self._faults.popleft() if self._faults else None
        if fault is Fault.SERVER_ERROR:
            return Script(status=500, latency=self.latency)
        reading = _Reading.of(user)
        question = _WRITERS[kind](reading)
        if "original" in wanted:
            question = {"quote": reading.quote, **_exchange(reading)}
        self._remember(question, wrong=fault is Fault.WRONG_KEY)
        match fault:
            case Fault.BAD_QUOTE:
                question["quote"] = _MADE_UP["zh" if reading.chinese else "en"]
            case Fault.EQUAL_OPTIONS:
                _spoil(question)
            case Fault.DUPLICATE if self._last_question is not None:
                question = self._last_question
            case Fault.INVALID_JSON:
                # A brace that is missing would be put right.
                return self._say(question["stem"])
            case Fault.HANG:
                return self._say(json.dumps(question, ensure_ascii=False), hang_at=5)
        self._last_question = question
        return self._say(json.dumps(question, ensure_ascii=False))

    def _remember(self, question: dict[str, Any], *, wrong: bool) -> None:
        if "original" not in question:
            truth = {"truth": True} if set(question) == {"quote", "stem"} else {}
            self._asked[question["stem"]] = ({**question, **truth}, wrong)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What there is to ask about: a sentence, its terms, and terms of its surroundings that are not in it."""

    quote: str
    terms: tuple[str, ...]
    others: tuple[str, ...]
    chinese: bool

    @classmethod
    def of(cls, prompt: str) -> _Reading:
        material = re.split(r"\n\n(?:Write one|出一道)", prompt.partition("\n")[2], maxsplit=1)[0]
        chinese = prompt.startswith("材料")
        sentences = [sentence for sentence in _sentences(material) if len(sentence) >= _SHORTEST_SENTENCE]
        focus = _FOCUS.search(prompt)
        quote = focus[1] if focus else max(sentences or [material], key=len)
        found = _terms(quote, chinese=chinese)
        others = [term for term in _terms(material, chinese=chinese) if term.lower() not in quote.lower()]
        made_up = ["燃素", "以太", "活力论"] if chinese else ["phlogiston", "aether", "vitalism"]
        return cls(quote, tuple(found), (*others, *made_up), chinese)

    def without(self, term: str, mark: str) -> str:
        return re.sub(re.escape(term), mark, self.quote, flags=re.IGNORECASE)

    def because(self) -> str:
        return f"原因是：{self.quote}" if self.chinese else f"The reason is this: {self.quote}"


def _sentences(text: str) -> list[str]:
    return [sentence for piece in _SENTENCE.findall(text) if (sentence := _LIST_MARK.sub("", piece.strip()))]


def _terms(text: str, *, chinese: bool) -> list[str]:
    """Words that stand for something, longest first, each once."""
    if chinese:
        found = [run[:4] for part in _HAN_GLUE.split(text) for run in _HAN_RUN.findall(part)]
    else:
        found = _WORD.findall(text)
    unique = {term.lower(): term for term in reversed(found)}.values()
    return sorted(unique, key=lambda term: -len(term)) or [text[:4]]


def _single_choice(reading: _Reading) -> dict[str, Any]:
    term = reading.terms[0]
    gapped = reading.without(term, "…")
    stem = f"下面这句话缺少哪个词：{gapped}？" if reading.chinese else f"Which word completes “{gapped}”?"
    return {
        "quote": reading.quote,
        "stem": stem,
        "answer": term,
        "distractors": list(reading.others[:3]),
        "explanation": reading.because(),
    }


def _multiple_choice(reading: _Reading) -> dict[str, Any]:
    listed = _LISTED.search(reading.quote)
    right = [item for item in listed.groups() if item] if listed else list(reading.terms[:2])
    # A stem that names its right words would be no question.
    beginning = reading.quote[: max(6, len(reading.quote) // 2)]
    for term in right:
        beginning = beginning.replace(term, "…")
    stem = (
        f"“{beginning}……”这句话说到了哪些词？（多选）"
        if reading.chinese
        else f"Which of these words belong to the statement that begins with “{beginning}”? Choose all that apply."
    )
    return {
        "quote": reading.quote,
        "stem": stem,
        "correct": right,
        "wrong": list(reading.others[:2]),
        "explanation": reading.because(),
    }


def _true_false(reading: _Reading) -> dict[str, Any]:
    return {"quote": reading.quote, "stem": reading.quote}


def _exchange(reading: _Reading) -> dict[str, str]:
    """A term that the sentence uses once, and one of its surroundings that is surely another thing: it denies nothing
    and begins otherwise, or shares no ideograph."""
    once = [term for term in reading.terms if len(re.findall(_whole(term), reading.quote, re.IGNORECASE)) == 1]
    others = [term for term in reading.others if not _DENIAL.search(term)]
    for old in [term for term in once if not _DENIAL.search(term)]:
        for new in others:
            if not set(old) & set(new) if reading.chinese else old[:5].lower() != new[:5].lower():
                return {"original": old, "changed": new}
    return {"original": reading.terms[0], "changed": reading.others[0]}


def _whole(term: str) -> str:
    return rf"(?<![A-Za-z0-9]){re.escape(term)}(?![A-Za-z0-9])" if term.isascii() else re.escape(term)


def _fill_in_the_blank(reading: _Reading) -> dict[str, Any]:
    term = reading.terms[0]
    # A second gap would need a second answer, and a heading of one word has nothing beside its gap.
    before, _, after = reading.quote.partition(term)
    after = re.sub(re.escape(term), "…", after, flags=re.IGNORECASE)
    gapped = f"{'说法：' if reading.chinese else 'It is said: '}{before}____{after}"
    return {"quote": reading.quote, "stem": gapped, "answer": term, "explanation": reading.because()}


def _short_answer(reading: _Reading) -> dict[str, Any]:
    middle = len(reading.quote) // 2
    while middle < len(reading.quote) - 1 and not reading.chinese and reading.quote[middle] != " ":
        middle += 1
    rubric = [reading.quote[:middle].strip(), reading.quote[middle:].strip(" 。.")]
    beginning = reading.quote[: min(8, middle // 2)].strip()
    stems = [
        f"从“{beginning}”说起，要点是什么？请说明。"
        if reading.chinese
        else f"What should one know about “{term}”, starting from “{beginning}”? Explain briefly."
        for term in reading.terms
    ]
    # What the stem hands to everybody proves nothing: a half that held no more than that could not be graded.
    stem = next((stem for stem in stems if all(_measure(point) - _measure(stem) for point in rubric)), stems[0])
    return {"quote": reading.quote, "stem": stem, "reference": reading.quote, "rubric": rubric}


_WRITERS: Mapping[str, Callable[[_Reading], dict[str, Any]]] = {
    "single_choice": _single_choice,
    "multiple_choice": _multiple_choice,
    "true_false": _true_false,
    "fill_in_the_blank": _fill_in_the_blank,
    "short_answer": _short_answer,
}


def _spoil(question: dict[str, Any]) -> None:
    if "distractors" in question:
        question["distractors"][0] = question["answer"]
    elif "wrong" in question:
        question["wrong"][0] = question["correct"][0]
    elif "rubric" in question:
        question["rubric"] = []
    elif "answer" in question:
        question["answer"] = "nowhere-in-the-quote"
    else:
        question |= {"original": "nowhere-in-the-quote", "changed": "nowhere"}


def _answer(user: str) -> str:
    """The sentence of the passages that says most of what is asked, with its mark; the refusal when none does."""
    passages, _, question = re.split(r"\n\n(Question: |问题：)", user, maxsplit=1)
    asked = _measure(question)
    best, share = "", 0.0
    pieces = _PASSAGE.split(passages)[1:]
    for number, text in zip(pieces[::2], pieces[1::2], strict=True):
        for sentence in _sentences(text):
            said = len(asked & _measure(sentence)) / max(1, len(asked))
            if said > share:
                closing = "。" if _HAN.search(sentence) else "."
                best, share = f"{sentence.rstrip('。.')} [{number}]{closing}", said
    return best if share >= _ENOUGH else "NOT_IN_MATERIAL"


def _extract(user: str) -> dict[str, Any]:
    """Each sentence's two longest terms, and that the first goes with the second."""
    text = user.partition("<<<")[2].partition(">>>")[0].strip()
    found: dict[str, list[dict[str, str]]] = {"entities": [], "relations": []}
    for quote in _sentences(text):
        names = _terms(quote, chinese=not _WORD.search(quote))[:2]
        found["entities"] += ({"name": name, "kind": "term", "quote": quote} for name in names)
        if len(names) == 2:
            found["relations"].append({"subject": names[0], "predicate": "with", "object": names[1], "quote": quote})
    return found


_PLAIN = frozenset(
    [
        "about",
        "above",
        "after",
        "also",
        "because",
        "been",
        "before",
        "being",
        "below",
        "between",
        "both",
        "does",
        "during",
        "each",
        "from",
        "have",
        "into",
        "itself",
        "less",
        "many",
        "more",
        "most",
        "much",
        "only",
        "other",
        "over",
        "some",
        "such",
        "than",
        "that",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "through",
        "under",
        "until",
        "very",
        "what",
        "when",
        "where",
        "which",
        "while",
        "with",
        "within",
        "would",
    ]
)
"""Words that say nothing by themselves."""


def _measure(text: str) -> set[str]:
    words = {word[:5] for word in re.findall(r"[a-z]{4,}", text.lower()) if word not in _PLAIN}
    han = "".join(_HAN.findall(re.sub(r"什么|哪里|哪个|怎样|如何|吗|呢", "", text)))
    return words | {han[index : index + 2] for index in range(len(han) - 1)}


def _grade(task: Mapping[str, Any], *, invent: bool) -> dict[str, Any]:
    """Full points for each rubric point that the answer holds letter for letter, none for the others."""
    results = []
    for point in task["rubric"]:
        said = point["point"] in task["answer"]
        evidence = "what the learner never wrote" if invent else point["point"] if said else ""
        results.append({"evidence": evidence, "points": point["max_points"] if said or invent else 0})
    return {"results": results, "feedback": "已批改。" if _HAN.search(task["question"]) else "Graded."}


def _prompts(body: Mapping[str, Any]) -> tuple[str, str]:
    messages = body["messages"]
    return (messages[0]["content"] if len(messages) > 1 else "", messages[-1]["content"])


def _tokens(text: str) -> Sequence[str]:
    """A text cut as models cut it: words with the space before them, ideographs alone."""
    return re.findall(r"\s*[A-Za-z0-9]+|\s*[^A-Za-z0-9]", text)
