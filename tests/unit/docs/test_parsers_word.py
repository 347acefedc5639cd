"""Word: what of its many ways to write something is read, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from services.docs.adapters.parsers.formulas import eq_field_text, math_text, mathml_text
from services.docs.adapters.parsers.symbols import in_font, symbol
from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import DOCX
from services.docs.values.parsed_document import BlockKind
from services.language.numerals import write_number
from tests.unit.docs.office_files import SPACES, paragraph, run, text_of, word, write


def xml(content: str) -> Any:
    return etree.fromstring(f"<m:oMath {SPACES}>{content}</m:oMath>")


def m(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def e(text: str, name: str = "e") -> str:
    return f"<m:{name}>{text if text.startswith('<') else m(text)}</m:{name}>"


def group(sign: str, text: str, place: str = "") -> str:
    at = f'<m:pos m:val="{place}"/>' if place else ""
    return f'<m:groupChr><m:groupChrPr><m:chr m:val="{sign}"/>{at}</m:groupChrPr>{e(text)}</m:groupChr>'


def within(before: str, after: str, content: str) -> str:
    brackets = f'<m:dPr><m:begChr m:val="{before}"/><m:endChr m:val="{after}"/></m:dPr>'
    return f"<m:d>{brackets}{e(content)}</m:d>"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"<m:d>{e('a+b')}</m:d>", "(a+b)"),
        (f'<m:d><m:dPr><m:begChr m:val="["/><m:endChr m:val=""/></m:dPr>{e("x")}</m:d>', "[x"),
        (f'<m:d><m:dPr><m:sepChr m:val=","/></m:dPr>{e("a")}{e("b")}</m:d>', "(a,b)"),
        (f"<m:sSup><m:e><m:d>{e('a-b')}</m:d></m:e>{e('n+1', 'sup')}</m:sSup>", "(a-b)^(n+1)"),
        (f"<m:sSup><m:e><m:f>{e('a', 'num')}{e('b', 'den')}</m:f></m:e>{e('n', 'sup')}</m:sSup>", "(a/b)^n"),
        (f"<m:sSub><m:e><m:rad>{e('', 'deg')}{e('x')}</m:rad></m:e>{e('1', 'sub')}</m:sSub>", "(√x)_1"),
        (f"<m:sSup>{e('m/s')}{e('2', 'sup')}</m:sSup>", "m/s^2"),
        (f"<m:rad>{e('', 'deg')}{e('x+1')}</m:rad>", "√(x+1)"),
        (f"<m:rad>{e('3', 'deg')}{e('8')}</m:rad>", "∛8"),
        (f"<m:rad>{e('n', 'deg')}{e('8')}</m:rad>", "√[n]8"),
        (
            f'<m:nary><m:naryPr><m:chr m:val="∏"/></m:naryPr>{e("k=1", "sub")}{e("n", "sup")}{e("k")}</m:nary>',
            "∏_(k=1)^n k",
        ),
        (f"<m:nary>{e('0', 'sub')}{e('1', 'sup')}{e('f(x)dx')}</m:nary>", "∫_0^1 f(x)dx"),
        (f"<m:m><m:mr>{e('1')}{e('0')}</m:mr><m:mr>{e('0')}{e('1')}</m:mr></m:m>", "[1, 0; 0, 1]"),
        (within("|", "|", f"<m:m><m:mr>{e('a')}{e('b')}</m:mr><m:mr>{e('c')}{e('d')}</m:mr></m:m>"), "|a, b; c, d|"),
        (f'<m:acc><m:accPr><m:chr m:val="⃗"/></m:accPr>{e("v")}</m:acc>', "v⃗"),
        (f"<m:acc>{e('p')}</m:acc>", "p̂"),
        (f'<m:bar><m:barPr><m:pos m:val="top"/></m:barPr>{e("AB")}</m:bar>', "(AB)̅"),
        (
            f"<m:func><m:fName><m:limLow>{e('lim')}{e('x→0', 'lim')}</m:limLow></m:fName>{e('x')}</m:func>",
            "lim_(x→0) x",
        ),
        (f"<m:func>{e('sin', 'fName')}{e('θ')}</m:func>", "sin θ"),
        (f"<m:sPre>{e('6', 'sub')}{e('12', 'sup')}{e('C')}</m:sPre>", "_6^(12) C"),
        (within("{", "", f"<m:eqArr>{e('x&amp;=1')}{e('y&amp;=2')}</m:eqArr>"), "{x=1; y=2"),
        (f"<m:borderBox>{e('E')}</m:borderBox>", "E"),
        (f"<m:box>{e('a')}</m:box>", "a"),
        (f"{m('2')}<m:f>{e('1', 'num')}{e('2', 'den')}</m:f>{m('x')}", "2 1/2 x"),
        (f"<m:f>{e('1', 'num')}{e('2x', 'den')}</m:f>", "1/(2x)"),
        (f"<m:sSup>{e('x')}{e('k', 'sup')}</m:sSup>{m('a')}", "x^k a"),
        (m("𝑥=𝛼"), "x=α"),
        (f"{m('A')}{group('→', 'heat')}{m('B')}", "A →^(heat) B"),
        (f"{m('A')}<m:box><m:e>{group('⇌', 'Pt', 'top')}</m:e></m:box>{m('B')}", "A ⇌_(Pt) B"),
        (
            f"{m('2KClO')}<m:limLow><m:e>{group('→', '加热')}</m:e>{e('MnO', 'lim')}</m:limLow>{m('KCl')}",
            "2KClO →^(加热)_(MnO) KCl",
        ),
        (f"{m('S+O')}<m:limUpp>{e('=')}{e('点燃', 'lim')}</m:limUpp>{m('SO')}", "S+O =^(点燃) SO"),
        (f"<m:limLow><m:e>{group('⏟', 'a+…+a')}</m:e>{e('n', 'lim')}</m:limLow>", "(a+…+a)⏟_n"),
        (f"<m:limUpp><m:e>{group('⏞', 'x+y', 'top')}</m:e>{e('k', 'lim')}</m:limUpp>", "(x+y)⏞^k"),
        (f"<m:groupChr>{e('a+b')}</m:groupChr>", "(a+b)⏟"),
        (f'<m:phant><m:phantPr><m:show m:val="0"/></m:phantPr>{e("x")}</m:phant>{m("y")}', "y"),
    ],
)
def test_office_math_keeps_its_meaning_on_one_line(content: str, expected: str) -> None:
    assert math_text(xml(content)) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<mfrac><mi>a</mi><mn>2</mn></mfrac>", "a/2"),
        ("<msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt>", "√(x+1)"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", "∛x"),
        ("<munderover><mo>∑</mo><mi>i</mi><mi>n</mi></munderover><mi>i</mi>", "∑_i^n i".replace(" ", "")),
        ("<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd></mtr></mtable>", "1, 0"),
        ("<semantics><mi>y</mi><annotation>ANNOTATION</annotation></semantics>", "y"),
        ("<mfrac><mi>alone</mi></mfrac>", "alone"),
    ],
)
def test_mathml(content: str, expected: str) -> None:
    root = etree.fromstring(f'<math xmlns="http://www.w3.org/1998/Math/MathML">{content}</math>')
    assert mathml_text(root) == expected


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        (r" EQ \f(1,2) ", "1/2"),
        (r"EQ \f(a+b;c)", "(a+b)/c"),
        (r"EQ \r(5)", "√5"),
        (r"eq \r(3,x)", "∛x"),
        (r"EQ x\s\up5(2)", "x^2"),
        (r"EQ \s\up5(2)\s\do5(1)", "^2_1"),
        (r"EQ \i\su(1,n,k)", "∑_1^n k"),
        (r"EQ \i(0,1,x)", "∫_0^1 x"),
        (r"EQ \b\lc\{(\a\al(x=1,y=2))", "{x=1; y=2"),
        (r"EQ \a\co2(1,0,0,1)", "1, 0; 0, 1"),
        (r'EQ \* jc2 \* "Font:SimSun" \* hps10 \o\ad(\s\up 9(tiān),天)', "天"),
        (r"EQ \x(7)", "7"),
        (r"EQ \x\to(AB)", "(AB)̅"),
        (r"EQ \x \bo(x)", "x̲"),
        (r"EQ \x\le\ri(-3)", "|-3|"),
        (r"EQ \x\le(a,b)", "|a, b"),
        (r"EQ \x\to\bo\le\ri(y)", "y"),
        (r"EQ 0.\o(3,\s\up6(·))", "0.3̇"),
        (r"EQ \o(\s\up5(→),AB)", "(AB)⃗"),
        (r"EQ \o\ac(○,12)", "⑫"),
        (r"eq \o\ac(○,甲)", "甲"),
        (r"EQ KClO\s\do3(3) \o(=====,\s\up7(△)) KCl", "KClO_3 =====^△ KCl"),
        (r"EQ a\o(\s\up7(点燃),\s\do2(══))b", "a ══^(点燃) b"),
        (r"EQ a\o(\s\up7(MnO2),\s\do0(——→),\s\do7(△))b", "a ——→^(MnO2)_△ b"),
        (r"EQ a\o(⇌,\s\do7(Pt))b", "a ⇌_(Pt) b"),
        (r"EQ SO\o\al(\s\up7(2-),\s\do3(4))", "SO_4^(2-)"),
        (r"EQ SO\o\al(2-,4)", "SO_4^(2-)"),
        (r"EQ SO\o\al(²⁻,₄)", "SO₄²⁻"),
        (r"EQ \o(\s\up5(→),\s\do2(a))", "a⃗"),
        (r"EQ \o(x,\s\up5(－))=3", "x̅=3"),
        (r"EQ \f(\f(1,2),3)", "(1/2)/3"),
        (r"EQ \f(1", "1/"),
        ("EQ " + r"\f(" * 200, ""),
    ],
)
def test_equation_fields(instruction: str, expected: str) -> None:
    assert expected in eq_field_text(instruction)


@pytest.mark.parametrize(
    ("number", "form", "expected"),
    [
        (4, "upperLetter", "D"),
        (28, "lowerLetter", "bb"),
        (1994, "upperRoman", "MCMXCIV"),
        (9, "lowerRoman", "ix"),
        (12, "chineseCounting", "十二"),
        (105, "chineseCountingThousand", "一百零五"),
        (20, "chineseCountingThousand", "二十"),
        (3, "ideographTraditional", "丙"),
        (12, "ideographZodiac", "亥"),
        (10, "decimalEnclosedCircle", "⑩"),
        (21, "decimalEnclosedCircle", "㉑"),
        (3, "chineseLegalSimplified", "叁"),
        (7, "decimalZero", "07"),
        (22, "ordinal", "22nd"),
        (21, "ordinalText", "Twenty-first"),
        (5, "none", ""),
        (5, "a format of the future", "5"),
        (0, "upperRoman", "0"),
    ],
)
def test_numbers_in_every_form(number: int, form: str, expected: str) -> None:
    assert write_number(number, form) == expected


def level(depth: int, form: str, text: str, more: str = "") -> str:
    rules = f'<w:start w:val="1"/><w:numFmt w:val="{form}"/>{more}<w:lvlText w:val="{text}"/>'
    return f'<w:lvl w:ilvl="{depth}">{rules}</w:lvl>'


def numbering(*levels: str, overrides: str = "", number_id: int = 1) -> str:
    return (
        f'<w:abstractNum w:abstractNumId="{number_id}">{"".join(levels)}</w:abstractNum>'
        f'<w:num w:numId="{number_id}"><w:abstractNumId w:val="{number_id}"/>{overrides}</w:num>'
    )


def item(text: str, depth: int = 0, number_id: int = 1) -> str:
    return paragraph(text, f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number_id}"/></w:numPr>')


def test_levels_restart_below_their_own_and_name_those_above(tmp_path: Path) -> None:
    rules = numbering(
        level(0, "chineseCounting", "第%1节"),
        level(1, "decimal", "%1.%2", "<w:isLgl/>"),
        level(2, "lowerLetter", "(%3)"),
    )
    body = item("a") + item("b", 1) + item("c", 2) + item("d", 2) + item("e", 1) + item("f") + item("g", 1)
    assert word(tmp_path, body, numbering=rules).text.split("\n") == [
        "第一节 a", "1.1 b", "(a) c", "(b) d", "1.2 e", "第二节 f", "2.1 g",
    ]  # fmt: skip


def test_lists_of_one_definition_count_on_unless_they_start_again(tmp_path: Path) -> None:
    rules = numbering(level(0, "upperLetter", "%1、"))
    rules += '<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>'
    again = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>'
    rules += f'<w:num w:numId="3"><w:abstractNumId w:val="1"/>{again}</w:num>'
    body = item("a") + item("b", number_id=2) + item("c", number_id=3) + item("d", number_id=3)
    assert word(tmp_path, body, numbering=rules).text.split("\n") == ["A、a", "B、b", "A、c", "B、d"]


def test_a_level_may_go_on_in_spite_of_those_above(tmp_path: Path) -> None:
    rules = numbering(level(0, "decimal", "%1."), level(1, "lowerRoman", "%2)", '<w:lvlRestart w:val="0"/>'))
    body = item("a") + item("b", 1) + item("c") + item("d", 1)
    assert word(tmp_path, body, numbering=rules).text.split("\n") == ["1. a", "i) b", "2. c", "ii) d"]


def test_headings_are_numbered_by_their_styles(tmp_path: Path) -> None:
    rules = numbering(
        level(0, "decimal", "第%1章", '<w:pStyle w:val="H1"/>'), level(1, "decimal", "%1.%2", '<w:pStyle w:val="H2"/>')
    )
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="H{n}"><w:name w:val="heading {n}"/><w:pPr><w:numPr>'
        '<w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
        for n in (1, 2)
    )
    body = "".join(paragraph(text, f'<w:pStyle w:val="H{n}"/>') for text, n in (("水", 1), ("冰", 2), ("汽", 2)))
    parsed = word(tmp_path, body, numbering=rules, styles=styles)
    assert [text_of(parsed, block) for block in parsed.blocks] == ["第1章 水", "1.1 冰", "1.2 汽"]
    assert {block.kind for block in parsed.blocks} == {BlockKind.HEADING}


def test_a_heading_may_have_its_list_from_the_style_that_it_is_based_on(tmp_path: Path) -> None:
    rules = numbering(
        level(0, "decimal", "%1", '<w:pStyle w:val="H1"/>'), level(1, "decimal", "%1.%2", '<w:pStyle w:val="H2"/>')
    )
    listed = '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>'
    styles = f'<w:style w:styleId="H1"><w:name w:val="heading 1"/>{listed}</w:style>'
    styles += '<w:style w:styleId="H2"><w:name w:val="heading 2"/><w:basedOn w:val="H1"/></w:style>'
    body = paragraph("a", '<w:pStyle w:val="H1"/>') + paragraph("b", '<w:pStyle w:val="H2"/>')
    assert word(tmp_path, body, numbering=rules, styles=styles).text == "1 a\n\n1.1 b"


def test_a_list_takes_its_levels_from_a_style_of_lists(tmp_path: Path) -> None:
    rules = numbering(level(0, "decimalEnclosedCircle", "%1"), number_id=1)
    rules += '<w:abstractNum w:abstractNumId="2"><w:numStyleLink w:val="L"/></w:abstractNum>'
    rules += '<w:num w:numId="2"><w:abstractNumId w:val="2"/></w:num>'
    styles = '<w:style w:styleId="L"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    assert word(tmp_path, item("a", number_id=2), numbering=rules, styles=styles).text == "① a"


@pytest.mark.parametrize(
    ("font", "code", "expected"),
    [
        ("Symbol", 0xF062, "β"),
        ("symbol", 0x62, "β"),
        ("Wingdings", 0xF0FE, "☑"),
        ("Wingdings", 0xE0, "→"),
        ("Wingdings 2", 0xF052, "☑"),
        ("Arial", 0x2192, "→"),
        ("Arial", 0xF062, ""),
    ],
)
def test_symbols_are_those_of_their_font(font: str, code: int, expected: str) -> None:
    assert symbol(font, code) == expected


def test_text_in_a_symbol_font() -> None:
    assert in_font("\uf061\uf0b0", "Symbol") == "α°"
    assert in_font("a", "Symbol") == "α"
    assert in_font("a\uf0b0", "Times") == "a°"


def field(instruction: str, result: str = "") -> str:
    def mark(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    shown = mark("separate") + run(result) if result else ""
    return f"{mark('begin')}<w:r><w:instrText>{instruction}</w:instrText></w:r>{shown}{mark('end')}"


U = '<w:u w:val="single"/>'
BOX = '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox>{}</w:checkBox></w:ffData></w:fldChar></w:r>{}'
END = '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
CHOICE = f'<mc:Choice Requires="x">{run("one")}</mc:Choice>'
HIDING = '<w:style w:type="character" w:styleId="key"><w:rPr><w:vanish/></w:rPr></w:style>'
HIDING += '<w:style w:type="character" w:styleId="sub"><w:basedOn w:val="key"/></w:style>'
HIDING += "".join(
    f'<w:style w:styleId="{name}"><w:rPr>{drawn}</w:rPr></w:style>'
    for name, drawn in {
        "gap": '<w:u w:val="single"/>',
        "up": '<w:vertAlign w:val="superscript"/>',
        "down": '<w:vertAlign w:val="subscript"/>',
    }.items()
)
HIDING += '<w:style w:type="character" w:styleId="wide"><w:basedOn w:val="gap"/></w:style>'


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (run("see ") + field("REF x \\h", "Table 3"), "see Table 3"),
        (run("a ") + field("HYPERLINK &quot;http://x&quot;", "link"), "a link"),
        (field(r"EQ \r(" + "</w:instrText></w:r>" + field("SYMBOL 112 \\f Symbol") + "<w:r><w:instrText>)"), "√π"),
        (field(r"EQ \f(" + "</w:instrText></w:r>" + field(r"EQ \a(1,2)") + "<w:r><w:instrText>,x)"), "(1; 2)/x"),
        (field(r"EQ \b\bc\[(" + "</w:instrText></w:r>" + field("REF n", "7") + "<w:r><w:instrText>)"), "[7]"),
        (field("IF " + "</w:instrText></w:r>" + field("PAGE", "2") + "<w:r><w:instrText> &gt; 1 a b", "next"), "next"),
        (field("MACROBUTTON NoMacro [Your name]"), "[Your name]"),
        (field("MACROBUTTON NoMacro [old]", "shown"), "shown"),
        (field('SYMBOL 0xB0 \\f "Symbol"'), "°"),
        (run("The gas is ") + run("        ", U) + run("."), "The gas is ____."),
        (run("沸点是") + f"<w:r><w:rPr>{U}</w:rPr><w:tab/></w:r>" + run("℃"), "沸点是____℃"),
        (run("答：") + run("　", U) + run("和") + run("   ", U), "答：____和____"),
        (run("   ", U) + run("oxygen", U) + run("   ", U) + run("is"), "oxygen is"),
        (run("read this  ", U) + run("book"), "read this book"),
        (run("a", U) + run(" ", U) + run("b", U), "a b"),
        (run("x") + run(" ", U) + run("y"), "x y"),
        (run("a") + run("    ", '<w:u w:val="none"/>') + run("b"), "a b"),
        (run("a") + f'<w:moveFrom>{run("gone")}</w:moveFrom>' + f'<w:ins>{run("b")}</w:ins>', "ab"),
        (f'<w:fldSimple w:instr="EQ \\f(1,4)">{run("")}</w:fldSimple>', "1/4"),
        (f'<w:fldSimple w:instr="SEQ Figure">{run("2")}</w:fldSimple>', "2"),
        (BOX.format("<w:checked/>", END), "☑"),
        (BOX.format('<w:default w:val="0"/>', END), "☐"),
        (run("shown") + run("hidden", "<w:vanish/>"), "shown"),
        (run("shown", '<w:vanish w:val="0"/>'), "shown"),
        (run("shown") + run("hidden", '<w:rStyle w:val="key"/>'), "shown"),
        (run("shown") + run("hidden", '<w:rStyle w:val="sub"/>'), "shown"),
        (run("shown", '<w:rStyle w:val="key"/><w:vanish w:val="false"/>'), "shown"),
        (run("It is ") + run("      ", '<w:rStyle w:val="gap"/>') + run("."), "It is ____."),
        (run("It is ") + run("      ", '<w:rStyle w:val="wide"/>') + run("."), "It is ____."),
        (run("It is ") + run("      ", '<w:rStyle w:val="gap"/><w:u w:val="none"/>') + run("."), "It is ."),
        (run("x") + run("2", '<w:rStyle w:val="up"/>') + run("H") + run("2", '<w:rStyle w:val="down"/>'), "x²H₂"),
        (run("x") + run("2", '<w:rStyle w:val="up"/><w:vertAlign w:val="baseline"/>'), "x2"),
        ("<w:ruby><w:rt>" + run("reading") + "</w:rt><w:rubyBase>" + run("字") + "</w:rubyBase></w:ruby>", "字"),
        (f"<w:moveFrom>{run('old')}</w:moveFrom><w:moveTo>{run('new')}</w:moveTo>", "new"),
        (f"<w:sdt><w:sdtContent><w:ins>{run('in')}</w:ins></w:sdtContent></w:sdt>", "in"),
        (f"<mc:AlternateContent>{CHOICE}<mc:Fallback>{run('two')}</mc:Fallback></mc:AlternateContent>", "one"),
        (f"<mc:AlternateContent><mc:Fallback>{run('two')}</mc:Fallback></mc:AlternateContent>", "two"),
        ('<w:r><w:commentReference w:id="0"/></w:r>' + run("a"), "a"),
    ],
)  # fmt: skip
def test_what_of_a_paragraph_is_read(content: str, expected: str, tmp_path: Path) -> None:
    assert word(tmp_path, f"<w:p>{content}</w:p>", styles=HIDING).text == expected


@pytest.mark.parametrize("gone", ["del", "moveFrom"])
def test_a_paragraph_whose_end_was_deleted_goes_on_in_the_next(gone: str, tmp_path: Path) -> None:
    mark = f'<w:rPr><w:{gone} w:id="1"/></w:rPr>'
    assert word(tmp_path, paragraph("one ", mark) + paragraph("two")).text == "one two"


def test_a_paragraph_of_underlined_space_is_a_rule_to_write_on(tmp_path: Path) -> None:
    assert word(tmp_path, paragraph("Why?") + f"<w:p>{run('            ', U)}</w:p>").text == "Why?"


def test_notes_follow_the_paragraph_that_refers_to_them(tmp_path: Path) -> None:
    def note(kind: str, number: int, text: str) -> str:
        return f'<w:{kind} w:id="{number}">{paragraph(text)}</w:{kind}>'

    body = f'<w:p>{run("one")}<w:r><w:endnoteReference w:id="2"/><w:footnoteReference w:id="1"/></w:r></w:p>'
    parsed = word(
        tmp_path, body + paragraph("two"), footnotes=note("footnote", 1, "foot"), endnotes=note("endnote", 2, "end")
    )
    assert parsed.text.split("\n\n") == ["one", "end", "foot", "two"]


def cell(text: str, properties: str = "", paragraphs: int = 1) -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(text) * paragraphs}</w:tc>"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [cell("a") + cell("b") + cell("c"), cell("d", '<w:gridSpan w:val="2"/>') + cell("e")],
            "a | b | c\nd |  | e",
        ),
        (
            [cell("a", '<w:vMerge w:val="restart"/>') + cell("b"), cell("", "<w:vMerge/>") + cell("c")],
            "a | b\n | c",
        ),
        (
            [cell("a") + cell("b"), '<w:trPr><w:gridBefore w:val="1"/></w:trPr>' + cell("c")],
            "a | b\n | c",
        ),
        (
            [cell("a") + f"<w:sdt><w:sdtContent>{cell('b')}</w:sdtContent></w:sdt>"],
            "a | b",
        ),
        ([cell("a") + cell("b"), '<w:trPr><w:del w:id="1"/></w:trPr>' + cell("c") + cell("d")], "a | b"),
        ([cell("a") + cell("gone", '<w:cellDel w:id="1"/>') + cell("c")], "a |  | c"),
        ([cell("x", '<w:gridSpan w:val="999999999"/>') + cell("y")], f"x |{'  |' * 62} y"),
    ],
)
def test_cells_stand_in_their_columns(rows: list[str], expected: str, tmp_path: Path) -> None:
    table = "".join(f"<w:tr>{row}</w:tr>" for row in rows)
    assert word(tmp_path, f"<w:tbl>{table}</w:tbl>").text == expected


def test_a_frame_of_one_cell_is_no_table(tmp_path: Path) -> None:
    parsed = word(tmp_path, f"<w:tbl><w:tr>{cell('text', paragraphs=2)}</w:tr></w:tbl>")
    assert [block.kind for block in parsed.blocks] == [BlockKind.PARAGRAPH] * 2


def test_a_long_table_repeats_its_header(tmp_path: Path) -> None:
    head = f"<w:tr>{cell('Symbol') + cell('Name')}</w:tr>"
    rows = "".join(f"<w:tr>{cell(f'S{n}') + cell(f'the element of the number {n}')}</w:tr>" for n in range(80))
    parsed = word(tmp_path, f"<w:tbl>{head}{rows}</w:tbl>")
    assert len(parsed.blocks) > 2
    assert all(text_of(parsed, block).startswith("Symbol | Name\n") for block in parsed.blocks)


@pytest.mark.parametrize(
    "target", ["image NULL", "hyperlink #_top", "footnotes missing.xml", "styles ../../../styles.xml", "x %zz"]
)
def test_relationships_that_lead_nowhere_do_no_harm(target: str, tmp_path: Path) -> None:
    assert word(tmp_path, paragraph("text"), linked={"r9": target}).text == "text"


def test_the_strict_variant_and_a_main_part_of_another_name(tmp_path: Path) -> None:
    content = f"<w:document {SPACES}><w:body>{paragraph('text')}</w:body></w:document>"
    for kind in ("wordprocessingml", "officeDocument", "drawingml"):
        content = content.replace(f"schemas.openxmlformats.org/{kind}/2006", f"purl.oclc.org/ooxml/{kind}")
    assert "purl" in content
    path = write(tmp_path / "a", DOCX, {"Documents/Main.XML": content}, main="documents/main.xml")
    assert parse(path, DOCX).text == "text"
