"""Python for model cards: from the output of a transformers model to the answer that people read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ptune.artifacts.recipe import Recipe, tokenized
from ptune.artifacts.route import Route

if TYPE_CHECKING:
    from ptune.artifacts.predict import Predictor


def asking_code(predictor: Predictor, part: int, route: Route, recipe: Recipe, known: int | None = None) -> list[str]:
    """Lines that print what `model` answers to one input, which they make with `tokenizer`.

    Args:
        predictor: the prompt on its backbone.
        part: which of its data sets.
        route: the model.
        recipe: how an input is made; framed where the answer is a likelihood.
        known: how many of the vocabulary's words, its first, may be an answer; None is all.
    """
    words = "" if known is None else f"[:, :{known}]"
    if route.answer == "likelihood":
        return _likelihoods(predictor, recipe, words)
    return [*recipe.code(), *_answer(predictor, part, route, words)]


def _likelihoods(predictor: Predictor, recipe: Recipe, words: str) -> list[str]:
    """Lines that print how likely candidates are: the mean log-probability of their tokens."""
    causal = predictor.backbone.family.reads == "last"
    spaced, behind = recipe.last_text
    word = "' ' + choice" if spaced else "choice"
    # A causal model names a token one place before it; a masked one at a mask that stands for it.
    given = "word" if causal else "[tokenizer.mask_token_id] * len(word)"
    counted = [*(["1"] if causal else []), *(part for part in behind if part != "0")]
    return [
        "",
        "def worth(choice):",
        f"    word = {tokenized(word)}",
        *(f"    {line}" for line in recipe.code(last=given)),
        f"    scores = model(**batch).logits[0]{words}.log_softmax(-1)",
        f"    end = {' - '.join(['len(scores)', *counted])}",
        "    return scores[range(end - len(word), end), word].mean().item()",
        "",
        "print({choice: worth(choice) for choice in ('some choice', 'another choice')})",
    ]


def _answer(predictor: Predictor, part: int, route: Route, words: str) -> list[str]:
    """Lines that print what `model` answers to `batch`, the input of one row."""
    labels = list(predictor.artifact.manifest.sets[part].labels)
    match route.answer:
        case "label":
            return [f"labels = {labels}", "print(dict(zip(labels, model(**batch).logits[0].softmax(-1).tolist())))"]
        case "tags":
            return [f"labels = {labels}", "print([labels[tag] for tag in model(**batch).logits[0].argmax(-1)])"]
        case "edges":
            if route.task == "TOKEN_CLS":
                return ["starts, ends = model(**batch).logits[0].T", "print(starts.argmax(), ends.argmax())"]
            return ["output = model(**batch)", "print(output.start_logits.argmax(), output.end_logits.argmax())"]
        case "labels":
            least = dict(zip(labels, predictor.artifact.manifest.sets[part].thresholds or (), strict=True))
            return [
                f"least = {least}",
                "shares = dict(zip(least, model(**batch).logits[0].sigmoid().tolist()))",
                "print([label for label, share in shares.items() if share >= least[label]], shares)",
            ]
        case "number":
            return ["print(model(**batch).logits.item())"]
        case "worth":
            return ["print(model(**batch).logits.item())  # the candidate that is worth most is chosen"]
        case "entity":
            return ["print(model(**batch).logits[0].softmax(-1)[1].item())  # that the query's entity is the answer"]
        case "text":
            written = f"model.generate(**batch, max_new_tokens={route.most_tokens}, do_sample=False)[0]"
            return [f"print(tokenizer.decode({written}, skip_special_tokens=True))"]
        case "word":
            return [_at_masks(predictor) + words, "print(tokenizer.decode(scores[0].argmax()))"]
        case "label words":
            worth = "torch.stack([scores[range(len(word)), word].sum() for word in some]).mean().item()"
            return [
                f"words = {_label_tokens(predictor, part)}",
                _at_masks(predictor),
                f"print({{label: {worth} for label, some in words.items()}})",
            ]
        case _:
            raise AssertionError(f"{route.answer} is answered otherwise")


def with_imports(code: Sequence[str]) -> list[str]:
    """The lines, behind the import of torch where they need it."""
    return ["import torch", *code] if any("torch." in line for line in code) else list(code)


def _at_masks(predictor: Predictor) -> str:
    """The vocabulary's scores [M, V] at the places of the words."""
    if predictor.backbone.family.reads == "last":
        return "scores = model(**batch).logits[0, -1:]"
    # A model under virtual tokens has scores for these, too: the input's own come last.
    places = "batch['input_ids'][0] == tokenizer.mask_token_id"
    return f"scores = model(**batch).logits[0, -len(batch['input_ids'][0]):][{places}]"


def _label_tokens(predictor: Predictor, part: int) -> dict[str, list[list[int]]]:
    """The tokens of each word of each label."""
    from ptune.prompts.heads import Verbalizer

    layout, kind = predictor.layouts[part], predictor.task.kinds[part]
    spec = kind.head_spec(layout)
    assert isinstance(spec, Verbalizer), "a classification without a trained head has one"
    labels = predictor.artifact.manifest.sets[part].labels
    return {label: [list(word) for word in words] for label, words in zip(labels, spec.words, strict=True)}
