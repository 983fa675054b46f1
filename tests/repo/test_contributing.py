"""CONTRIBUTING.md keeps its word: the places of an addition exist, are few, and are all that there are."""

import ast
import re
from functools import cache

import pytest

from support.repository import PACKAGE, ROOT, modules, nodes

LIMITS = {
    "A prompt encoder": 4,
    "A sampler": 2,
    "A scheduler": 3,
    "A tracker": 3,
    "An objective": 1,
    "A cost": 3,
    "A kind of task": 8,
    "A prompt method": 7,
    "A family of backbones": 1,
    "An export format": 3,
}
EXAMPLES = {
    "A prompt encoder": [
        {"LstmEncoder", "lstm"},
        {"MlpEncoder"},
        {"BottleneckEncoder"},
    ],
    "A sampler": [
        {"TPESampler", "tpe"},
    ],
    "A scheduler": [
        {"Asha", "asha"},
        {"AshaStopping", "BestShare", "asha_stopping"},
        {"Pasha", "GrowingRungs", "pasha"},
        {"Hyperband", "Brackets", "hyperband"},
        {"RunningMedian"},
        {"Screen", "Screening", "screen"},
    ],
    "A tracker": [
        {"MlflowTracker"},
    ],
    "An objective": [
        {"MINIMIZED"},
    ],
    "A cost": [
        {"MEMORY"},
    ],
    "A kind of task": [
        {"ClassificationData", "ClassificationKind", "ptune.spec.task.Classification"},
        {"MultilabelData", "MultilabelKind", "ptune.spec.task.Multilabel", "multilabel"},
        {"RegressionData", "RegressionKind", "ptune.spec.task.Regression", "regression"},
        {"ClozeData", "ClozeKind", "ptune.spec.task.Cloze", "cloze"},
        {"TokensData", "TokensKind", "ptune.spec.task.Tokens"},
        {"SpanData", "SpanKind", "ptune.spec.task.Span"},
        {"ChoiceData", "ChoiceKind", "ptune.spec.task.Choice"},
        {"EntityData", "EntityKind", "ptune.spec.task.Entity"},
        {"InfillData", "InfillKind", "ptune.spec.task.Infill"},
        {"GenerationData", "GenerationKind", "ptune.spec.task.Generation", "generation"},
    ],
    "An export format": [
        {"Native"},
        {"Vllm"},
        {"Hf"},
    ],
    "A prompt method": [
        {"PromptV1"},
        {"PromptV2"},
        {"PromptTuning", "prompt_tuning"},
        {"ManualPrompt", "manual"},
        {"NoPrompt"},
    ],
}
"""What the code calls an addition that is there already: its classes, and its name in a job."""


def sections():
    """The numbered places of each addition, as CONTRIBUTING.md lists them."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    parts = re.split(r"^### (.+)$", text[text.index("## Additions") :], flags=re.MULTILINE)[1:]
    bodies = zip(parts[::2], parts[1::2], strict=True)
    return {title: re.findall(r"^\d+\. `([^`]+)`", body, re.MULTILINE) for title, body in bodies}


PLACES = sections()


def imported(node):
    """The names that an import brings in, alone and with their module: `Span` may be another module's, too."""
    return {name for alias in node.names for name in (alias.name, f"{node.module}.{alias.name}")}


@cache
def words(path):
    """Every name and every whole string of a module's code; docstrings are no code."""
    texts = {id(node.value) for node in nodes(path) if isinstance(node, ast.Expr)}
    found = {node.value for node in nodes(path) if isinstance(node, ast.Constant) and id(node) not in texts}
    found |= {node.id for node in nodes(path) if isinstance(node, ast.Name)}
    found |= {node.attr for node in nodes(path) if isinstance(node, ast.Attribute)}
    found |= {node.name for node in nodes(path) if isinstance(node, ast.ClassDef)}
    found |= {name for node in nodes(path) if isinstance(node, ast.ImportFrom) for name in imported(node)}
    return found


def mentions(names):
    """The modules whose code names one of `names`, as paths inside the package."""
    return {path.relative_to(PACKAGE).as_posix() for path in modules().values() if words(path) & names}


def test_every_addition_has_its_list():
    assert PLACES.keys() == LIMITS.keys()


@pytest.mark.parametrize("addition", LIMITS)
def test_the_places_of_an_addition_exist_and_are_few(addition):
    assert 0 < len(PLACES[addition]) <= LIMITS[addition]
    missing = [place for place in PLACES[addition] if not (PACKAGE / place).exists()]
    assert not missing


@pytest.mark.parametrize(
    ("addition", "names"),
    [(addition, names) for addition, examples in EXAMPLES.items() for names in examples],
    ids=lambda value: value if isinstance(value, str) else "/".join(sorted(value)),
)
def test_the_places_of_an_addition_are_all_that_name_one(addition, names):
    files = mentions(names)
    assert files, f"nothing is called {names}"
    folders = [place.rstrip("/") for place in PLACES[addition] if place.endswith("/")]
    for file in sorted(files - set(PLACES[addition])):
        folder = file.rpartition("/")[0]
        assert folder in folders, f"{file} names one of {names}, and CONTRIBUTING.md does not list it"
        folders.remove(folder)


def test_a_place_that_is_not_listed_is_noticed():
    assert mentions({"LstmEncoder"}) == {"prompts/encoders.py", "prompts/build.py"}
    assert not mentions({"there is no such name in the package"})
