from __future__ import annotations

import pytest

from services.language.detection import detect_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("光合作用是绿色植物利用光能的过程。", "zh"),
        ("The cell is the basic unit of life, and it is small.", "en"),
        ("DNA 是遗传物质，RNA 参与蛋白质的合成，ATP 提供能量。", "zh"),
        ("これは日本語の文章です。漢字も使います。", "ja"),
        ("세포는 생명의 기본 단위이다.", "ko"),
        ("Клетка является основной единицей жизни.", "und"),
        ("La cellule est l'unité de base de la vie et elle contient le noyau qui porte des gènes; " * 3, "und"),
        ("123 + 456", "und"),
        ("Newton", "en"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert detect_language(text) == language
