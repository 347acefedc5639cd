"""The part of Cypher that a caller may run: it is read, and written anew for one owner (ADR 0049).

Nothing of a caller's text reaches an engine. The parser reads a small grammar of clauses that only read, and writes a
statement of its own: variables get new names, strings and numbers become parameters, labels, types and functions are
on a list, and every node pattern demands the owner. What the grammar does not know is refused, so a clause, an
escape or a function that a newer engine brings is refused as well.

As an edge ties nodes of one owner alone, a path that starts at an owner's node stays with this owner.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from services.kit.errors import FieldViolation, InvalidArgument
from services.retrieval.domain.graph.cypher_tokens import Token, refuse, tokenize
from services.retrieval.values.graph import MOST_COLLECTED, Statement

LABELS = ("Entity", "Sentence", "Chunk", "Relation", "Alias", "Decision")
TYPES = ("MENTIONS", "FROM", "TO", "FIRST", "SECOND")
OWNER_PROPERTY = "owner_id"
_ANCHORS = frozenset({"id", "key", "chunk_id", "document_id"})
"""Properties of which a value picks few nodes."""
_FUNCTIONS = {
    name.lower(): name
    for name in (
        *("count", "collect", "sum", "avg", "min", "max"),
        *("size", "length", "nodes", "relationships", "labels", "type", "keys", "startNode", "endNode"),
        *("coalesce", "head", "last", "tail", "reverse", "toLower", "toUpper", "trim", "left", "right", "substring"),
        *("split", "toString", "toInteger", "toFloat", "abs", "ceil", "floor", "round", "sign", "sqrt"),
    )
}
_LIST_PREDICATES = frozenset({"ALL", "ANY", "NONE", "SINGLE"})
_CLAUSES = frozenset({"MATCH", "OPTIONAL", "WHERE", "WITH", "UNWIND", "RETURN", "ORDER", "SKIP", "LIMIT", "UNION"})
_MOST_HOPS = 4
"""Edges of one path of variable length."""
_MOST_HOPS_ALTOGETHER = 10
_MOST_NODES = 16
_MOST_CLAUSES = 16
_MOST_UNWINDS = 2
_MOST_NESTING = 30
_MOST_TERMS = 100
_MOST_GROWTH = 64
"""How often a stored value, or one that was given, may be repeated in one that is made of it."""
_MOST_REPEATED = 128
"""How often they may be repeated in all values of a row."""
_COLLECTED = 16
"""How often a collected list counts: it may be long."""
_MOST_SEARCHED = 4096
"""Given values among which the elements of a list may be looked for: the engine looks at no clock meanwhile."""
_MOST_ROWS = 10_000
_MOST_PARAMETERS = 64
_LARGEST_PARAMETERS = 16_384
"""Characters and items of all parameters."""


def rewrite(text: str, parameters: Mapping[str, Any]) -> Statement:
    """Return a statement for one owner that does what a caller's Cypher says.

    Raises:
        InvalidArgument: it writes, or is not of the part of Cypher that is read; the message names the rule.
    """
    _check_size(parameters)
    return _Writer(text, parameters).statement()


def _check_size(parameters: Mapping[str, Any]) -> None:
    if len(parameters) > _MOST_PARAMETERS or _size(parameters) > _LARGEST_PARAMETERS:
        rule = f"at most {_MOST_PARAMETERS}, of {_LARGEST_PARAMETERS} characters and items altogether."
        raise InvalidArgument(f"parameters: {rule}", violations=[FieldViolation("parameters", rule)])


def _size(value: Any) -> int:
    match value:
        case str():
            return len(value)
        case Mapping():
            return 1 + sum(len(key) + _size(item) for key, item in value.items())
        case list() | tuple():
            return 1 + sum(map(_size, value))
    return 1


def _whole(value: Any) -> Any:
    """Return a parameter's value as Cypher has it: JSON knows no integers, Cypher tells them apart."""
    match value:
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case Mapping():
            return {key: _whole(item) for key, item in value.items()}
        case list() | tuple():
            return [_whole(item) for item in value]
    return value


def _number(text: str) -> int | float:
    """Return a literal's value, as far as 64 bits hold it."""
    # Python refuses to read thousands of digits.
    value = int(text) if text.isdecimal() and len(text) < 20 else float(text)
    if not (math.isfinite(value) and (isinstance(value, float) != text.isdecimal()) and abs(value) < 2**63):
        raise refuse("a number is too large.")
    return value


class _Reader:
    """Tokens in their order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._at = 0

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    def ahead(self, count: int) -> Token:
        return self._tokens[min(self._at + count, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def accept(self, *words: str) -> str:
        """Take the next token if it says one of these, and return which; empty if it does not."""
        if not self.next.says(*words):
            return ""
        token = self.take()
        return token.text if token.kind == "sign" else token.text.upper()

    def expect(self, *words: str) -> str:
        return self.accept(*words) or self.fail(f"{' or '.join(words)} is expected")

    def name(self, what: str) -> str:
        token = self.take()
        if token.kind != "word":
            self._at -= 1
            self.fail(f"{what} is expected")
        return token.text

    def source(self, start: int) -> str:
        """Return the caller's text from token `start` to the last one that was taken."""
        return self._text[self._tokens[start].start : self._tokens[self._at - 1].end]

    def position(self) -> int:
        return self._at

    def closing(self) -> int:
        """Return how many tokens ahead the bracket closes that the next token opens."""
        depth = 0
        for ahead in range(len(self._tokens) - self._at):
            token = self.ahead(ahead)
            depth += token.says("(") - token.says(")")
            if depth == 0:
                return ahead
        raise refuse("a bracket does not close.")

    def fail(self, rule: str) -> NoReturn:
        token = self.next
        where = "at its end" if token.kind == "end" else f"at character {token.start}, {token.text[:40]!r}"
        raise refuse(f"{rule} {where}.")


class _Writer(_Reader):
    """Reads a statement, clause by clause, and writes its own."""

    def __init__(self, text: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(text)
        self._given = parameters
        self._parameters: dict[str, Any] = {}
        self._variables: dict[str, str] = {}
        self._columns: dict[str, str] = {}
        self._bound: set[str] = set()
        self._matched = False
        self._used = 0
        self._growth = 1
        self._weights: dict[str, int] = {}
        self._times = 0
        self._element = ""
        self._alone = ""
        self._seen: set[str] = set()
        self._searched = 1
        self._nesting = 0
        self._counts: dict[str, int] = {}
        self._shown: list[str] = []
        """The columns of the last clause that names some, as the caller wrote them."""

    def statement(self) -> Statement:
        branches = [self._branch()]
        columns = tuple(self._shown)
        while self.accept("UNION"):
            branches.append(f"UNION{' ALL' if self.accept('ALL') else ''} {self._branch()}")
        self.accept(";")
        if self.next.kind != "end":
            self._refuse_clause()
        names = {new: old for old, new in (*self._variables.items(), *self._columns.items())}
        return Statement(" ".join(branches), self._parameters, names, columns)

    # Clauses.

    def _branch(self) -> str:
        self._bound, self._matched = set(), False
        clauses: list[str] = []
        while True:
            self._count("clauses", _MOST_CLAUSES)
            match self.accept("MATCH", "OPTIONAL", "WITH", "UNWIND", "RETURN"):
                case "MATCH":
                    clauses.append(f"MATCH {self._match()}")
                case "OPTIONAL":
                    self.expect("MATCH")
                    clauses.append(f"OPTIONAL MATCH {self._match()}")
                case "WITH":
                    clauses.append(f"WITH {self._projection(named=True)}{self._where()}")
                case "UNWIND":
                    clauses.append(self._unwind())
                case "RETURN":
                    return " ".join([*clauses, f"RETURN {self._projection(named=False)}"])
                case _:
                    self._refuse_clause()

    def _refuse_clause(self) -> None:
        if self.next.says(";"):
            self.fail("one statement is run, and another follows")
        self.fail("a clause is expected that reads (MATCH, WITH, UNWIND, RETURN, UNION), and a RETURN at the end")

    def _match(self) -> str:
        patterns = [self._path()]
        while self.accept(","):
            patterns.append(self._path())
        return f"{', '.join(patterns)}{self._where()}"

    def _where(self) -> str:
        return f" WHERE {self._expression()}" if self.accept("WHERE") else ""

    def _unwind(self) -> str:
        self._count("UNWIND", _MOST_UNWINDS)
        value = self._grown([self._measured()])[0]
        self.expect("AS")
        name = self.name("a name")
        self._bound.add(name)
        return f"UNWIND {value} AS {self._variable(name)}"

    def _projection(self, *, named: bool) -> str:
        distinct = "DISTINCT " if self.accept("DISTINCT") else ""
        items: list[tuple[str, int]] = []
        bound: set[str] = set()
        self._shown = []
        everything = bool(self.accept("*"))
        if everything:
            items.append(("*", 1))
            self._shown += (name for name in self._variables if name in self._bound)
        while (not items) or self.accept(","):
            items.append(self._item(named, bound))
        self._bound = bound | (self._bound if everything else set())
        if self._growth * sum(used for _, used in items) > _MOST_REPEATED:
            self.fail("a row has too many values")
        text = f"{distinct}{', '.join(self._grown(items))}"
        if self.accept("ORDER"):
            self.expect("BY")
            text += f" ORDER BY {self._sort_keys()}"
        for word in ("SKIP", "LIMIT"):
            if self.accept(word):
                text += f" {word} {self._row_count()}"
        return text

    def _item(self, named: bool, bound: set[str]) -> tuple[str, int]:
        start = self.position()
        value, used = self._measured()
        source = self.source(start)
        if self.accept("AS"):
            alias = self.name("a name")
        elif source in self._variables:
            alias = source
        elif named:
            return self.fail("AS and a name are expected"), 0  # fail() raises
        else:
            self._shown.append(source)
            return f"{value} AS {self._columns.setdefault(source, f'c{len(self._columns)}')}", used
        bound.add(alias)
        self._shown.append(alias)
        return f"{value} AS {self._variable(alias)}", used

    def _sort_keys(self) -> str:
        keys: list[str] = []
        while (not keys) or self.accept(","):
            value = self._expression()
            direction = self.accept("DESC", "DESCENDING", "ASC", "ASCENDING")
            keys.append(f"{value}{' DESC' if direction.startswith('DESC') else ''}")
        return ", ".join(keys)

    def _row_count(self) -> int:
        token = self.next
        value: Any = None
        if token.kind == "number":
            value = _number(token.text)
        if token.kind == "parameter":
            value = _whole(self._given.get(token.text))
        if type(value) is not int or not 0 <= value <= _MOST_ROWS:
            self.fail(f"a whole number up to {_MOST_ROWS} is expected")
        self.take()
        return int(value)

    # Patterns.

    def _path(self) -> str:
        """Read a path that matches; one that nothing ties to what is matched already must name what it looks for."""
        name = ""
        if self.next.kind == "word" and self.ahead(1).says("="):
            word = self.name("a name")
            self._bound.add(word)
            name = f"{self._variable(word)} = "
            self.expect("=")
        if shortest := self.accept("SHORTESTPATH", "ALLSHORTESTPATHS"):
            self.expect("(")
            path = self._tied()
            self.expect(")")
            return f"{name}{'shortestPath' if shortest == 'SHORTESTPATH' else 'allShortestPaths'}({path})"
        return f"{name}{self._tied()}"

    def _tied(self) -> str:
        before, free = set(self._bound), not self._matched
        anchors: list[bool] = []
        path = self._chain(anchors, before)
        if not (free or any(anchors)):
            self.fail(
                "a pattern has to share a variable with those before it, or name a node by one of "
                f"{', '.join(sorted(_ANCHORS))} in braces,"
            )
        self._matched = True
        return path

    def _chain(self, anchors: list[bool], before: set[str]) -> str:
        parts = [self._node(anchors, before)]
        while self.next.says("-", "<"):
            parts += (self._edge(), self._node(anchors, before))
        return "".join(parts)

    def _node(self, anchors: list[bool], before: set[str]) -> str:
        self._count("nodes in patterns", _MOST_NODES)
        self.expect("(")
        name = self._optional_name()
        if name:
            anchors.append(name in before)
            self._bound.add(name)
        labels = self._listed(LABELS, "label") if self.accept(":") else ""
        keys: dict[str, str] = {}
        if self.next.says("{"):
            keys = self._pairs()
            anchors.append(not _ANCHORS.isdisjoint(keys))
        self.expect(")")
        keys[OWNER_PROPERTY] = "$owner"
        return f"({self._variable(name) if name else ''}{labels} {_map(keys)})"

    def _edge(self) -> str:
        left = "<" if self.accept("<") else ""
        self.expect("-")
        inner = ""
        longest = 1
        if self.accept("["):
            name = self._optional_name()
            if name:
                self._bound.add(name)
            inner = f"{self._variable(name) if name else ''}{self._listed(TYPES, 'type') if self.accept(':') else ''}"
            if self.accept("*"):
                least, longest = self._length()
                inner += f"*{least}..{longest}"
            if self.next.says("{"):
                inner += f" {_map(self._pairs())}"
            self.expect("]")
        self.expect("-")
        right = ">" if self.accept(">") else ""
        if left and right:
            self.fail("an edge leads one way or any way")
        self._count("edges in patterns", _MOST_HOPS_ALTOGETHER, longest)
        return f"{left}-[{inner}]-{right}"

    def _length(self) -> tuple[int, int]:
        least = self._hops()
        if not self.accept(".."):
            longest = least
        else:
            least, longest = least if least is not None else 1, self._hops()
        if longest is None or least is None or longest > _MOST_HOPS or least > longest:
            self.fail(f"a path needs a length of at most {_MOST_HOPS}, such as *1..{_MOST_HOPS},")
        return least, longest

    def _hops(self) -> int | None:
        if self.next.kind != "number":
            return None
        text = self.take().text
        return int(text) if text.isdecimal() and len(text) < 4 else 999

    def _optional_name(self) -> str:
        return self.name("a name") if self.next.kind == "word" else ""

    def _listed(self, allowed: Sequence[str], what: str, signs: str = "|:") -> str:
        """Read labels or types, which one of `signs` parts."""
        text = ""
        sign = ":"
        while sign:
            name = self.name(f"a {what}")
            if name not in allowed:
                self._at -= 1
                self.fail(f"a {what} is one of {', '.join(allowed)},")
            text += f"{sign}{name}"
            sign = self.accept(*signs)
        return text

    def _pairs(self) -> dict[str, str]:
        """Read a map in braces."""
        self.expect("{")
        self._used += self._times
        pairs: dict[str, str] = {}
        while not self.accept("}"):
            if pairs:
                self.expect(",")
            key = self._key()
            self.expect(":")
            pairs[key] = self._expression()
        return pairs

    def _key(self) -> str:
        key = self.name("the name of a property")
        if not key.isascii() or key.lower() == OWNER_PROPERTY or len(key) > 64:
            self._at -= 1
            self.fail("a property's name has ASCII letters, and the owner is none to be asked for,")
        return key

    # Expressions.

    def _measured(self) -> tuple[str, int]:
        """Read an expression; return it, and how often it may repeat what it is made of.

        A variable and a parameter count once, an element of a list as often as its list: the elements of one list are
        as large together as the list. Literals are no larger than the statement, so they count only where they are
        repeated for each element. A truth value counts once, whatever it is made of.
        """
        before = self._used
        text = self._expression()
        return text, self._used - before

    def _check_growth(self, before: int) -> None:
        if self._growth * (self._used - before) > _MOST_GROWTH:
            self.fail("values are put together too often")

    def _grown(self, items: Sequence[tuple[str, int]]) -> list[str]:
        """Return the items of a clause; refuse those whose values could double from clause to clause."""
        self._growth *= max(1, *(used for _, used in items))
        if self._growth > _MOST_GROWTH:
            self.fail("values are put together too often")
        return [text for text, _ in items]

    def _expression(self, level: int = 0) -> str:
        self._nesting += level == 0
        if self._nesting > _MOST_NESTING:
            self.fail(f"brackets are nested deeper than {_MOST_NESTING}")
        text = self._infix(level)
        self._nesting -= level == 0
        return text

    def _infix(self, level: int) -> str:
        if level == len(_OPERATORS):
            return self._comparison()
        return self._chain_of((_OPERATORS[level],), lambda: self._infix(level + 1))

    def _chain_of(self, operators: Sequence[str], term: Callable[[], str]) -> str:
        """Read terms between operators; a planner takes long for many, which it nests."""
        text = term()
        terms = 1
        while operator := self.accept(*operators):
            terms += 1
            if terms > _MOST_TERMS:
                self.fail(f"more than {_MOST_TERMS} terms are put together")
            text = f"({text} {operator} {term()})"
        return text

    def _comparison(self) -> str:
        negations = 0
        while self.accept("NOT"):
            negations += 1
        before = self._used
        text = self._sum()
        self._check_growth(before)
        if self.next.says("=~"):
            self.fail("regular expressions are not run: use CONTAINS, STARTS WITH or ENDS WITH")
        if operator := self.accept("=", "<>", "<", "<=", ">", ">=", "IN", "CONTAINS", "STARTS", "ENDS", "IS"):
            between = self._used
            text = f"({text} {self._right_side(operator)})"
            self._check_growth(between)
            self._used = before + max(1, self._times)
        return f"(NOT {text})" if negations % 2 else text

    def _right_side(self, operator: str) -> str:
        if operator == "IS":
            no = " NOT" if self.accept("NOT") else ""
            self.expect("NULL")
            return f"IS{no} NULL"
        if operator in ("STARTS", "ENDS"):
            self.expect("WITH")
            operator += " WITH"
        searched = self._searched
        text = f"{operator} {self._searched_list(self._sum) if operator == 'IN' else self._sum()}"
        self._searched = searched
        if self.next.says("=", "<>", "<", "<=", ">", ">="):
            self.fail("comparisons are joined by AND")
        return text

    def _sum(self) -> str:
        return self._chain_of(("+", "-"), self._product)

    def _product(self) -> str:
        return self._chain_of(("*", "/", "%", "^"), self._sign)

    def _sign(self) -> str:
        minus = False
        while sign := self.accept("-", "+"):
            minus ^= sign == "-"
        text = self._postfix()
        return f"(-{text})" if minus else text

    def _postfix(self) -> str:
        text = self._atom()
        while sign := self.accept(".", "[", ":"):
            match sign:
                case ".":
                    text = f"{text}.{self._key()}"
                case ":":
                    text = f"({text}:{self._listed(LABELS, 'label', ':')[1:]})"
                case _:
                    text = f"{text}[{self._subscript()}]"
        return text

    def _subscript(self) -> str:
        start = "" if self.next.says("..") else self._expression()
        if self.accept(".."):
            end = "" if self.next.says("]") else self._expression()
            start = f"{start or 0}..{end}"
        self.expect("]")
        return start

    def _atom(self) -> str:
        token = self.next
        match token.kind:
            case "number" | "string" | "parameter":
                return self._value(self.take())
            case "word":
                return self._word()
        if token.says("("):
            return self._bracket()
        if token.says("["):
            return self._list()
        if token.says("{"):
            return _map(self._pairs())
        return str(self.fail("a value is expected"))

    def _value(self, token: Token) -> str:
        match token.kind:
            case "number":
                value: Any = _number(token.text)
            case "string":
                value = token.text
            case _:
                if token.text not in self._given:
                    raise refuse(f"the parameter ${token.text} has no value.")
                value = _whole(self._given[token.text])
        if token.kind == "parameter":
            self._use(f"${token.text}", 1)
        else:
            self._used += self._times * max(1, _size(value))
        name = f"p{len(self._parameters)}"
        self._parameters[name] = value
        return f"${name}"

    def _word(self) -> str:
        if word := self.accept("TRUE", "FALSE", "NULL"):
            self._used += self._times
            return word.lower()
        if self.accept("CASE"):
            return self._case()
        if self.ahead(1).says("{") and (word := self.accept("EXISTS", "COUNT")):
            return self._subquery(word)
        if self.ahead(1).says("("):
            return self._call()
        if self.next.says(*_CLAUSES):
            self.fail("a value is expected")
        name = self.name("a name")
        if name not in self._variables:
            self._at -= 1
            self.fail("nothing has the name")
        self._use(name, self._weights.get(name, 1))
        return self._variable(name)

    def _use(self, name: str, weight: int) -> None:
        if self._alone not in ("", name):
            self._at -= 1
            self.fail(f"what a list is made of may hold {self._alone} alone")
        self._used += weight
        self._seen.add(name)

    def _case(self) -> str:
        text = "CASE"
        if not self.next.says("WHEN"):
            text += f" {self._expression()}"
        while self.accept("WHEN"):
            text += f" WHEN {self._expression()}"
            self.expect("THEN")
            text += f" THEN {self._expression()}"
        if self.accept("ELSE"):
            text += f" ELSE {self._expression()}"
        self.expect("END")
        return f"{text} END"

    def _call(self) -> str:
        if word := self.accept(*_LIST_PREDICATES):
            return f"{word.lower()}({self._predicate()})"
        name = self.name("a function")
        if name.lower() not in _FUNCTIONS or not name.isascii():
            self._at -= 1
            self.fail(f"the function is none of {', '.join(sorted(_FUNCTIONS.values()))}")
        self.expect("(")
        if name.lower() == "count" and self.accept("*"):
            self.expect(")")
            return "count(*)"
        before = self._used
        distinct = "DISTINCT " if self.accept("DISTINCT") else ""
        arguments: list[str] = []
        while not self.accept(")"):
            if arguments:
                self.expect(",")
            arguments.append(self._expression())
        values = f"({distinct}{', '.join(arguments)})"
        if name.lower() == "collect":
            self._used = before + _COLLECTED * max(1, self._used - before)
            # More is an error, a division by zero.
            return f"(CASE WHEN count{values} > {MOST_COLLECTED} THEN [1 / 0] ELSE collect{values} END)"
        return f"{_FUNCTIONS[name.lower()]}{values}"

    def _predicate(self) -> str:
        """Read `(x IN list WHERE …)`, which is true or false."""
        before = self._used
        self.expect("(")
        with self._walk() as text:
            self.expect("WHERE")
            text = f"{text} WHERE {self._condition()}"
        self.expect(")")
        self._used = before + max(1, self._times)
        return text

    @contextmanager
    def _walk(self) -> Generator[str]:
        """Read `x IN list` and give it; within the block x is known, and weighs as much as its list."""
        name = self.name("a name")
        self.expect("IN")
        before = self._used
        outer = self._element, self._searched, self._weights.get(name, 1)
        values = self._searched_list(self._expression)
        weight, self._used = max(1, self._used - before), before
        self._element, self._weights[name] = name, weight
        yield f"{self._variable(name)} IN {values}"
        self._element, self._searched, self._weights[name] = outer

    def _searched_list(self, read: Callable[[], str]) -> str:
        """Read a list that is gone through; one that is for each element of another has to be small."""
        seen, self._seen, start = self._seen, set(), self._at
        text = read()
        if self._element:
            given = {name for name in self._seen if name.startswith("$")}
            if self._seen - given - {self._element}:
                self.fail(f"a list that is searched for each {self._element} may hold it and given values alone")
            self._searched *= self._at - start + sum(_size(self._given[name[1:]]) for name in given)
            self._count(
                "values that are searched for each element of a list",
                _MOST_SEARCHED,
                self._searched * self._weights[self._element],
            )
        self._seen |= seen
        return text

    def _condition(self) -> str:
        """Read what chooses elements of a list; nothing of it is kept."""
        before, alone, self._alone = self._used, self._alone, ""
        text = self._expression()
        self._used, self._alone = before, alone
        return text

    def _subquery(self, word: str) -> str:
        self.expect("{")
        self._used += self._times
        self.accept("MATCH")
        text = self._path()
        text = f"{word} {{ MATCH {text}{self._where()} }}"
        self.expect("}")
        return text

    def _bracket(self) -> str:
        """Read what stands in round brackets: a pattern that has to exist, or an expression."""
        end = self.closing()
        after = [self.ahead(end + n).text if self.ahead(end + n).kind == "sign" else "" for n in (1, 2, 3)]
        if after[0] == "<":
            after.pop(0)
        if after[0] == "-" and after[1] in ("-", "["):
            self._used += self._times
            return f"EXISTS {{ MATCH {self._tied()} }}"
        self.expect("(")
        text = self._expression()
        self.expect(")")
        return f"({text})"

    def _list(self) -> str:
        self.expect("[")
        if self.next.kind == "word" and self.ahead(1).says("IN"):
            return self._comprehension()
        self._used += self._times
        items: list[str] = []
        while not self.accept("]"):
            if items:
                self.expect(",")
            items.append(self._expression())
        return f"[{', '.join(items)}]"

    def _comprehension(self) -> str:
        """Read `[x IN list WHERE … | …]`; what it makes of x may hold x alone, or a list could grow by its square."""
        before = self._used
        name = self.next.text
        with self._walk() as text:
            made = self._weights[name]
            if self.accept("WHERE"):
                text += f" WHERE {self._condition()}"
            if self.accept("|"):
                alone, times = self._alone, self._times
                self._alone, self._times = name, made
                text += f" | {self._expression()}"
                self._alone, self._times, made = alone, times, self._used - before
        self._used = before + made
        self.expect("]")
        return f"[{text}]"

    def _variable(self, name: str) -> str:
        return self._variables.setdefault(name, f"v{len(self._variables)}")

    def _count(self, what: str, most: int, more: int = 1) -> None:
        self._counts[what] = self._counts.get(what, 0) + more
        if self._counts[what] > most:
            raise refuse(f"it has more than {most} {what}.")


_OPERATORS = ("OR", "XOR", "AND")


def _map(pairs: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{key}: {value}' for key, value in pairs.items())}}}"
