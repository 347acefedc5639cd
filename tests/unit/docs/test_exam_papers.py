"""What teachers make in Word and PowerPoint, by hand and with the programs' own tools: the text is what they see."""

from __future__ import annotations

from pathlib import Path

import docx
from docx.document import Document
from docx.enum.text import WD_UNDERLINE
from docx.oxml import parse_xml
from docx.shared import Cm
from docx.text.paragraph import Paragraph
from pptx import Presentation
from pptx.util import Inches

from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import DOCX, PPTX
from services.docs.values.parsed_document import BlockKind, ParsedDocument, ReadingWarning, WarningReason
from tests.unit.docs.office_files import SPACES, text_of, word


def read(document: Document, tmp_path: Path) -> ParsedDocument:
    document.save(str(tmp_path / "paper.docx"))
    return parse(tmp_path / "paper.docx", DOCX)


def lines(parsed: ParsedDocument) -> list[str]:
    return [line for line in parsed.text.split("\n") if line]


def numbered(document: Document, *forms: tuple[str, str]) -> int:
    """Add a list of levels, each the form and the text of its numbers, and return its id."""
    root = document.part.numbering_part.element
    number = 900 + len(root)
    levels = "".join(
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{text}"/></w:lvl>'
        for depth, (form, text) in enumerate(forms)
    )
    root.insert(0, parse_xml(f'<w:abstractNum {SPACES} w:abstractNumId="{number}">{levels}</w:abstractNum>'))
    root.append(parse_xml(f'<w:num {SPACES} w:numId="{number}"><w:abstractNumId w:val="{number}"/></w:num>'))
    return number


def listed(paragraph: Paragraph, number: int, depth: int = 0) -> Paragraph:
    properties = f'<w:numPr {SPACES}><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>'
    paragraph._p.get_or_add_pPr().append(parse_xml(properties))
    return paragraph


def test_choices_in_a_table_below_numbered_questions(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("七年级数学测试", 0)
    questions = numbered(document, ("decimal", "%1."))
    for stem, options in (("3+5=？", ("7", "8", "9", "10")), ("最小的质数是", ("0", "1", "2", "3"))):
        listed(document.add_paragraph(stem), questions)
        table = document.add_table(2, 2)
        letters = numbered(document, ("upperLetter", "%1."))
        for cell, option in zip((cell for row in table.rows for cell in row.cells), options, strict=True):
            cell.text = option
            listed(cell.paragraphs[0], letters)
    assert lines(read(document, tmp_path)) == [
        "七年级数学测试", "1. 3+5=？", "A. 7 | B. 8", "C. 9 | D. 10", "2. 最小的质数是", "A. 0 | B. 1", "C. 2 | D. 3",
    ]  # fmt: skip


def test_choices_at_tab_stops_and_after_line_breaks(tmp_path: Path) -> None:
    document = docx.Document()
    for text in ("(A) iron\t(B) gold\t(C) neon\t(D) zinc", "A．氧气\tB．氮气\nC．氢气\tD．氦气"):
        paragraph = document.add_paragraph(text)
        for at in (4, 8, 12):
            paragraph.paragraph_format.tab_stops.add_tab_stop(Cm(at))
    assert lines(read(document, tmp_path)) == [
        "(A) iron (B) gold (C) neon (D) zinc", "A．氧气 B．氮气", "C．氢气 D．氦气",
    ]  # fmt: skip


def test_answers_in_endnotes_stand_with_their_questions(tmp_path: Path) -> None:
    def question(number: int, text: str) -> str:
        reference = f'<w:r><w:endnoteReference w:id="{number}"/></w:r>'
        return f"<w:p><w:r><w:t>{number}. {text}</w:t></w:r>{reference}</w:p>"

    def note(number: int, text: str) -> str:
        mark = '<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:endnoteRef/></w:r>'
        return f'<w:endnote w:id="{number}"><w:p>{mark}<w:r><w:t>{text}</w:t></w:r></w:p></w:endnote>'

    body = question(1, "Which planet is the largest?") + question(2, "Which is the nearest to the sun?")
    parsed = word(tmp_path, body, endnotes=note(1, "Jupiter") + note(2, "Mercury"))
    assert [(block.kind.value, text_of(parsed, block)) for block in parsed.blocks] == [
        ("PARAGRAPH", "1. Which planet is the largest?"),
        ("NOTE", "Jupiter"),
        ("PARAGRAPH", "2. Which is the nearest to the sun?"),
        ("NOTE", "Mercury"),
    ]


def test_gaps_to_fill_in(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("1. 光合作用的产物是____和______。")
    gap = document.add_paragraph("2. 水在标准大气压下的沸点是")
    gap.add_run("          ").underline = True
    gap.add_run("℃，冰点是")
    gap.add_run("\t").underline = WD_UNDERLINE.SINGLE
    gap.add_run("℃。")
    document.add_paragraph("3. 下列说法正确的是（　　　）")
    solved = document.add_paragraph("4. The gas is ")
    for part in ("   ", "oxygen", "   "):
        solved.add_run(part).underline = True
    document.add_paragraph().add_run("                              ").underline = True
    assert lines(read(document, tmp_path)) == [
        "1. 光合作用的产物是____和______。",
        "2. 水在标准大气压下的沸点是____℃，冰点是____℃。",
        "3. 下列说法正确的是（ ）",
        "4. The gas is oxygen",
    ]


def ruby(base: str, reading: str) -> str:
    over = f"<w:rt><w:r><w:t>{reading}</w:t></w:r></w:rt>"
    return f"<w:r><w:ruby><w:rubyPr/>{over}<w:rubyBase><w:r><w:t>{base}</w:t></w:r></w:rubyBase></w:ruby></w:r>"


def field(instruction: str) -> str:
    begin, end = ('<w:r><w:fldChar w:fldCharType="' + kind + '"/></w:r>' for kind in ("begin", "end"))
    return f'{begin}<w:r><w:instrText xml:space="preserve">{instruction}</w:instrText></w:r>{end}'


def test_pinyin_over_words_and_what_is_to_be_written_by_it(tmp_path: Path) -> None:
    words = ruby("小", "xiǎo") + ruby("草", "cǎo") + field(r" EQ \* jc2 \* hps10 \o\ad(\s\up 9(lǜ),绿)")
    body = f"<w:p>{words}<w:r><w:t>了。</w:t></w:r></w:p>"
    body += "<w:p><w:r><w:t>看拼音写词语：chūn tiān（　　）</w:t></w:r></w:p>"
    assert lines(word(tmp_path, body)) == ["小草绿了。", "看拼音写词语：chūn tiān（ ）"]


def m(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def test_formulas_of_chemistry(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("写出 ")
    for text, place in (("Fe", ""), ("3+", "super"), ("、SO", ""), ("4", "sub"), ("2−", "super"), (" 和 CuSO", ""),
                        ("4", "sub"), ("·5H", ""), ("2", "sub"), ("O", "")):  # fmt: skip
        run = paragraph.add_run(text)
        if place:
            setattr(run.font, f"{place}script", True)
    arrow = f'<m:groupChr><m:groupChrPr><m:chr m:val="→"/></m:groupChrPr><m:e>{m("点燃")}</m:e></m:groupChr>'
    gas = f"<m:sSub><m:e>{m('O')}</m:e><m:sub>{m('2')}</m:sub></m:sSub>"
    equation = f"<m:oMath {SPACES}>{m('2Mg+')}{gas}{arrow}{m('2MgO')}</m:oMath>"
    document.add_paragraph("方程式：")._p.append(parse_xml(equation))
    equals = f"<m:limUpp><m:e>{m('=')}</m:e><m:lim>{m('∆')}</m:lim></m:limUpp>"
    document.add_paragraph()._p.append(parse_xml(f"<m:oMath {SPACES}>{m('CaC')}{equals}{m('CaO↑')}</m:oMath>"))
    assert lines(read(document, tmp_path)) == [
        "写出 Fe³⁺、SO₄²⁻ 和 CuSO₄·5H₂O", "方程式：2Mg+O_2 →^(点燃) 2MgO", "CaC =^∆ CaO↑",
    ]  # fmt: skip


def test_quantities_of_physics(tmp_path: Path) -> None:
    body = (
        "<w:p><w:r><w:t>g = 9.8 m/s</w:t></w:r><w:r><w:rPr><w:vertAlign w:val='superscript'/></w:rPr><w:t>2</w:t></w:r>"
        "<w:r><w:t>，ρ = 1.0×10</w:t></w:r><w:r><w:rPr><w:vertAlign w:val='superscript'/></w:rPr><w:t>3</w:t></w:r>"
        "<w:r><w:t> kg·m</w:t></w:r><w:r><w:rPr><w:vertAlign w:val='superscript'/></w:rPr><w:t>−3</w:t></w:r></w:p>"
        "<w:p><w:r><w:t>R = 5 </w:t></w:r><w:r><w:sym w:font='Symbol' w:char='F057'/></w:r>"
        "<w:r><w:t>，t = 20 ℃，</w:t></w:r>"
        "<w:r><w:rPr><w:rFonts w:ascii='Symbol'/></w:rPr><w:t>l</w:t></w:r><w:r><w:t> = 500 nm</w:t></w:r></w:p>"
        "<w:p><w:r><w:t>0.</w:t></w:r>" + field(r"EQ \o(3,\s\up6(·))") + "<w:r><w:t> = </w:t></w:r>"
        + field(r"EQ \f(1,3)") + "<w:r><w:t>，</w:t></w:r>" + field(r"EQ \x\to(AB)") + "</w:p>"
    )  # fmt: skip
    assert lines(word(tmp_path, body)) == [
        "g = 9.8 m/s²，ρ = 1.0×10³ kg·m⁻³", "R = 5 Ω，t = 20 ℃，λ = 500 nm", "0.3̇ = 1/3，(AB)̅",
    ]  # fmt: skip


def test_a_passage_with_numbers_of_its_lines(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("Reading", 1)
    table = document.add_table(1, 2)
    table.cell(0, 0).text = "5"
    table.cell(0, 1).text = "The old man went to the harbor every morning."
    document.add_paragraph("He looked at the boats, one after the other.")
    document.sections[0]._sectPr.append(parse_xml(f'<w:lnNumType {SPACES} w:countBy="5"/>'))
    document.add_paragraph("1. Where did he go (line 5)?")
    assert lines(read(document, tmp_path)) == [
        "Reading", "5 | The old man went to the harbor every morning.",
        "He looked at the boats, one after the other.", "1. Where did he go (line 5)?",
    ]  # fmt: skip


def test_matching_true_or_false_and_a_passage_in_a_frame(tmp_path: Path) -> None:
    document = docx.Document()
    frame = document.add_table(1, 1)
    frame.cell(0, 0).text = "Bats sleep by day."
    frame.cell(0, 0).add_paragraph("They hunt at night.")
    table = document.add_table(2, 2)
    for cell, text in zip(
        (cell for row in table.rows for cell in row.cells), ("bat", "(B) flies", "cod", "(A) swims"), strict=True
    ):
        cell.text = text
    judged = document.add_paragraph("Bats are birds.  ")
    judged._p.append(parse_xml(f'<w:r {SPACES}><w:sym w:font="Wingdings" w:char="F0A8"/></w:r>'))
    judged.add_run(" true  ")
    judged._p.append(parse_xml(f'<w:r {SPACES}><w:sym w:font="Wingdings" w:char="F0FE"/></w:r>'))
    judged.add_run(" false")
    parsed = read(document, tmp_path)
    assert lines(parsed) == [
        "Bats sleep by day.", "They hunt at night.", "bat | (B) flies", "cod | (A) swims",
        "Bats are birds. □ true ☑ false",
    ]  # fmt: skip
    assert parsed.blocks[0].kind is BlockKind.PARAGRAPH


def test_a_lesson_on_slides_with_a_hidden_answer(tmp_path: Path) -> None:
    show = Presentation()
    first = show.slides.add_slide(show.slide_layouts[1])
    first.shapes.title.text = "Photosynthesis"
    first.placeholders[1].text = "Leaves take in light.\nRoots take in water."
    first.notes_slide.notes_text_frame.text = "Ask: where does the oxygen go?"
    second = show.slides.add_slide(show.slide_layouts[5])
    second.shapes.title.text = "Quiz"
    table = second.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for at, text in enumerate(("Gas taken in", "A. CO", "Gas given off", "B. O")):
        run = table.cell(at // 2, at % 2).text_frame.paragraphs[0].add_run()
        run.text = text
        if at % 2:
            index = table.cell(at // 2, 1).text_frame.paragraphs[0].add_run()
            index.text = "2"
            index.font._element.set("baseline", "-25000")
    third = show.slides.add_slide(show.slide_layouts[5])
    third.shapes.title.text = "Answers: A, B"
    third._element.set("show", "0")
    show.save(str(tmp_path / "lesson.pptx"))
    parsed = parse(tmp_path / "lesson.pptx", PPTX)
    assert lines(parsed) == [
        "Photosynthesis", "Leaves take in light.", "Roots take in water.", "Ask: where does the oxygen go?",
        "Quiz", "Gas taken in | A. CO₂", "Gas given off | B. O₂", "Answers: A, B",
    ]  # fmt: skip
    assert parsed.warnings == (ReadingWarning(WarningReason.HIDDEN_SLIDES, (3,)),)
    assert [parsed.page_at(parsed.text.index(word)) for word in ("Roots", "Quiz", "Answers")] == [1, 2, 3]
