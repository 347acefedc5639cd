"""Letters that are surely wrong are noticed, and no others."""

from __future__ import annotations

import random

import pytest

from services.language.legibility import has_wrong_letters

ENGLISH = (
    "The chloroplast is the place of photosynthesis, and its pigments absorb the light that falls on the leaf. Plants "
    "take in carbon dioxide through their stomata, and they give off the oxygen that is left over from the water. For "
    "this the roots of the plant must take up as much water from the soil as its leaves lose on a hot day in summer. "
)
GERMAN = "Die Pflanzen nehmen Kohlendioxid auf und geben Sauerstoff ab, wenn Licht auf ihre Blätter fällt. " * 6
CHINESE = "叶绿体是光合作用的场所，类囊体膜上分布着吸收光能的色素。" * 12


def moved(text: str, by: int, *, spaces: bool) -> str:
    return "".join(chr(ord(char) + by) if spaces or char != " " else " " for char in text if char.isascii())


@pytest.mark.parametrize(
    "text",
    [
        moved(ENGLISH, -29, spaces=True),
        moved(GERMAN, -29, spaces=True),
        moved(ENGLISH, -31, spaces=True),
        moved(ENGLISH, 1, spaces=False),
        moved(ENGLISH, -3, spaces=False),
        "".join(chr(1 + ord(char) % 29) for char in ENGLISH),
        "".join(chr(0xE000 + ord(char)) if char.isalpha() else char for char in ENGLISH),
        " ".join(f"(cid:{number})" for number in range(60)),
        "Name (cid:12)(cid:7)(cid:99)(cid:4) of the plant (cid:12)(cid:8)(cid:99), its leaf and the root",
        CHINESE.encode("gb18030").decode("latin-1"),
        "\ufffd" * 50,
    ],
)
def test_wrong_letters(text: str) -> None:
    assert has_wrong_letters(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ENGLISH,
        GERMAN,
        CHINESE,
        "Год состоит из двенадцати месяцев, а месяц из дней. " * 8,
        "光合成は葉緑体で行われ、水と二酸化炭素から糖がつくられる。" * 8,
        "Thực vật hấp thụ khí cacbonic và giải phóng khí ôxy vào ban ngày. " * 8,
        "مدنين الشمالية مدنين الجنوبية جربة ميدون جرجيس سيدي مخلوف " * 8,
        "0.47 0.40 0.03 0.31\n" * 40,
        "TEST TEST TEST TEST TEST\n" * 20,
        "OA OB OC u \uf02b \uf02b \uf03d OA OB OC u \uf02b " * 10,
        "• \uf0b7 Item of a list, as a word processor marks it\n" * 10,
        "C C NL U U L L X vocabulary: 5 tokens D " * 20,
        'for (i = 0; i < n; i++) { a[i] = b[i] * c->d; } if (x != y) { return "z"; }\n' * 10,
        "ATGCGTACGTTAGC" * 40,
        "Page 1 \x03\x03\x03 of the contents \x03\x03 and of the index, in which the words are found",
        "(cid:12)",
    ],
)
def test_sound_letters(text: str) -> None:
    assert not has_wrong_letters(text)


MODERN = (
    "二十世纪初，许多城市开始修建自来水厂。水先流进很大的池子，让泥沙慢慢沉到底部，然后经过一层一层的细沙，最后再用氯气消毒，居民才可以放心"
    "饮用。在此之前，人们只能从河里挑水，或者从井里打水，夏天常常因为水不干净而生病。自来水普及以后，城市里得传染病的人明显减少，孩子们也活得"
    "更久了。今天我们打开水龙头就有水，很少有人想到这件事背后有多少工人在日夜工作，也很少有人知道一吨水要经过多少道工序才能送到家里。"
)
CLASSICAL = (
    "子曰：“學而時習之，不亦說乎？有朋自遠方來，不亦樂乎？人不知而不慍，不亦君子乎？”有子曰：“其為人也孝弟，而好犯上者，鮮矣；不好犯上，而好作"
    "亂者，未之有也。君子務本，本立而道生。孝弟也者，其為仁之本與！”曾子曰：“吾日三省吾身：為人謀而不忠乎？與朋友交而不信乎？傳不習乎？”子曰：“道"
    "千乘之國，敬事而信，節用而愛人，使民以時。弟子入則孝，出則弟，謹而信，汎愛眾，而親仁。行有餘力，則以學文。君子不重則不威，學則不固。主忠信，"
    "無友不如己者，過則勿憚改。”"
)
TRADITIONAL = (
    "臺灣的氣候溫暖潮濕，適合種植水稻、甘蔗和茶葉。清朝時期，許多居民從福建和廣東渡海而來，在西部平原開墾荒地，修築水圳，把河水引到田裡。"
    "到了十九世紀後半，茶葉與樟腦成為最重要的出口貨物，商人在淡水河邊設立洋行，船隻往來十分頻繁。鐵路完成之後，南北交通大為便利，城市也跟著"
    "發展起來，新式學校陸續成立，愈來愈多的孩子有機會讀書識字。後來政府在各地設立衛生所，推廣預防接種，改善飲水的品質，傳染病因此大為減少，人口"
    "也跟著增加。農民學會使用新的品種和肥料，稻米的產量提高了一倍以上，多餘的稻米可以賣到外地去。"
)
NAMES = "王淑芬 李昊天 张雨婷 刘梓萱 陈奕辰 杨婉清 赵鑫磊 黄诗琪 周俊杰 吴佳怡 徐浩宇 " * 4
SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳酆鲍史唐费廉岑薛"
    "雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强"
    "贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯昝管卢莫经房裘缪干解应宗丁宣贲邓郁单杭洪包诸左石崔吉钮龚程嵇邢滑裴陆荣翁荀羊於惠"
)
ELEMENTS = (
    "氢氦锂铍硼碳氮氧氟氖钠镁铝硅磷硫氯氩钾钙钪钛钒铬锰铁钴镍铜锌镓锗砷硒溴氪铷锶钇锆铌钼锝钌铑钯银镉铟锡锑碲碘氙铯钡镧铈镨钕"
    "钷钐铕钆铽镝钬铒铥镱镥"
)
JAPANESE = (
    "光合成は葉緑体で行われ、水と二酸化炭素から糖がつくられる。発行済株式総数及自己資本比率減価償却費貸借対照表損益計算書。"
    * 8
)


def shifted(text: str, by: int) -> str:
    """A font whose map begins at another ideograph than its glyphs do."""
    return "".join(chr(ord(char) + by) if "\u4e00" <= char <= "\u9fa5" else char for char in text)


def shuffled(text: str, seed: int) -> str:
    """A font whose map has the right ideographs in another order; most that a text has are common ones."""
    found = sorted({char for char in text if "\u4e00" <= char <= "\u9fa5"})
    others = [chr(code) for code in range(0x4E00, 0x9FA6)]
    drawn = random.Random(seed).sample(others, len(found))  # noqa: S311
    return text.translate({ord(char): other for char, other in zip(found, drawn, strict=True)})


def in_private_use(text: str, every: int) -> str:
    """A font that has no map for some of its glyphs."""
    return "".join(
        chr(0xE000 + ord(char) % 0xFFF) if "\u4e00" <= char <= "\u9fa5" and ord(char) % every == 0 else char
        for char in text
    )


@pytest.mark.parametrize("text", [MODERN, CLASSICAL, TRADITIONAL])
def test_ideographs_that_a_font_maps_to_others_are_noticed(text: str) -> None:
    for by in (1, -2, 29, 300, -700, 2000):
        assert has_wrong_letters(shifted(text, by)), by
    for seed in range(3):
        assert has_wrong_letters(shuffled(text, seed))
    for every in (1, 2, 4):
        assert has_wrong_letters(in_private_use(text, every))
    assert has_wrong_letters(f"Fig. 3 shows the water works of the city. {shifted(text, 7)}")


@pytest.mark.parametrize(
    "text",
    [MODERN, CLASSICAL, TRADITIONAL, NAMES, SURNAMES, ELEMENTS, JAPANESE, "\n".join(ELEMENTS * 3), MODERN + ELEMENTS],
)
def test_sound_ideographs(text: str) -> None:
    assert not has_wrong_letters(text)


def test_marks_of_fonts_of_symbols_are_no_missing_ideographs() -> None:
    assert not has_wrong_letters(MODERN.replace("，", "\uf0b7\uf02b"))


@pytest.mark.parametrize("odd", ["\x01", "\x9f", "\ue000", "\ufffd", "(cid:7)", "\U000f0000"])
def test_english_beside_what_is_no_text_is_looked_at_more_closely(odd: str) -> None:
    assert not has_wrong_letters(ENGLISH)
    assert has_wrong_letters(ENGLISH[:40] + odd * 60)


@pytest.mark.parametrize("harmless", ["\ufffe", "“”", "×", "é", "水", "\u00a0", "ﬁ", "K", "\ud800"])
def test_english_beside_other_signs_is_english(harmless: str) -> None:
    assert not has_wrong_letters(ENGLISH.replace(" ", f" {harmless} ", 5))
