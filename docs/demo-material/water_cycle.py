"""Make the Chinese demo document: a lesson on the water cycle, as a PPTX.

``python water_cycle.py OUT.pptx``; needs python-pptx. Sizes and places are inches on a slide of 13.333 x 7.5.
"""

# ruff: noqa: SLF001 - a paragraph is one string; python-pptx has no public way to these elements

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LABEL_POSITION, XL_LEGEND_POSITION
from pptx.enum.shapes import MSO_CONNECTOR, MSO_SHAPE, PP_PLACEHOLDER
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.util import Inches, Pt

FONT: Final = "Microsoft YaHei"
DEEP: Final = RGBColor(0x12, 0x4E, 0x78)
WATER: Final = RGBColor(0x2F, 0x8F, 0xC4)
PALE: Final = RGBColor(0xE8, 0xF3, 0xF9)
INK: Final = RGBColor(0x22, 0x2E, 0x38)
GREY: Final = RGBColor(0x6C, 0x7A, 0x86)
SAND: Final = RGBColor(0xC9, 0xA6, 0x6B)
GREEN: Final = RGBColor(0x5A, 0x9E, 0x55)
SUN: Final = RGBColor(0xF5, 0xB8, 0x3D)
WHITE: Final = RGBColor(0xFF, 0xFF, 0xFF)
TITLE_LAYOUT, BODY_LAYOUT, TITLE_ONLY_LAYOUT = 0, 1, 5


def style(paragraph: Any, size: float, color: RGBColor = INK, bold: bool = False) -> None:
    """Latin and East Asian characters in one font: PowerPoint keeps a typeface for each."""
    for run in paragraph.runs:
        run.font.size, run.font.bold = Pt(size), bold
        run.font.color.rgb = color
        run.font.name = FONT
        properties = run._r.get_or_add_rPr()
        for tag in ("a:ea", "a:cs"):
            typeface = properties.makeelement(qn(tag), {"typeface": FONT})
            properties.append(typeface)


def write(
    frame: Any,
    paragraphs: Sequence[str],
    size: float,
    color: RGBColor = INK,
    bold: bool = False,
    align: PP_ALIGN = PP_ALIGN.LEFT,
    gap: float = 8,
) -> None:
    frame.word_wrap = True
    for index, words in enumerate(paragraphs):
        paragraph = frame.paragraphs[0] if index == 0 else frame.add_paragraph()
        paragraph.text = words
        paragraph.alignment = align
        paragraph.space_after = Pt(gap)
        paragraph.line_spacing = 1.18
        style(paragraph, size, color, bold)


def place(shape: Any, x: float, y: float, wide: float, high: float) -> Any:
    shape.left, shape.top, shape.width, shape.height = Inches(x), Inches(y), Inches(wide), Inches(high)
    return shape


def flatten(shape: Any) -> None:
    """Take away the theme's shadow: by the effect list for PowerPoint, by the style's reference for LibreOffice."""
    for reference in shape._element.iter(qn("a:effectRef")):
        reference.set("idx", "0")


def block(
    slide: Any,
    kind: MSO_SHAPE,
    x: float,
    y: float,
    wide: float,
    high: float,
    fill: RGBColor | None,
    line: RGBColor | None = None,
) -> Any:
    shape = slide.shapes.add_shape(kind, Inches(x), Inches(y), Inches(wide), Inches(high))
    shape.shadow.inherit = False
    flatten(shape)
    if fill is None:
        shape.fill.background()
    else:
        shape.fill.solid()
        shape.fill.fore_color.rgb = fill
    if line is None:
        shape.line.fill.background()
    else:
        shape.line.color.rgb = line
    return shape


def words(
    slide: Any, x: float, y: float, wide: float, high: float, paragraphs: Sequence[str], size: float, **how: Any
) -> Any:
    box = slide.shapes.add_textbox(Inches(x), Inches(y), Inches(wide), Inches(high))
    write(box.text_frame, paragraphs, size, **how)
    return box


def arrow(slide: Any, x1: float, y1: float, x2: float, y2: float, color: RGBColor, points: float = 3) -> None:
    line = slide.shapes.add_connector(MSO_CONNECTOR.STRAIGHT, Inches(x1), Inches(y1), Inches(x2), Inches(y2))
    flatten(line)
    line.line.color.rgb, line.line.width = color, Pt(points)
    properties = line.line._get_or_add_ln()
    properties.append(properties.makeelement(qn("a:tailEnd"), {"type": "triangle", "w": "med", "len": "med"}))


class Deck:
    """The presentation, slide by slide."""

    def __init__(self) -> None:
        self._file = Presentation()
        self._file.slide_width, self._file.slide_height = Inches(13.333), Inches(7.5)
        properties = self._file.core_properties
        properties.title, properties.author, properties.language = "水循环", "Tiku", "zh-CN"
        properties.created = properties.modified = datetime(2026, 1, 1)  # noqa: DTZ001 - the format has no zone
        self._count = 0

    def save(self, target: Path) -> None:
        self._file.save(str(target))

    def cover(self, title: str, subtitle: str, notes: str) -> None:
        slide = self._file.slides.add_slide(self._file.slide_layouts[TITLE_LAYOUT])
        self._count += 1
        slide.background.fill.solid()
        slide.background.fill.fore_color.rgb = DEEP
        for wave in range(3):
            shade = (RGBColor(0x1B, 0x64, 0x94), RGBColor(0x25, 0x7A, 0xAE), WATER)[wave]
            band = block(slide, MSO_SHAPE.WAVE, -0.4, 5.0 + wave * 0.62, 14.2, 2.6, shade)
            slide.shapes._spTree.remove(band._element)
            slide.shapes._spTree.insert(2 + wave, band._element)
        place(slide.shapes.title, 1.0, 1.5, 11.3, 1.5)
        write(slide.shapes.title.text_frame, [title], 54, color=WHITE, bold=True)
        place(slide.placeholders[1], 1.0, 3.05, 11.3, 1.2)
        write(slide.placeholders[1].text_frame, subtitle.split("\n"), 20, color=RGBColor(0xCF, 0xE6, 0xF3), gap=4)
        self._note(slide, notes)

    def page(
        self, title: str, body: Sequence[str] | None = None, *, width: float = 11.9, size: float = 20, notes: str = ""
    ) -> Any:
        layout = BODY_LAYOUT if body else TITLE_ONLY_LAYOUT
        slide = self._file.slides.add_slide(self._file.slide_layouts[layout])
        self._count += 1
        place(slide.shapes.title, 0.75, 0.42, 11.8, 0.85)
        slide.shapes.title.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE
        write(slide.shapes.title.text_frame, [title], 30, color=DEEP, bold=True)
        block(slide, MSO_SHAPE.RECTANGLE, 0, 0.52, 0.22, 0.68, WATER)
        block(slide, MSO_SHAPE.RECTANGLE, 0.85, 1.32, 11.7, 0.025, RGBColor(0xBF, 0xD9, 0xE8))
        if body:
            place(slide.placeholders[1], 0.75, 1.6, width, 5.2)
            write(slide.placeholders[1].text_frame, body, size, gap=11)
        self._furniture(slide, PP_PLACEHOLDER.FOOTER, 0.75, 6.0, "自然地理 · 水循环", PP_ALIGN.LEFT)
        self._furniture(slide, PP_PLACEHOLDER.SLIDE_NUMBER, 11.55, 1.0, str(self._count), PP_ALIGN.RIGHT)
        if notes:
            self._note(slide, notes)
        return slide

    @staticmethod
    def _furniture(slide: Any, kind: PP_PLACEHOLDER, x: float, wide: float, text: str, align: PP_ALIGN) -> None:
        """Footer and number as what they are: python-pptx does not bring the layout's onto a slide by itself."""
        original = next(s for s in slide.slide_layout.placeholders if s.placeholder_format.type == kind)
        slide.shapes._spTree.append(deepcopy(original._element))
        shape = place(slide.shapes[-1], x, 6.98, wide, 0.35)
        shape.text_frame.clear()
        write(shape.text_frame, [text], 11, color=GREY, align=align, gap=0)

    @staticmethod
    def _note(slide: Any, notes: str) -> None:
        slide.notes_slide.notes_text_frame.text = notes


def table(
    slide: Any,
    x: float,
    y: float,
    widths: Sequence[float],
    rows: Sequence[Sequence[str]],
    size: float = 15,
    high: float = 0.5,
) -> None:
    shape = slide.shapes.add_table(
        len(rows), len(widths), Inches(x), Inches(y), Inches(sum(widths)), Inches(high * len(rows))
    )
    grid = shape.table
    for column, wide in enumerate(widths):
        grid.columns[column].width = Inches(wide)
    for r, row in enumerate(rows):
        grid.rows[r].height = Inches(high)
        for c, text in enumerate(row):
            cell = grid.cell(r, c)
            cell.vertical_anchor = MSO_ANCHOR.MIDDLE
            cell.margin_left = cell.margin_right = Inches(0.12)
            cell.fill.solid()
            cell.fill.fore_color.rgb = DEEP if r == 0 else (PALE if r % 2 else WHITE)
            write(cell.text_frame, [text], size, color=WHITE if r == 0 else INK, bold=r == 0 or c == 0, gap=0)


def water_share(slide: Any) -> None:
    data = CategoryChartData()
    data.categories = ["冰川和永久积雪", "地下淡水", "永冻土、湖泊、土壤、河流等"]
    data.add_series("淡水的构成", (0.687, 0.301, 0.012))
    frame = slide.shapes.add_chart(XL_CHART_TYPE.DOUGHNUT, Inches(7.5), Inches(1.75), Inches(5.2), Inches(4.8), data)
    chart = frame.chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "图1  全球淡水的构成"
    style(chart.chart_title.text_frame.paragraphs[0], 16, DEEP, bold=True)
    chart.has_legend = True
    chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.BOTTOM, False
    chart.legend.font.size, chart.legend.font.name = Pt(13), FONT
    plot = chart.plots[0]
    for index, shade in enumerate((WATER, DEEP, SUN)):
        point = plot.series[0].points[index]
        point.format.fill.solid()
        point.format.fill.fore_color.rgb = shade
    plot.has_data_labels = True
    plot.data_labels.show_value = True
    plot.data_labels.number_format, plot.data_labels.number_format_is_linked = "0.0%", False
    plot.data_labels.font.size, plot.data_labels.font.color.rgb = Pt(13), WHITE
    plot.data_labels.font.bold = True


def balance_chart(slide: Any) -> None:
    data = CategoryChartData()
    data.categories = ["海洋", "陆地"]
    data.add_series("蒸发", (50.5, 7.2))
    data.add_series("降水", (45.8, 11.9))
    frame = slide.shapes.add_chart(
        XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(7.3), Inches(1.6), Inches(5.4), Inches(5.1), data
    )
    chart = frame.chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "图3  全球每年的水量平衡（万立方千米）"
    style(chart.chart_title.text_frame.paragraphs[0], 15, DEEP, bold=True)
    chart.has_legend = True
    chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.BOTTOM, False
    chart.legend.font.size, chart.legend.font.name = Pt(13), FONT
    chart.value_axis.has_major_gridlines = False
    chart.value_axis.visible = False
    chart.category_axis.tick_labels.font.size = Pt(14)
    chart.category_axis.tick_labels.font.name = FONT
    plot = chart.plots[0]
    plot.gap_width, plot.overlap = 60, -5
    for series, shade in zip(plot.series, (SUN, WATER), strict=True):
        series.format.fill.solid()
        series.format.fill.fore_color.rgb = shade
    plot.has_data_labels = True
    plot.data_labels.position = XL_LABEL_POSITION.OUTSIDE_END
    plot.data_labels.number_format, plot.data_labels.number_format_is_linked = "0.0", False
    plot.data_labels.font.size = Pt(13)


def cycle_figure(slide: Any) -> None:
    block(slide, MSO_SHAPE.RECTANGLE, 0.85, 1.55, 11.65, 5.25, RGBColor(0xEC, 0xF6, 0xFB))
    # ground: a wedge of land rising to the right, the sea to the left, ground water below
    builder = slide.shapes.build_freeform(Inches(5.6), Inches(5.55))
    outline = (
        (6.5, 5.3),
        (7.6, 5.1),
        (8.7, 4.3),
        (9.5, 3.35),
        (10.1, 3.05),
        (10.6, 3.5),
        (11.3, 3.1),
        (12.5, 4.3),
        (12.5, 6.8),
        (5.0, 6.8),
    )
    builder.add_line_segments([(Inches(x), Inches(y)) for x, y in outline], close=True)
    land = builder.convert_to_shape()
    flatten(land)
    land.fill.solid()
    land.fill.fore_color.rgb = SAND
    land.line.fill.background()
    builder = slide.shapes.build_freeform(Inches(0.85), Inches(5.55))
    builder.add_line_segments([(Inches(x), Inches(y)) for x, y in ((5.6, 5.55), (5.0, 6.8), (0.85, 6.8))], close=True)
    sea = builder.convert_to_shape()
    flatten(sea)
    sea.fill.solid()
    sea.fill.fore_color.rgb = WATER
    sea.line.fill.background()
    builder = slide.shapes.build_freeform(Inches(5.25), Inches(6.4))
    builder.add_line_segments([(Inches(x), Inches(y)) for x, y in ((12.5, 5.6), (12.5, 6.15), (5.0, 6.8))], close=True)
    ground = builder.convert_to_shape()
    flatten(ground)
    ground.fill.solid()
    ground.fill.fore_color.rgb = RGBColor(0x86, 0xB9, 0xD6)
    ground.line.fill.background()
    for peak in ((9.82, 2.98), (11.03, 3.04)):
        snow = block(slide, MSO_SHAPE.ISOSCELES_TRIANGLE, peak[0] - 0.02, peak[1], 0.56, 0.36, WHITE)
        snow.name = "积雪"
    for x, y in ((7.15, 4.72), (7.55, 4.62), (8.05, 4.32)):
        block(slide, MSO_SHAPE.RECTANGLE, x + 0.14, y + 0.32, 0.07, 0.2, RGBColor(0x7A, 0x57, 0x36))
        block(slide, MSO_SHAPE.OVAL, x, y - 0.08, 0.35, 0.45, GREEN)
    block(slide, MSO_SHAPE.SUN, 1.15, 1.75, 0.95, 0.95, SUN)
    for x, y, wide in ((3.2, 1.95, 1.7), (9.3, 1.75, 2.1)):
        block(slide, MSO_SHAPE.CLOUD, x, y, wide, 0.85, WHITE, RGBColor(0xB5, 0xC9, 0xD6))
    labels = (
        (1.05, 4.0, "① 海水蒸发"),
        (5.9, 1.75, "② 水汽输送"),
        (11.3, 2.55, "③ 降水"),
        (5.05, 3.75, "④ 植物蒸腾与陆面蒸发"),
        (8.75, 4.98, "⑤ 地表径流"),
        (10.95, 4.6, "⑥ 下渗"),
        (9.3, 6.38, "⑦ 地下径流"),
        (1.2, 6.1, "海洋"),
    )
    for x in (2.6, 3.2, 3.8):
        arrow(slide, x, 5.35, x, 3.2, SUN)
    arrow(slide, 5.2, 2.35, 9.0, 2.2, GREY)
    for x in (9.65, 10.3, 11.05):
        arrow(slide, x - 0.05, 2.62, x - 0.2, 3.02, WATER, 2.25)
    arrow(slide, 7.5, 4.5, 7.5, 3.05, GREEN)
    arrow(slide, 9.7, 4.1, 6.7, 5.5, WATER, 3.5)
    arrow(slide, 10.9, 4.2, 10.9, 5.65, DEEP, 2.25)
    arrow(slide, 9.9, 6.12, 6.0, 6.6, DEEP, 2.25)
    for x, y, name in labels:
        light = name in {"海洋"}
        words(slide, x, y, 2.9, 0.4, [name], 14, color=WHITE if light else INK, bold=True)


def three_cycles(slide: Any) -> None:
    rows = (
        ("类型", "发生的范围", "主要环节", "特点和意义"),
        (
            "海陆间循环",
            "海洋与陆地之间",
            "蒸发、水汽输送、降水、地表径流、下渗、地下径流",
            "又称大循环，使陆地上的水不断得到补充，水资源得以再生",
        ),
        ("海上内循环", "海洋与海洋上空之间", "蒸发、降水", "参与的水量最大，对全球热量输送有重要意义"),
        ("陆地内循环", "陆地与陆地上空之间", "蒸发和植物蒸腾、降水", "水量较少，但对干旱地区非常重要"),
    )
    table(slide, 0.85, 1.7, (1.75, 2.55, 3.7, 3.65), rows, size=16, high=0.95)
    words(
        slide,
        0.85,
        5.75,
        11.6,
        1.0,
        [
            "判断类型时，先看水最后有没有从海洋来到陆地，或从陆地回到海洋。塔里木河的水最终消失在沙漠里，没有流入海洋，因此它主要参与陆地内循环。"
        ],
        17,
    )


def renewal(slide: Any) -> None:
    rows = (
        ("水体", "更新一次平均需要的时间"),
        ("大气水", "8 天"),
        ("河流水", "16 天"),
        ("土壤水", "1 年"),
        ("湖泊水", "17 年"),
        ("深层地下水", "1400 年"),
        ("海洋水", "2500 年"),
        ("极地冰川", "9700 年"),
    )
    table(slide, 7.7, 1.75, (1.9, 2.85), rows, size=16, high=0.57)


def two_columns(slide: Any) -> None:
    left = (
        "有利的影响",
        "修建水库可以拦蓄洪水，在枯水期放水，改变径流的季节分配。",
        "跨流域调水可以改变径流的空间分布。南水北调中线工程从丹江口水库引水，2014年12月正式通水，供水到北京、天津等地。",
        "植树造林使更多雨水下渗，减少水土流失。",
    )
    right = (
        "不利的影响",
        "砍伐森林使地表径流增多、下渗减少，雨季容易发生洪水。",
        "围湖造田使湖泊缩小，湖泊调蓄洪水的能力下降。",
        "过量开采地下水使地下水位下降，引起地面沉降，沿海地区还会发生海水入侵。",
    )
    for x, fill, edge, lines in ((0.85, PALE, WATER, left), (6.85, RGBColor(0xFB, 0xF1, 0xE4), SAND, right)):
        block(slide, MSO_SHAPE.RECTANGLE, x, 1.7, 5.65, 4.0, fill)
        block(slide, MSO_SHAPE.RECTANGLE, x, 1.7, 5.65, 0.07, edge)
        words(slide, x + 0.25, 1.88, 5.15, 0.5, lines[:1], 19, color=DEEP, bold=True)
        words(slide, x + 0.25, 2.45, 5.15, 3.2, lines[1:], 18)
    words(
        slide,
        0.85,
        5.9,
        11.6,
        0.9,
        ["在水循环的各个环节中，人类目前影响最大的是地表径流；对水汽输送和大范围降水，人类还很难施加影响。"],
        18,
        bold=True,
        color=DEEP,
    )


def sponge_figure(slide: Any) -> None:
    centre_x, centre_y = 10.0, 3.85
    block(slide, MSO_SHAPE.OVAL, centre_x - 0.85, centre_y - 0.85, 1.7, 1.7, WATER)
    words(
        slide,
        centre_x - 0.85,
        centre_y - 0.42,
        1.7,
        0.8,
        ["海绵", "城市"],
        19,
        color=WHITE,
        bold=True,
        align=PP_ALIGN.CENTER,
        gap=0,
    )
    for index, name in enumerate(("渗", "滞", "蓄", "净", "用", "排")):
        angle = math.radians(-90 + 60 * index)
        x, y = centre_x + 1.85 * math.cos(angle), centre_y + 1.85 * math.sin(angle)
        circle = block(slide, MSO_SHAPE.OVAL, x - 0.5, y - 0.5, 1.0, 1.0, PALE, WATER)
        circle.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE
        write(circle.text_frame, [name], 24, color=DEEP, bold=True, align=PP_ALIGN.CENTER, gap=0)
    words(slide, 7.6, 6.35, 4.8, 0.4, ["图4  海绵城市的六字方针"], 14, color=GREY, align=PP_ALIGN.CENTER)


def key_words(slide: Any) -> None:
    words(slide, 0.85, 4.75, 6, 0.5, ["本课关键词"], 18, color=DEEP, bold=True)
    for index, name in enumerate(("蒸发", "蒸腾", "水汽输送", "降水", "下渗", "径流")):
        card = block(slide, MSO_SHAPE.ROUNDED_RECTANGLE, 0.85 + index * 1.97, 5.35, 1.8, 0.85, PALE, WATER)
        card.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE
        write(card.text_frame, [name], 20, color=DEEP, bold=True, align=PP_ALIGN.CENTER, gap=0)


def remember(slide: Any) -> None:
    block(slide, MSO_SHAPE.RECTANGLE, 0.85, 5.2, 11.65, 1.35, PALE)
    block(slide, MSO_SHAPE.RECTANGLE, 0.85, 5.2, 0.08, 1.35, WATER)
    words(
        slide,
        1.1,
        5.33,
        11.2,
        1.2,
        ["一句话记住：太阳辐射把水送上天空，重力让水回到地面，一升一降之间，水不断循环，陆地上的淡水不断得到补充。"],
        20,
        color=DEEP,
        bold=True,
    )


def build() -> Deck:
    deck = Deck()
    deck.cover(
        "水循环",
        "地球上的水从哪里来，到哪里去\n高中地理 · 自然地理 · 第三章",
        "导入：请同学们想一想，今天喝的水，一亿年前可能在哪里？水在地球上不断循环，今天的一杯水可能曾是恐龙时代的一场雨。",
    )
    goals = deck.page(
        "学习目标",
        (
            "说出地球上水的分布特点，理解淡水资源为什么有限。",
            "运用示意图说出水循环的主要环节，并解释每个环节的含义。",
            "区分海陆间循环、海上内循环和陆地内循环三种类型。",
            "举例说明水循环的地理意义，以及人类活动对水循环的影响。",
        ),
        size=22,
        notes="本课重点是水循环的环节和意义，难点是人类活动对各环节的影响。",
    )
    key_words(goals)
    water_share(
        deck.page(
            "一、地球上的水",
            (
                "水以固态、液态和气态三种形式存在于地球上，组成相互联系的水圈。",
                "海洋水约占全球总水量的96.5%，它是咸水，不能直接饮用。",
                "淡水只占全球总水量的2.5%左右，其中三分之二以上储存在冰川和永久积雪中。",
                "人类容易利用的是河流水、淡水湖泊水和浅层地下水，它们只占淡水的很小一部分。因此，淡水资源十分有限，应当节约用水。",
            ),
            width=6.5,
            notes="图1的数据来自联合国教科文组织的估计：冰川和永久积雪占淡水的68.7%，地下淡水占30.1%，其余占1.2%。",
        )
    )
    deck.page(
        "二、什么是水循环",
        (
            "水循环是指自然界的水在水圈、大气圈、岩石圈和生物圈中，通过各个环节连续运动的过程。",
            "水循环的根本能量来自太阳辐射。太阳辐射使水蒸发成水汽，并推动大气运动，把水汽带到远方。",
            "重力使水汽凝结成的雨雪降落到地面，并使地面上的水由高处流向低处。",
            "水在常温下可以在固态、液态和气态之间转化，这是水循环发生的内在原因；太阳辐射和重力则是外在动力。",
        ),
        size=21,
        notes="提问：如果没有太阳辐射，水循环还能进行吗？为什么？",
    )
    cycle_figure(deck.page("三、水循环的主要环节（图2  水循环示意图）"))
    deck.page(
        "三、水循环的主要环节",
        (
            "蒸发：水由液态变为气态进入大气。海洋表面的蒸发是大气中水汽的主要来源。",
            "蒸腾：植物通过叶片上的气孔把水以水汽的形式散发到大气中。",
            "水汽输送：风把水汽从一个地方带到另一个地方。我国东部的水汽主要由夏季风从太平洋和印度洋带来。",
            "降水：空气上升冷却，水汽凝结，形成雨、雪、冰雹等降落到地面。",
            "下渗：降到地面的水渗入土壤和岩层。植被茂盛、土质疏松、坡度平缓的地方下渗较多。",
            "径流：沿地表流动的水叫地表径流，在地下流动的水叫地下径流，它们最终大多流入海洋。",
        ),
        size=18.5,
        notes="下渗与地表径流此消彼长：同样的一场雨，下渗多，地表径流就少。",
    )
    three_cycles(deck.page("四、水循环的三种类型"))
    balance_chart(
        deck.page(
            "五、全球的水量平衡",
            (
                "从长期来看，全球的总蒸发量等于总降水量，都是每年约57.7万立方千米。",
                "海洋的蒸发量大于降水量，多出的约4.7万立方千米水汽被输送到陆地上空。",
                "陆地的降水量大于蒸发量，多出的约4.7万立方千米水以径流的形式回到海洋。",
                "正因为有这样的平衡，海平面在短时间内不会有明显的升降。",
            ),
            width=6.3,
            notes="验算：50.5＋7.2＝57.7，45.8＋11.9＝57.7；50.5－45.8＝4.7，11.9－7.2＝4.7。",
        )
    )
    renewal(
        deck.page(
            "六、水循环的意义",
            (
                "维持全球水量的动态平衡，使各种水体不断更新。水体更新得越快，可以持续利用的水就越多。",
                "促进地球上物质的迁移。河流把大量泥沙和盐分带入海洋，黄河的泥沙塑造了华北平原的一部分。",
                "促进能量的交换。水在蒸发时吸收热量，在凝结时放出热量，缓解了高低纬度之间热量收支的不平衡。",
                "不断塑造地表形态。流水侵蚀形成峡谷和沟壑，流水沉积形成冲积平原和三角洲。",
            ),
            width=6.6,
            size=18.5,
            notes="表中数据为平均更新周期。河流水更新快，所以一旦停止排污，河水恢复较快；深层地下水更新慢，一旦污染很难治理。",
        )
    )
    two_columns(
        deck.page(
            "七、人类活动对水循环的影响",
            notes="讨论：我们的城市里，哪些地面不透水？下大雨时会出现什么现象？",
        )
    )
    sponge_figure(
        deck.page(
            "八、案例：海绵城市",
            (
                "城市里大量的水泥和柏油路面不透水，雨水难以下渗，暴雨时地表径流迅速汇集，容易造成内涝。",
                "海绵城市是指城市像海绵一样，下雨时吸水、蓄水、渗水、净水，需要时把蓄存的水释放出来加以利用。",
                "常见的做法有透水铺装、下凹式绿地、雨水花园、绿色屋顶和人工湿地。",
                "透水铺装使下渗增加、地表径流减少；绿色屋顶可以滞留雨水，并通过植物蒸腾降低气温。",
            ),
            width=6.6,
            size=19,
            notes="我国从2015年开始海绵城市建设试点，目标之一是把70%的降雨就地消纳和利用。",
        )
    )
    end = deck.page(
        "小结与思考",
        (
            "小结：水循环由蒸发、蒸腾、水汽输送、降水、下渗和径流等环节组成，太阳辐射和重力是它的动力。",
            "思考1：为什么说水资源是可再生的，却又必须节约用水？",
            "思考2：与天然林地相比，城市化以后蒸发、下渗和地表径流会怎样变化？请说明理由。",
            "思考3：修建三峡水库主要影响了水循环的哪一个环节？",
        ),
        size=21,
        notes="思考3参考答案：主要影响地表径流，改变了长江径流的季节分配；水面扩大也使当地蒸发略有增加。",
    )
    remember(end)
    return deck


if __name__ == "__main__":
    build().save(Path(sys.argv[1]))
