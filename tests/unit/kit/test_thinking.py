"""What a model thinks is set apart from what it answers, however the text is cut."""

from __future__ import annotations

import pytest

from services.kit.thinking import ThinkingFilter


def answer(text: str, size: int) -> tuple[str, bool]:
    """What is left of a text that comes in pieces, and whether anything was thought."""
    subject = ThinkingFilter()
    kept = ""
    for written in (*(subject.feed(text[i : i + size]) for i in range(0, len(text), size)), subject.close()):
        kept = written.text if written.anew else kept + written.text
    return kept, subject.thought


THOUGHT = {
    "<think>Water? [1] {x}</think>Water boils [1].": "Water boils [1].",
    "<thinking>\na\n</thinking>\n\nYes.": "\n\nYes.",
    "<Think>a [1]</Think>Yes.": "Yes.",
    "<innerThinking>a</innerThinking>Yes.": "Yes.",
    "<thought>a</thought><think>b</think>Yes.": "Yes.",
    "<seed:think>a</seed:think>Yes.": "Yes.",
    "<reasoning>a < b</reasoning>Yes, a < b.": "Yes, a < b.",
    "Okay, the user asks [1].\n</think>\nWater boils [1].": "\nWater boils [1].",
    "Water <think>or ice?</think>boils.": "Water boils.",
    "[THINK]a[/THINK]Yes [1].": "Yes [1].",
    "◁think▷a◁/think▷是的[1]。": "是的[1]。",
    "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|return|>": "Yes.",
    "<|channel|>commentary to=f<|message|>{}<|channel|>final<|message|>Yes.": "Yes.",
    "<think>never ends [1]": "",
    "<|START_THINKING|>a<|END_THINKING|>Yes.": "Yes.",
}
PLAIN = [
    "Water boils at 100 °C [1].",
    "If a < b and b > c, then <b>this</b> [2] holds; x < 3",
    "Some models write `<think>` and `</think>` around it.",
    "A list: [1][2] [T",
    "他想：<什么>？[1]",
    "<",
    "I think so.",
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("text", THOUGHT)
def test_thinking_is_left_out(text: str, size: int) -> None:
    assert answer(text, size) == (THOUGHT[text], True)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("text", PLAIN)
def test_a_text_without_thinking_stays_as_it_is(text: str, size: int) -> None:
    assert answer(text, size) == (text, False)


def test_text_is_not_held_back_without_need() -> None:
    assert ThinkingFilter().feed("Water boils at 100 degrees [1]. ").text == "Water boils at 100 degrees [1]. "
