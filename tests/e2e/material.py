"""Study material that the tests write themselves, beside the two documents that ship with the demo."""

from __future__ import annotations

import io
from pathlib import Path

import docx

from services.demo.script import FOLDER

PDF: Path = FOLDER / "photosynthesis.pdf"
PPTX: Path = FOLDER / "water-cycle.pptx"

CHINESE_TEXT = """第一章 板块构造

地球的岩石圈分裂成若干块体，这些块体称为板块。板块漂浮在软流圈之上，每年移动几厘米。
大洋中脊是新的洋壳诞生的地方，岩浆从那里涌出并冷却凝固。海沟是老的洋壳俯冲消亡的地方，地震和火山因此十分频繁。
板块的边界分为生长边界、消亡边界和转换边界。

第二章 地震

地震波分为纵波和横波，纵波传播得更快。地震仪记录纵波与横波到达的时间差，由此可以推算震源的距离。
里氏震级每增加一级，释放的能量约增加三十一倍。烈度描述地震对地面造成的破坏程度，离震中越远烈度越低。
一次地震由发震时刻、震中位置和震级来描述。

第三章 火山

火山喷发的方式取决于岩浆的黏度和气体含量。玄武岩浆黏度较低，流动平缓，形成宽阔的盾状火山。
流纹岩浆黏度很高，容易堵塞通道，喷发因此格外猛烈。火山灰可以飘散到数千公里以外，并且影响气候。
按照活动的情况，火山分为活火山、休眠火山和死火山。
"""

MARKDOWN = """# The Silk Road

## Caravans

Merchants carried silk, paper and porcelain from Chang'an to the markets of Samarkand. Bactrian camels crossed the
Taklamakan desert because they store fat in two humps and drink rarely. Caravanserais offered water, stables and
lodging at distances of one day's march.

## Ideas

Buddhism reached China along the same routes that carried glass and horses eastward. Paper making spread westward
after the battle of Talas in the year 751. Plague travelled with the caravans as well and emptied whole cities.
"""

HTML = """<!doctype html><html lang="en"><head><title>Honey bees</title><script>alert(1)</script></head><body>
<h1>Honey bees</h1><p>A waggle dance tells the other workers the direction and the distance of a nectar source.
The queen lays up to two thousand eggs on a summer day.</p><h2>Wax</h2><p>Wax glands on the abdomen of young workers
produce the flakes from which hexagonal cells are built. Hexagons store the most honey with the least wax.</p>
<p>Drones hatch from unfertilised eggs and leave the hive in order to mate with a young queen.</p></body></html>
"""


def word_document() -> bytes:
    """A DOCX about bridges, with headings."""
    document = docx.Document()
    document.add_heading("Bridges", level=1)
    document.add_paragraph(
        "A suspension bridge hangs its deck from cables that run over two towers. Anchorages at both ends hold the "
        "enormous tension of these cables. Vertical suspenders carry the load of the deck up to the cables."
    )
    document.add_heading("Arches", level=2)
    document.add_paragraph(
        "An arch bridge turns the weight of the traffic into compression that flows to its abutments. Stone withstands "
        "compression well, which is why Roman arches still stand. The keystone locks the other stones in place."
    )
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()
