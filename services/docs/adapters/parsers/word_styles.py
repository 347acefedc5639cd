"""Word's styles and automatic numbers, as far as they change what is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from services.docs.adapters.parsers.list_numbers import Level, ListNumbers

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
VAL = f"{W}val"
_DEEPEST = 9
_DRAWN = ("vanish", "u", "vertAlign")
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_SHARED_NUMBERING_LINKS = 20
_LONGEST_CHAIN = 20


def value(parent: Any, path: str, default: str = "") -> str:
    """Return the value of the element at `path`, `default` where there is none."""
    found = None if parent is None else parent.find(path)
    return default if found is None else str(found.get(VAL, default))


def number(text: str, default: int = 0) -> int:
    """Return a whole number, `default` where the text is none."""
    try:
        return int(text)
    except ValueError:
        return default


def is_on(element: Any) -> bool:
    """Return whether an element that switches something on is not written to switch it off."""
    return element.get(VAL, "1") not in {"0", "false", "off"}


class Styles:
    """The styles of a document by their ids."""

    def __init__(self, root: Any) -> None:
        self._styles = {} if root is None else {style.get(f"{W}styleId"): style for style in root.iter(f"{W}style")}
        self._names = {key: value(style, f"{W}name") for key, style in self._styles.items()}
        paths = [f"{W}rPr/{W}{name}" for name in _DRAWN]
        self._draws = any(style.find(path) is not None for style in self._styles.values() for path in paths)
        """Whether any style hides, underlines or raises text."""
        self._chains: dict[str, list[Any]] = {}
        self._drawings: dict[tuple[str, str], dict[str, Any]] = {}

    def chain(self, style_id: str) -> list[Any]:
        """Return a style and those it is based on, nearest first; a circle of styles ends after some turns."""
        if (known := self._chains.get(style_id)) is not None:
            return known
        chain = self._chains[style_id] = []
        while len(chain) < _LONGEST_CHAIN and (style := self._styles.get(style_id)) is not None:
            chain.append(style)
            style_id = value(style, f"{W}basedOn")
        return chain

    def name(self, style_id: str) -> str:
        """Return a style's name, empty where there is no such style."""
        return self._names.get(style_id, "")

    def drawings(self, properties: Any, paragraph_style: str) -> Mapping[str, Any]:
        """Return what the style of a run, else of its paragraph, says of `vanish`, `u` and `vertAlign`."""
        if not self._draws:
            return _NOTHING
        key = "" if properties is None else value(properties, f"{W}rStyle"), paragraph_style
        if key not in self._drawings:
            chain = [style for style_id in key for style in self.chain(style_id)]
            found = {name: next(_drawn(chain, name), None) for name in _DRAWN}
            self._drawings[key] = {name: element for name, element in found.items() if element is not None}
        return self._drawings[key]


def _drawn(chain: list[Any], name: str) -> Iterator[Any]:
    return (element for style in chain if (element := style.find(f"{W}rPr/{W}{name}")) is not None)


class Numbering:
    """Counts list numbers as Word does."""

    def __init__(self, root: Any, styles: Styles) -> None:
        self._lists = ListNumbers()
        self._styled: dict[tuple[str, str], int] = {}
        """From a list and a style to the level that the style has in it."""
        self._of_styles: dict[str, tuple[str, str]] = {}
        if root is not None:
            self._load(root, styles)

    def _load(self, root: Any, styles: Styles) -> None:
        definitions = {found.get(f"{W}abstractNumId"): found for found in root.iter(f"{W}abstractNum")}
        numbers = {found.get(f"{W}numId"): found for found in root.iter(f"{W}num")}
        for list_id, found in numbers.items():
            definition = _definition(found, definitions, numbers, styles)
            if definition is None:
                continue
            self._lists.definitions[list_id] = definition.get(f"{W}abstractNumId")
            levels, starts = self._lists.levels.setdefault(list_id, {}), self._lists.starts.setdefault(list_id, {})
            overrides = found.findall(f"{W}lvlOverride")
            for level in [
                *definition.findall(f"{W}lvl"),
                *(lvl for over in overrides for lvl in over.findall(f"{W}lvl")),
            ]:
                depth = number(level.get(f"{W}ilvl", ""))
                levels[depth] = _level(level)
                if style := value(level, f"{W}pStyle"):
                    self._styled[list_id, style] = depth
            for over in overrides:
                if start := value(over, f"{W}startOverride"):
                    starts[number(over.get(f"{W}ilvl", ""))] = number(start, 1)

    def item(self, holders: Sequence[Any]) -> tuple[int, str] | None:
        """Return depth from 1 and the number's text (`1.2`, empty for a bullet) of a list item; None for other text.

        `holders` of numbering properties are the paragraph, then its styles. Counts on.
        """
        said = [_said(holders[0]), *map(self._said_by_style, holders[1:])]
        list_id = next(filter(None, (list_id for list_id, _ in said)), "0")
        if list_id == "0":
            return None
        depths = [depth for _, depth in said]
        # Of styles, one that a level names has that level, whatever the style itself says.
        linked = (self._styled.get((list_id, holder.get(f"{W}styleId", ""))) for holder in holders[1:])
        by_style = next((level for level in linked if level is not None), None)
        depth = number(next(filter(None, depths), ""))
        level = min(depth if depths[0] or by_style is None else by_style, _DEEPEST - 1)
        return level + 1, self._lists.next(list_id, level)

    def _said_by_style(self, style: Any) -> tuple[str, str]:
        key = style.get(f"{W}styleId", "")
        if key not in self._of_styles:
            self._of_styles[key] = _said(style)
        return self._of_styles[key]


def _said(holder: Any) -> tuple[str, str]:
    """Return the list and the level that a paragraph or a style names, empty where it names none."""
    found = holder.find(f"{W}pPr/{W}numPr")
    return ("", "") if found is None else (value(found, f"{W}numId"), value(found, f"{W}ilvl"))


def _definition(found: Any, definitions: dict[str, Any], numbers: dict[str, Any], styles: Styles) -> Any:
    """Return a list's definition; one that names a style for lists has that of the style's list."""
    for _ in range(_SHARED_NUMBERING_LINKS):
        definition = definitions.get(value(found, f"{W}abstractNumId"))
        link = value(definition, f"{W}numStyleLink")
        if not link:
            return definition
        chain = styles.chain(link)
        found = numbers.get(value(chain[0], f"{W}pPr/{W}numPr/{W}numId")) if chain else None
    return None


def _level(level: Any) -> Level:
    form: Any = next(level.iter(f"{W}numFmt"), None)
    name = "" if form is None else form.get(VAL, "")
    if name == "custom":
        name = "decimalZero" if form.get(f"{W}format", "").startswith("0") else "decimal"
    legal = level.find(f"{W}isLgl")
    restart = value(level, f"{W}lvlRestart")
    return Level(
        form=name or "decimal",
        first=number(value(level, f"{W}start"), 1),
        text=value(level, f"{W}lvlText"),
        legal=legal is not None and is_on(legal),
        restarts_after=-1 if not restart else number(restart) - 1 if number(restart) else -2,
        tight=value(level, f"{W}suff") == "nothing",
    )
