"""SQuAD's scores of answers that are texts (Rajpurkar et al. 2016), which ReCoRD has, too."""

from __future__ import annotations

from collections.abc import Sequence


def squad_scores(answers: Sequence[str], accepted: Sequence[Sequence[str]]) -> dict[str, float]:
    """`f1` over words and `exact_match`, between 0 and 1: the best over each question's accepted answers, on average.

    Case, punctuation and articles do not count. A question that accepts nothing accepts the empty answer.

    Args:
        answers: an answer to each question.
        accepted: the accepted answers of each.
    """
    from torchmetrics.functional.text import squad  # a second, which searches of other kinds need not spend

    scores = squad(
        [{"prediction_text": answer, "id": str(number)} for number, answer in enumerate(answers)],
        [
            {"answers": {"text": list(texts) or [""], "answer_start": [0]}, "id": str(number)}
            for number, texts in enumerate(accepted)
        ],
    )
    return {"f1": float(scores["f1"]) / 100, "exact_match": float(scores["exact_match"]) / 100}
