"""Letters that are surely wrong are noticed, and no others."""

from __future__ import annotations

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
