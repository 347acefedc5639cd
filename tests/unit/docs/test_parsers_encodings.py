"""Texts in older encodings: read where they read as language, refused where they could be read in two ways."""

from __future__ import annotations

import pytest

from services.docs.adapters.parsers.encoding import decode
from services.docs.domain.upload.media_types import BINARY, TEXT
from services.docs.domain.upload.sniffing import sniff
from services.docs.domain.wording.wording import told
from services.docs.values.parsed_document import ParseError, ParseReason

CHINESE = "光合作用是绿色植物利用光能，把二氧化碳和水合成有机物的过程。\n"
TRADITIONAL = "牛頓第一運動定律：物體在沒有外力作用的時候，總保持靜止或勻速直線運動。\n"
WORDS = "蝴蝶 butterfly\n蜻蜓 dragonfly\n蚂蚁 ant\n"
TYPOGRAPHIC = "“Newton’s second law” – what is the force on a body that falls? It is 9.8 N per kilogram…\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gb18030"),
        (WORDS, "gbk"),
        ("苹果 apple\n香蕉 banana\n", "gbk"),
        (TRADITIONAL, "big5"),
        ("蝴蝶 butterfly\n螞蟻 ant\n學校 school\n", "big5"),
        ("植物は光のエネルギーを使って養分を作ります。\n", "shift_jis"),
        ("春 はる spring\r\n夏 なつ summer\r\n秋 あき autumn\r\n冬 ふゆ winter\r\n", "shift_jis"),
        (TYPOGRAPHIC, "cp1252"),
        ("The café of the school is open from eight to ten, and the water there is 20 °C warm.\n" * 2, "cp1252"),
        (CHINESE, "utf-16-le"),
        (TYPOGRAPHIC, "utf-16-be"),
        (WORDS, "utf-16-le"),
    ],
)
def test_read_as_what_they_say(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text
    assert sniff(text.encode(encoding), "notes.txt") == TEXT


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("대한민국은 동아시아에 위치한 나라이다. 수도는 서울이다.\n", "euc_kr"),
        ("학교\n사과\n포도\n", "euc_kr"),
        ("植物は光合成によって酸素を作る。\n", "euc_jp"),
        ("学校 酸素 植物\n", "euc_jp"),
        ("日本は東アジアに位置する島国である。\n", "shift_jis"),
        ("Вода кипит при ста градусах.\n", "cp1251"),
        ("Вода кипит при ста градусах.\n", "koi8_r"),
        ("Zażółć gęślą jaźń, rośliny wytwarzają tlen.\n", "cp1250"),
        ("L'eau bout à cent degrés, où l'élève étudie.\n", "cp1252"),
        ("It is the café of the school that we have.\n".replace("é", "’"), "mac_roman"),
    ],
)
def test_refused_rather_than_silently_wrong(text: str, encoding: str) -> None:
    with pytest.raises(ParseError) as caught:
        decode(text.encode(encoding))
    assert caught.value.reason is ParseReason.INVALID_ENCODING
    assert "UTF-8" in told(caught.value.reason, caught.value.metadata)


@pytest.mark.parametrize("data", [b"Iron\0\0 rusts in damp air.\n", b"Iron rusts in damp air.\n" + bytes(100)])
def test_null_bytes_are_dropped(data: bytes) -> None:
    assert sniff(data, "notes.txt") == TEXT
    assert decode(data) == "Iron rusts in damp air.\n"


@pytest.mark.parametrize("data", [bytes(range(256)) * 4, b"\0\1\2\3" * 50, b"a\0\0\0" * 50])
def test_what_is_no_text(data: bytes) -> None:
    assert sniff(data, "notes.txt") == BINARY


@pytest.mark.parametrize("text", [CHINESE, TRADITIONAL], ids=["simplified", "traditional"])
@pytest.mark.parametrize("declared", ["iso-8859-1", "big5", "gb2312", "euc-kr", "shift_jis", "windows-1251", "hz"])
def test_chinese_is_read_where_another_encoding_is_declared(text: str, declared: str) -> None:
    encoding = "big5" if text == TRADITIONAL else "gb18030"
    assert decode(f"<p>{text}</p>".encode(encoding), declared) == f"<p>{text}</p>"


@pytest.mark.parametrize("declared", ["iso-2022-jp", "hz-gb-2312"])
def test_unicode_is_read_where_characters_of_seven_bits_are_declared(declared: str) -> None:
    assert decode(CHINESE.encode(), declared) == CHINESE


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("東京都立大学附属高等学校入学試験問題、数学と理科。", "shift_jis"),
        ("東京都立大学附属高等学校入学試験問題、数学と理科。", "euc_jp"),
        ("오늘 우리는 한국의 역사를 배웁니다. 교과서를 펴세요.", "euc_kr"),
        ("Сегодня мы изучаем историю Китая.", "koi8-r"),
        ("Σήμερα μελετάμε την ιστορία.", "iso8859-7"),
        ("L'été, les élèves préfèrent étudier à côté d'une fenêtre.", "iso8859-1"),
        ("Größe", "iso8859-1"),
    ],
)
def test_what_is_declared_holds_where_nothing_speaks_against_it(text: str, declared: str) -> None:
    assert decode(text.encode(declared), declared) == text
