from __future__ import annotations

from services.language.tokens import cautious_tokens
from services.retrieval.domain.answering.context_window import fit
from tests.unit.retrieval.fakes import hit


def test_passages_that_fit_stay_whole() -> None:
    hits = [hit("Water is blue. " * 10, i) for i in range(3)]
    assert fit("q", hits, 4096, 512) == hits


def test_the_first_that_does_not_fit_is_cut_at_a_sentence_and_ends_the_list() -> None:
    hits = [hit("Short one.", 0), hit("Every sentence here has six words. " * 100, 1), hit("Tiny.", 2)]
    fitting = fit("q", hits, 1024, 512)
    assert len(fitting) == 2
    whole, cut = hits[1].chunk, fitting[1].chunk
    assert 0 < len(cut.text) < len(whole.text)
    assert cut.text.endswith(".")
    assert whole.text.startswith(cut.text)
    assert (cut.start, cut.end - cut.start) == (whole.start, len(cut.text))
    assert sum(cautious_tokens(h.chunk.text) for h in fitting) < 1024 - 512


def test_nothing_fits_beside_a_huge_question() -> None:
    assert fit("word " * 5000, [hit("A passage.")], 4096, 512) == []
