"""A verbalizer: the words of the backbone's own vocabulary that stand for labels at a template's [MASK]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ptune.data.templates import Layout
from ptune.errors import SpecError, nearest

LabelWords = tuple[tuple[tuple[int, ...], ...], ...]
"""Token ids of every mask of every word of every label: [C][K][M]."""


def label_words(words: Mapping[str, Sequence[str]], labels: Sequence[str], layout: Layout) -> LabelWords:
    """Token ids of each label's words, one for each [MASK] of the layout, as they stand there.

    Raises:
        SpecError: the template has no [MASK], a label has no word, a word is not as many tokens as there are masks,
            or two labels share a word; one line for each problem.
    """
    if layout.masks == 0:
        raise SpecError(
            "a verbalizer reads words at [MASK], and the template has none: write [MASK] where the word goes"
        )
    problems = [
        f"the verbalizer has no word for the label {label!r}{nearest(label, words)} (it has: {', '.join(words)})"
        for label in labels
        if label not in words
    ]
    problems += [
        f"the verbalizer has a word for {label!r}, which is not a label{nearest(label, labels)} "
        f"(labels: {', '.join(labels)})"
        for label in words
        if label not in labels
    ]
    if problems:
        raise SpecError("\n".join(problems))
    label_tokens = {label: [_tokens(word, label, layout, problems) for word in words[label]] for label in labels}
    owner: dict[tuple[int, ...], str] = {}
    for label in labels:
        for word, tokens in zip(words[label], label_tokens[label], strict=True):
            first = owner.setdefault(tokens, label)
            if first != label:
                problems.append(f"the verbalizer's word {word!r} stands for both {first!r} and {label!r}")
    if problems:
        raise SpecError("\n".join(problems))
    return tuple(tuple(label_tokens[label]) for label in labels)


def _tokens(word: str, label: str, layout: Layout, problems: list[str]) -> tuple[int, ...]:
    tokens = layout.word(word)
    unknown = layout.unknown_token
    if len(tokens) != layout.masks or unknown in tokens:
        problem = "holds an unknown token" if unknown in tokens else f"is {len(tokens)} tokens"
        problems.append(
            f"the verbalizer's word {word!r} for {label!r} {problem} in this backbone's vocabulary, and the template "
            f"has {layout.masks} [MASK]: choose words of exactly that many tokens"
        )
    return tuple(tokens)
