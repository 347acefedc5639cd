"""Make the English demo document: a chapter on photosynthesis, as a PDF.

``python photosynthesis.py OUT.pdf``; needs reportlab and, in the folder that FONTS names, Noto Serif and Noto Sans.
"""

# ruff: noqa: E501 - a paragraph of the chapter is one string

from __future__ import annotations

import itertools
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from reportlab.graphics.shapes import (
    Circle,
    Drawing,
    Ellipse,
    Group,
    Line,
    Polygon,
    PolyLine,
    Rect,
    String,
)
from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    ListFlowable,
    ListItem,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

FONTS: Final = Path(os.environ.get("FONTS", "/usr/share/fonts/truetype/noto"))
GREEN: Final = HexColor("#1F6B3A")
LEAF: Final = HexColor("#8CC63F")
PALE: Final = HexColor("#EEF5EA")
INK: Final = HexColor("#222B26")
GREY: Final = HexColor("#6B746E")
SUN: Final = HexColor("#F2B134")
WATER: Final = HexColor("#3D7EA6")
CLAY: Final = HexColor("#B5522B")
WIDTH: Final = A4[0] - 5 * cm

for name, file in (
    ("Serif", "NotoSerif-Regular"),
    ("Serif-Bold", "NotoSerif-Bold"),
    ("Serif-Italic", "NotoSerif-Italic"),
    ("Sans", "NotoSans-Regular"),
    ("Sans-Bold", "NotoSans-Bold"),
):
    pdfmetrics.registerFont(TTFont(name, str(FONTS / f"{file}.ttf")))
# Noto Serif has no arrow
pdfmetrics.registerFont(TTFont("Arrows", str(FONTS.parent / "dejavu" / "DejaVuSans.ttf")))
pdfmetrics.registerFontFamily("Serif", "Serif", "Serif-Bold", "Serif-Italic", "Serif-Bold")

BODY: Final = ParagraphStyle(
    "body", fontName="Serif", fontSize=10.5, leading=15, textColor=INK, spaceAfter=7, alignment=TA_LEFT
)
HEADING: Final = ParagraphStyle(
    "heading",
    fontName="Sans-Bold",
    fontSize=16,
    leading=21,
    textColor=GREEN,
    spaceBefore=12,
    spaceAfter=7,
    keepWithNext=1,
)
SUBHEADING: Final = ParagraphStyle("subheading", parent=HEADING, fontSize=12, leading=15, spaceBefore=8, spaceAfter=4)
CAPTION: Final = ParagraphStyle(
    "caption", fontName="Sans", fontSize=8.5, leading=12, textColor=GREY, spaceBefore=4, spaceAfter=10
)
CELL: Final = ParagraphStyle("cell", fontName="Sans", fontSize=9, leading=12.5, textColor=INK)
CELL_HEAD: Final = ParagraphStyle("cell head", parent=CELL, fontName="Sans-Bold", textColor=white)
EQUATION: Final = ParagraphStyle("equation", fontName="Serif", fontSize=10.5, leading=17, textColor=INK, alignment=1)


def heading(text: str) -> Paragraph:
    return Paragraph(text, HEADING)


def subheading(text: str) -> Paragraph:
    return Paragraph(text, SUBHEADING)


def text(*paragraphs: str) -> list[Flowable]:
    return [Paragraph(paragraph, BODY) for paragraph in paragraphs]


def bullets(*items: str) -> ListFlowable:
    entries = [ListItem(Paragraph(item, BODY), leftIndent=16, bulletColor=GREEN) for item in items]
    return ListFlowable(entries, bulletType="bullet", bulletFontSize=7, start="●", leftIndent=14, spaceAfter=4)


def numbered(*items: str) -> ListFlowable:
    entries = [ListItem(Paragraph(item, BODY), leftIndent=15, bulletColor=GREEN) for item in items]
    return ListFlowable(
        entries, bulletType="1", bulletFormat="%s.", bulletFontName="Sans-Bold", bulletFontSize=10.5, leftIndent=15
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]) -> Table:
    cells = [[Paragraph(cell, CELL_HEAD) for cell in head], *[[Paragraph(c, CELL) for c in row] for row in rows]]
    style = TableStyle(
        [
            ("BACKGROUND", (0, 0), (-1, 0), GREEN),
            ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, PALE]),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor("#C9D6C6")),
            ("TOPPADDING", (0, 0), (-1, -1), 5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
            ("LEFTPADDING", (0, 0), (-1, -1), 7),
        ]
    )
    return Table(cells, colWidths=[WIDTH * share for share in widths], style=style, repeatRows=1)


def titled_table(
    title: str, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]
) -> list[Flowable]:
    return [KeepTogether([Paragraph(title, CAPTION), table(head, rows, widths)]), Spacer(1, 8)]


def figure(drawing: Drawing, caption: str) -> KeepTogether:
    return KeepTogether([Spacer(1, 4), drawing, Paragraph(caption, CAPTION)])


def box(lines: Sequence[str]) -> Table:
    """A tinted panel."""
    style = TableStyle(
        [
            ("BACKGROUND", (0, 0), (-1, -1), PALE),
            ("LINEBEFORE", (0, 0), (0, -1), 3, LEAF),
            ("LEFTPADDING", (0, 0), (-1, -1), 12),
            ("RIGHTPADDING", (0, 0), (-1, -1), 12),
            ("TOPPADDING", (0, 0), (-1, -1), 8),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 8),
        ]
    )
    return Table(
        [[[Paragraph(line, EQUATION) for line in lines]]], colWidths=[WIDTH], style=style, spaceBefore=4, spaceAfter=10
    )


def label(
    x: float, y: float, words: str, size: float = 8.5, anchor: str = "middle", color: Color = INK, bold: bool = False
) -> String:
    return String(
        x, y, words, fontName="Sans-Bold" if bold else "Sans", fontSize=size, textAnchor=anchor, fillColor=color
    )


def arrow(x1: float, y1: float, x2: float, y2: float, color: Color = GREY, width: float = 1.4) -> Group:
    angle = math.atan2(y2 - y1, x2 - x1)
    tip = 6.0
    left = (x2 - tip * math.cos(angle - 0.45), y2 - tip * math.sin(angle - 0.45))
    right = (x2 - tip * math.cos(angle + 0.45), y2 - tip * math.sin(angle + 0.45))
    end = (x2 - 0.7 * tip * math.cos(angle), y2 - 0.7 * tip * math.sin(angle))
    return Group(
        Line(x1, y1, *end, strokeColor=color, strokeWidth=width),
        Polygon([x2, y2, *left, *right], fillColor=color, strokeColor=color, strokeWidth=0.3),
    )


def chloroplast() -> Drawing:
    d = Drawing(WIDTH, 190)
    cx, cy = WIDTH / 2 - 10, 98
    d.add(Ellipse(cx, cy, 158, 78, fillColor=HexColor("#D6E9C6"), strokeColor=GREEN, strokeWidth=2.2))
    d.add(Ellipse(cx, cy, 150, 70, fillColor=HexColor("#E9F4DF"), strokeColor=GREEN, strokeWidth=1))
    stacks = ((-95, 5), (-45, -12), (10, 6), (65, -9), (108, 8))
    for (x1, y1), (x2, y2) in itertools.pairwise(stacks):
        d.add(Line(cx + x1, cy + y1 - 4, cx + x2, cy + y2 - 4, strokeColor=HexColor("#4E8F3A"), strokeWidth=2))
    for x, y in stacks:
        for level in range(-2, 3):
            disc = Rect(cx + x - 15, cy + y + level * 8 - 4, 30, 6, rx=3, ry=3)
            disc.fillColor, disc.strokeColor, disc.strokeWidth = HexColor("#5DA245"), HexColor("#356B27"), 0.7
            d.add(disc)
    notes = (
        ("outer membrane", 60, 168, cx - 98, cy + 62, "middle"),
        ("inner membrane", 52, 26, cx - 98, cy - 52, "middle"),
        ("granum (stack of thylakoids)", WIDTH - 70, 178, cx + 65, cy + 12, "middle"),
        ("stroma (fluid)", WIDTH - 40, 26, cx + 42, cy - 46, "middle"),
        ("thylakoid", cx, 182, cx + 10, cy + 27, "middle"),
        ("lamella", cx - 20, 6, cx - 18, cy - 8, "middle"),
    )
    for words, x, y, tx, ty, anchor in notes:
        d.add(Line(x, y + (9 if ty > y else -3), tx, ty, strokeColor=GREY, strokeWidth=0.7))
        d.add(Circle(tx, ty, 1.6, fillColor=GREY, strokeColor=GREY))
        d.add(label(x, y, words, anchor=anchor))
    return d


def axes(d: Drawing, x0: float, y0: float, x1: float, y1: float, across: str, up: str) -> None:
    d.add(arrow(x0, y0, x1, y0, INK, 1))
    d.add(arrow(x0, y0, x0, y1, INK, 1))
    d.add(label((x0 + x1) / 2, y0 - 27, across))
    turned = Group(label(0, 0, up))
    turned.shift(x0 - 12, (y0 + y1) / 2)
    turned.rotate(90)
    d.add(turned)


def plot(
    d: Drawing, f: Callable[[float], float], span: tuple[float, float], color: Color, dash: list[int] | None = None
) -> None:
    start, end = span
    across = [start + (end - start) * i / 120 for i in range(121)]
    points = [coordinate for x in across for coordinate in (x, f(x))]
    d.add(PolyLine(points, strokeColor=color, strokeWidth=2, strokeDashArray=dash))


def spectrum() -> Drawing:
    """Shapes drawn after the well-known absorption maxima: a 430 and 662 nm, b 453 and 642 nm."""
    d = Drawing(WIDTH, 168)
    x0, y0, x1, y1 = 42.0, 42.0, WIDTH - 10, 158.0

    def at(nanometres: float) -> float:
        return x0 + (nanometres - 400) / 300 * (x1 - x0 - 20)

    def absorbs(*peaks: tuple[float, float, float]) -> Callable[[float], float]:
        def height(x: float) -> float:
            wavelength = 400 + (x - x0) / (x1 - x0 - 20) * 300
            total = sum(h * math.exp(-(((wavelength - centre) / width) ** 2)) for centre, width, h in peaks)
            return y0 + 3 + 96 * total

        return height

    bands = (
        (400, 450, "#7A5BC7"),
        (450, 495, "#3F76D6"),
        (495, 570, "#49B05A"),
        (570, 590, "#E9D94A"),
        (590, 620, "#F09A3E"),
        (620, 700, "#DB4B3C"),
    )
    for low, high, shade in bands:
        d.add(Rect(at(low), y0 - 9, at(high) - at(low), 8, fillColor=HexColor(shade), strokeColor=None))
    for tick in range(400, 701, 50):
        d.add(label(at(tick), y0 - 19, str(tick), 7.5))
    axes(d, x0, y0, x1, y1, "wavelength of light (nanometres)", "light absorbed")
    span = (at(400), at(700))
    plot(d, absorbs((430, 18, 0.95), (410, 22, 0.3), (662, 13, 0.75), (615, 20, 0.1)), span, GREEN)
    plot(d, absorbs((453, 16, 1.0), (430, 20, 0.25), (642, 13, 0.5), (600, 20, 0.08)), span, WATER)
    plot(d, absorbs((452, 20, 0.62), (480, 17, 0.5), (425, 18, 0.35)), span, CLAY, [4, 2])
    for i, (words, shade) in enumerate((("chlorophyll a", GREEN), ("chlorophyll b", WATER), ("carotenoids", CLAY))):
        d.add(Line(at(545), 146 - i * 15, at(565), 146 - i * 15, strokeColor=shade, strokeWidth=2.4))
        d.add(label(at(570), 143 - i * 15, words, anchor="start"))
    return d


def two_stages() -> Drawing:
    d = Drawing(WIDTH, 190)
    top, bottom = 150.0, 45.0
    left, right, wide = 70.0, WIDTH - 70 - 120, 120.0
    for x, shade, title, where in (
        (left, HexColor("#DCEBF4"), "Light reactions", "in the thylakoids"),
        (right, HexColor("#E6F2DA"), "Calvin cycle", "in the stroma"),
    ):
        d.add(Rect(x, bottom, wide, top - bottom, rx=12, ry=12, fillColor=shade, strokeColor=GREEN, strokeWidth=1.2))
        d.add(label(x + wide / 2, (top + bottom) / 2 + 6, title, 11, bold=True, color=GREEN))
        d.add(label(x + wide / 2, (top + bottom) / 2 - 10, where, 8.5, color=GREY))
    d.add(Circle(26, 158, 15, fillColor=SUN, strokeColor=HexColor("#D99414")))
    for turn in range(10):
        a = turn * math.pi / 5
        d.add(
            Line(
                26 + 18 * math.cos(a),
                158 + 18 * math.sin(a),
                26 + 24 * math.cos(a),
                158 + 24 * math.sin(a),
                strokeColor=SUN,
                strokeWidth=1.6,
            )
        )
    d.add(arrow(44, 146, left + 12, 128, SUN, 2.4))
    d.add(label(26, 124, "light"))
    d.add(arrow(16, 88, left - 3, 88, WATER, 2))
    d.add(label(34, 94, "water"))
    d.add(arrow(left + wide / 2, bottom - 2, left + wide / 2, 16, WATER, 2))
    d.add(label(left + wide / 2, 4, "oxygen (released)"))
    d.add(arrow(left + wide + 4, 122, right - 4, 122, CLAY, 2))
    d.add(label((left + wide + right) / 2, 128, "ATP and NADPH"))
    d.add(arrow(right - 4, 72, left + wide + 4, 72, GREY, 2))
    d.add(label((left + wide + right) / 2, 78, "ADP and NADP+"))
    d.add(arrow(right + wide / 2, 183, right + wide / 2, top + 3, GREY, 2))
    d.add(label(right + wide / 2 + 8, 174, "carbon dioxide", anchor="start"))
    d.add(arrow(right + wide + 3, 96, WIDTH - 8, 96, GREEN, 2))
    d.add(label(WIDTH - 34, 103, "sugar"))
    return d


def limiting_factors() -> Drawing:
    d = Drawing(WIDTH, 190)
    x0, y0, x1, y1 = 42.0, 36.0, WIDTH - 10, 180.0
    axes(d, x0, y0, x1, y1, "light intensity", "rate of photosynthesis")
    curves = (
        (60.0, "0.03 % carbon dioxide, 15 °C", WATER),
        (92.0, "0.1 % carbon dioxide, 15 °C", CLAY),
        (126.0, "0.1 % carbon dioxide, 25 °C", GREEN),
    )
    for height, words, shade in curves:
        plot(d, lambda x, h=height: y0 + h * math.tanh((x - x0) / (0.9 * h + 20)), (x0, x1 - 30), shade)
        d.add(label(x1 - 34, y0 + height + 5, words, 8, anchor="end", color=shade))
    d.add(label(x0 + 92, 52, "light is limiting here", 8, anchor="start", color=GREY))
    d.add(arrow(x0 + 88, 55, x0 + 28, 60, GREY, 0.9))
    return d


def leaf_section() -> Drawing:
    d = Drawing(WIDTH, 176)
    x0, x1 = 30.0, WIDTH - 150
    layers = ((140, 10, "#F4ECC8"), (126, 14, "#E7F0D8"))
    for y, height, shade in layers:
        d.add(Rect(x0, y, x1 - x0, height, fillColor=HexColor(shade), strokeColor=GREEN, strokeWidth=0.8))
    cells = 9
    step = (x1 - x0) / cells
    for i in range(cells):
        d.add(Line(x0 + i * step, 126, x0 + i * step, 140, strokeColor=GREEN, strokeWidth=0.5))
        d.add(
            Rect(
                x0 + i * step + 2,
                80,
                step - 4,
                45,
                rx=6,
                ry=6,
                fillColor=HexColor("#A9D18E"),
                strokeColor=GREEN,
                strokeWidth=0.8,
            )
        )
        for k in range(4):
            d.add(
                Circle(
                    x0 + i * step + step * (0.32 if k % 2 else 0.68), 87 + k * 10, 3, fillColor=GREEN, strokeColor=None
                )
            )
    for i in range(12):
        x, y = x0 + 12 + i * (x1 - x0 - 24) / 11, 62 if i % 2 else 46
        d.add(Ellipse(x, y, 13, 9, fillColor=HexColor("#C5E0B3"), strokeColor=GREEN, strokeWidth=0.8))
        d.add(Circle(x - 4, y, 2.4, fillColor=GREEN, strokeColor=None))
        d.add(Circle(x + 5, y + 2, 2.4, fillColor=GREEN, strokeColor=None))
    stoma = x0 + (x1 - x0) * 0.56
    for a, b in ((x0, stoma - 14), (stoma + 14, x1)):
        d.add(Rect(a, 20, b - a, 13, fillColor=HexColor("#E7F0D8"), strokeColor=GREEN, strokeWidth=0.8))
    for side in (-9, 9):
        d.add(Ellipse(stoma + side, 26, 5.5, 8, fillColor=HexColor("#7FB560"), strokeColor=GREEN, strokeWidth=0.9))
    d.add(arrow(stoma - 1.5, 0, stoma - 1.5, 36, GREY, 1.3))
    d.add(label(stoma - 8, 4, "carbon dioxide in, oxygen out", 8, anchor="end"))
    notes = (
        ("waxy cuticle", 145, 145),
        ("upper epidermis", 131, 132),
        ("palisade cells, rich in chloroplasts", 103, 103),
        ("spongy cells with air spaces", 60, 56),
        ("lower epidermis", 28, 26),
        ("stoma between two guard cells", 8, 22),
    )
    for words, y, target in notes:
        tx = stoma + 15 if words.startswith("stoma") else x1
        d.add(Line(x1 + 10, y + 3, tx, target, strokeColor=GREY, strokeWidth=0.6))
        d.add(label(x1 + 13, y, words, 8, anchor="start"))
    return d


def story() -> list[Flowable]:
    s: list[Flowable] = []
    s += [
        Spacer(1, 4.6 * cm),
        NextPageTemplate("inner"),
        heading("1  What photosynthesis is"),
        *text(
            "Almost every living thing on Earth depends on energy that once arrived as sunlight. <b>Photosynthesis</b> is the process by which plants, algae and some bacteria use light energy to make sugar from carbon dioxide and water. The light energy is stored as chemical energy in the bonds of the sugar, and oxygen is released as a by-product.",
            "Organisms that make their own food in this way are called <b>autotrophs</b>, or producers. Animals and fungi cannot do this: they are heterotrophs, which means that they take in food made by other organisms. Because producers stand at the start of nearly every food chain, photosynthesis feeds almost the whole living world.",
            "The overall reaction can be written as one equation. Six molecules of carbon dioxide and six molecules of water give one molecule of glucose and six molecules of oxygen:",
        ),
        box(
            [
                "6 CO<sub>2</sub> + 6 H<sub>2</sub>O + light energy <font name='Arrows'>→</font> C<sub>6</sub>H<sub>12</sub>O<sub>6</sub> + 6 O<sub>2</sub>"
            ]
        ),
        *text(
            "The equation is a summary. Photosynthesis is not a single reaction but a chain of many small ones, and each is controlled by its own enzyme. The oxygen that is set free comes from water, not from carbon dioxide; experiments with heavy oxygen proved this in 1941.",
        ),
        subheading("After this chapter you can"),
        bullets(
            "write the overall equation of photosynthesis and explain what each part means;",
            "describe the structure of a leaf and of a chloroplast;",
            "compare the light reactions with the Calvin cycle;",
            "explain how light, carbon dioxide and temperature limit the rate of photosynthesis.",
        ),
        PageBreak(),
        heading("2  Where it happens: leaf and chloroplast"),
        subheading("The leaf"),
        *text(
            "A leaf is a thin, flat organ that catches light. Its upper surface is covered by a waxy <b>cuticle</b>, which is transparent and keeps water from evaporating. Below the upper epidermis lie the palisade cells. They stand upright, close together, and hold more chloroplasts than any other cells of the leaf.",
            "Under the palisade layer lie the spongy cells. Air spaces between them let gases spread quickly through the leaf. Carbon dioxide enters the leaf through small pores called <b>stomata</b>. Each stoma lies between two guard cells, which open the pore when they swell with water and close it when they lose water. Veins bring water from the roots through the xylem and carry sugar away through the phloem.",
        ),
        figure(
            leaf_section(),
            "<b>Figure 1.</b> Section through a leaf. Most photosynthesis takes place in the palisade cells, close to the light.",
        ),
        subheading("The chloroplast"),
        *text(
            "Photosynthesis takes place in organelles called <b>chloroplasts</b>. Two membranes surround each chloroplast. Inside them is a fluid, the <b>stroma</b>, in which enzymes, DNA and ribosomes are found. Flat sacs called <b>thylakoids</b> lie in the stroma. A stack of thylakoids is called a granum. The green pigment chlorophyll sits in the thylakoid membranes.",
        ),
        figure(
            chloroplast(),
            "<b>Figure 2.</b> A chloroplast. The light reactions happen in the thylakoid membranes, the Calvin cycle in the stroma.",
        ),
        heading("3  Light and pigments"),
        *text(
            "Visible light is a small part of the electromagnetic spectrum, with wavelengths from about 400 to 700 nanometres. A <b>pigment</b> is a substance that absorbs some of these wavelengths and reflects the others. Chlorophyll absorbs mainly blue-violet and red light. It reflects green light, and this is why leaves look green.",
            "Plants have two main kinds of chlorophyll. Chlorophyll a takes part in the light reactions directly, while chlorophyll b passes the energy that it absorbs on to chlorophyll a. Carotenoids are yellow, orange or red pigments. They absorb blue-green light that chlorophyll uses poorly, and they protect chlorophyll from damage by too much light. In autumn many trees break their chlorophyll down, and the colours of the carotenoids become visible.",
        ),
        figure(
            spectrum(),
            "<b>Figure 3.</b> Light absorbed by three kinds of pigment, simplified. Green light is hardly absorbed.",
        ),
        heading("4  The two stages"),
        *text(
            "Photosynthesis has two stages. The first stage, the light reactions, changes light energy into chemical energy. The second stage, the Calvin cycle, uses that energy to build sugar. The two stages are linked by two carriers of energy, <b>ATP</b> and <b>NADPH</b>, which move from the thylakoids to the stroma.",
        ),
        figure(two_stages(), "<b>Figure 4.</b> The two stages exchange ATP and NADPH for ADP and NADP+."),
        subheading("4.1  The light reactions"),
        *text("The light reactions take place in the thylakoid membranes and need light. They run in four steps:"),
        numbered(
            "Chlorophyll in photosystem II absorbs light, and its electrons gain so much energy that they leave the molecule.",
            "Enzymes split water into hydrogen ions, electrons and oxygen. The electrons replace those that chlorophyll lost, and the oxygen leaves the leaf. This splitting is called photolysis.",
            "The electrons pass along an electron transport chain. Their energy is used to pump hydrogen ions into the thylakoid, and the ions flow back through the enzyme ATP synthase, which makes ATP.",
            "In photosystem I the electrons absorb light again. They then reduce NADP+ to NADPH.",
        ),
        subheading("4.2  The Calvin cycle"),
        *text(
            "The Calvin cycle takes place in the stroma. It does not use light directly, but it needs the ATP and NADPH that the light reactions make, so it soon stops in the dark. The cycle is named after Melvin Calvin, who received the Nobel Prize in Chemistry in 1961 for tracing the path of carbon in it.",
        ),
        numbered(
            "<b>Carbon fixation.</b> The enzyme RuBisCO joins carbon dioxide to a sugar with five carbon atoms, called RuBP. The product splits at once into two molecules with three carbon atoms each.",
            "<b>Reduction.</b> ATP and NADPH turn these molecules into a sugar called G3P.",
            "<b>Regeneration.</b> Most of the G3P is used to make RuBP again, which costs more ATP. The rest leaves the cycle and becomes glucose, sucrose, starch or cellulose.",
        ),
        *text(
            "To make one molecule of glucose, six molecules of carbon dioxide must be fixed. This takes eighteen molecules of ATP and twelve molecules of NADPH. RuBisCO is slow, so leaves contain a great deal of it; it is thought to be the most abundant enzyme on Earth.",
        ),
        *titled_table(
            "<b>Table 1.</b> The two stages compared.",
            ("", "Light reactions", "Calvin cycle"),
            (
                ("Place", "Thylakoid membranes", "Stroma"),
                ("Needs light", "Yes, directly", "Not directly"),
                ("Uses", "Water, ADP, NADP+", "Carbon dioxide, ATP, NADPH"),
                ("Makes", "Oxygen, ATP, NADPH", "Sugar, ADP, NADP+"),
                ("Energy", "Light energy becomes chemical energy", "Chemical energy is stored in sugar"),
            ),
            (0.2, 0.4, 0.4),
        ),
        heading("5  What limits the rate"),
        *text(
            "The rate of photosynthesis can be measured by counting the bubbles of oxygen that a water plant gives off in a minute. Several conditions affect it. At any moment the condition that is furthest from its best value holds the whole process back. It is called the <b>limiting factor</b>.",
        ),
        bullets(
            "<b>Light intensity.</b> In dim light the rate rises in step with light intensity. In bright light the rate levels off, because another factor has become limiting.",
            "<b>Carbon dioxide.</b> Air contains only about 0.04 % carbon dioxide. Growers often raise the concentration in a greenhouse to about 0.1 %, and their crops grow faster.",
            "<b>Temperature.</b> Enzymes work faster as it gets warmer, up to an optimum that lies between 25 and 35 °C for many plants. Above about 40 °C enzymes lose their shape and the rate falls sharply.",
            "<b>Water.</b> When water is short, the guard cells close the stomata. This saves water but also keeps carbon dioxide out.",
        ),
        figure(
            limiting_factors(),
            "<b>Figure 5.</b> Rate of photosynthesis and light intensity under three sets of conditions. Where a curve is flat, light is no longer the limiting factor.",
        ),
        heading("6  Photosynthesis and respiration"),
        *text(
            "Plants respire just as animals do. In cellular respiration, cells break glucose down with oxygen and release the stored energy as ATP. Respiration goes on by day and by night in every living cell, while photosynthesis needs light and happens only in cells with chloroplasts. The light intensity at which a plant takes in exactly as much carbon dioxide as it gives off is called the <b>compensation point</b>.",
        ),
        *titled_table(
            "<b>Table 2.</b> Photosynthesis and cellular respiration.",
            ("", "Photosynthesis", "Cellular respiration"),
            (
                ("Takes in", "Carbon dioxide and water", "Glucose and oxygen"),
                ("Gives off", "Glucose and oxygen", "Carbon dioxide and water"),
                ("Energy", "Is stored in glucose", "Is released from glucose"),
                ("Organelle", "Chloroplast", "Mitochondrion"),
                ("When", "Only in light", "All the time"),
            ),
            (0.2, 0.4, 0.4),
        ),
        heading("7  Plants of hot, dry places"),
        *text(
            "RuBisCO sometimes joins oxygen to RuBP instead of carbon dioxide. This wasteful process, <b>photorespiration</b>, becomes common when it is hot and the stomata are closed. Some plants have ways to avoid it.",
            "<b>C4 plants</b> such as maize and sugar cane first fix carbon dioxide into a compound with four carbon atoms. They carry it to bundle-sheath cells, where the concentration of carbon dioxide stays high. <b>CAM plants</b> such as cacti and pineapples open their stomata at night, when it is cool, and store the carbon dioxide as an acid until daylight comes. Most plants, wheat and rice among them, are C3 plants and have neither adaptation.",
        ),
        heading("8  Why it matters"),
        *text(
            "Photosynthesis made the air that we breathe. About 2.4 billion years ago, oxygen released by cyanobacteria began to collect in the atmosphere, which had held almost none before. Today about half of the oxygen produced each year comes from algae and bacteria in the ocean. Coal, oil and natural gas are the remains of organisms that lived millions of years ago, so even these fuels hold energy that photosynthesis once captured. Burning them returns carbon dioxide to the air faster than plants can take it up, and the climate warms.",
        ),
        heading("9  An experiment: counting bubbles"),
        *text(
            "The water plant <i>Elodea</i> gives off bubbles that consist mostly of oxygen. Counting them shows how the rate of photosynthesis depends on light. A student set up the experiment like this:",
        ),
        numbered(
            "Put a shoot of the plant upside down into a beaker of water. Add a little sodium hydrogencarbonate, which supplies carbon dioxide.",
            "Place a lamp 10 cm away and wait five minutes, so that the plant gets used to the light.",
            "Count the bubbles that rise from the cut stem in one minute. Repeat the count three times and take the mean.",
            "Move the lamp away step by step, and count again at each distance. Keep the water at 20 °C throughout.",
        ),
        *titled_table(
            "<b>Table 3.</b> Results of one class. The farther the lamp, the dimmer the light.",
            ("Distance of the lamp", "10 cm", "20 cm", "30 cm", "40 cm", "50 cm"),
            (("Bubbles in one minute (mean)", "46", "38", "19", "11", "7"),),
            (0.35, 0.13, 0.13, 0.13, 0.13, 0.13),
        ),
        *text(
            "Between 50 cm and 20 cm the rate rises steeply as the lamp comes nearer, because light is the limiting factor. From 20 cm to 10 cm it rises only a little: something else, most likely carbon dioxide or temperature, has begun to limit the process. The temperature must be kept constant, since otherwise the warmth of the lamp would change the rate as well.",
        ),
        heading("Summary"),
        bullets(
            "Photosynthesis stores light energy in sugar and sets oxygen free.",
            "The light reactions split water and make ATP and NADPH in the thylakoids.",
            "The Calvin cycle fixes carbon dioxide and makes sugar in the stroma.",
            "Light, carbon dioxide, temperature and water can each limit the rate.",
            "Respiration releases the energy that photosynthesis stores.",
        ),
        heading("Key terms"),
        table(
            ("Term", "Meaning"),
            (
                ("Autotroph", "An organism that makes its own food from simple substances"),
                ("Stoma", "A pore in the surface of a leaf through which gases pass"),
                ("Chlorophyll", "The green pigment that absorbs light for photosynthesis"),
                ("Thylakoid", "A flat sac inside a chloroplast; its membrane carries the light reactions"),
                ("Stroma", "The fluid inside a chloroplast in which the Calvin cycle takes place"),
                ("Photolysis", "The splitting of water into oxygen, hydrogen ions and electrons"),
                ("RuBisCO", "The enzyme that fixes carbon dioxide in the Calvin cycle"),
                ("Limiting factor", "The condition that holds back the rate of a process"),
            ),
            (0.24, 0.76),
        ),
        Spacer(1, 8),
        heading("Check your understanding"),
        numbered(
            "Why do leaves look green?",
            "Where does the oxygen that plants give off come from?",
            "Why does the Calvin cycle stop soon after it becomes dark?",
            "A greenhouse is bright and warm, yet the crop grows slowly. Which factor may be limiting, and how could you test this?",
        ),
    ]
    return s


def cover(canvas: Canvas, _: BaseDocTemplate) -> None:
    width, height = A4
    canvas.saveState()
    canvas.setFillColor(GREEN)
    canvas.rect(0, height - 5.4 * cm, width, 5.4 * cm, stroke=0, fill=1)
    canvas.setFillColor(LEAF)
    canvas.rect(0, height - 5.6 * cm, width, 0.2 * cm, stroke=0, fill=1)
    canvas.setFillColor(white)
    canvas.setFont("Sans", 10)
    canvas.drawString(2.5 * cm, height - 1.9 * cm, "Biology · Chapter 5")
    canvas.setFont("Sans-Bold", 30)
    canvas.drawString(2.5 * cm, height - 3.3 * cm, "Photosynthesis")
    canvas.setFont("Serif-Italic", 13)
    canvas.drawString(2.5 * cm, height - 4.3 * cm, "How plants turn light into food")
    canvas.restoreState()
    page_number(canvas)


def inner(canvas: Canvas, _: BaseDocTemplate) -> None:
    canvas.saveState()
    canvas.setFont("Sans", 8)
    canvas.setFillColor(GREY)
    canvas.drawString(2.5 * cm, A4[1] - 1.5 * cm, "Biology · Chapter 5 · Photosynthesis")
    canvas.setStrokeColor(LEAF)
    canvas.line(2.5 * cm, A4[1] - 1.7 * cm, A4[0] - 2.5 * cm, A4[1] - 1.7 * cm)
    canvas.restoreState()
    page_number(canvas)


def page_number(canvas: Canvas) -> None:
    canvas.saveState()
    canvas.setFont("Sans", 8)
    canvas.setFillColor(GREY)
    canvas.drawCentredString(A4[0] / 2, 1.2 * cm, str(canvas.getPageNumber()))
    canvas.restoreState()


def main(target: Path) -> None:
    document = BaseDocTemplate(
        str(target),
        pagesize=A4,
        title="Photosynthesis: how plants turn light into food",
        author="Tiku",
        subject="Biology, chapter 5",
        lang="en",
        invariant=1,
    )
    frame = Frame(2.5 * cm, 2 * cm, WIDTH, A4[1] - 4 * cm, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)
    document.addPageTemplates(
        [PageTemplate("cover", [frame], onPage=cover), PageTemplate("inner", [frame], onPage=inner)]
    )
    document.build(story())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
