"""What an artifact says of itself, held against itself and against the backbone that is loaded for it.

Nothing of it is believed unchecked: descriptions are files, and files are edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ptune.artifacts.artifact import Manifest, TaskSet, template_of
from ptune.errors import ArtifactError, PtuneError
from ptune.spec.data import Data

if TYPE_CHECKING:
    from ptune.backbone.backbone import Backbone


def contradictions(manifest: Manifest) -> Iterator[str]:
    """What a description says that cannot be, a phrase for each data set and each thing.

    Labels are those of the kind where it has no others; a threshold stands for each label where the kind decides by
    thresholds, and nowhere else; and an input is laid out as it follows from the prompt and the data.
    """
    sets = manifest.task.sets
    if len(sets) != len(manifest.sets):
        yield f"its task has {len(sets)} data sets, and {len(manifest.sets)} are described"
        return
    for task_set, data in zip(manifest.sets, sets, strict=True):
        thresholds = task_set.thresholds or []
        if manifest.task.decides and len(thresholds) != len(task_set.labels):
            yield f"{task_set.name} has {len(task_set.labels)} labels, and a threshold for {len(thresholds)}"
        elif thresholds and not manifest.task.decides:
            yield f"{task_set.name} has thresholds, and a task of kind {manifest.task.kind!r} has none"
        labels = data.kind_labels
        if labels is not None and task_set.labels != list(labels):
            yield f"the labels of {task_set.name} must be {list(labels)}, got {task_set.labels[:5]}"
        yield from _layout(manifest, task_set, data)


def _layout(manifest: Manifest, task_set: TaskSet, data: Data) -> Iterator[str]:
    try:
        template = template_of(manifest.prompt, data, manifest.head)
    except PtuneError as error:
        yield str(error)
        return
    if task_set.template != template:
        yield f"the template of {task_set.name} is {template!r} by its prompt and its data, got {task_set.template!r}"


def check_room(manifest: Manifest, backbone: Backbone) -> None:
    """Check that the longest input ends before the backbone's last position.

    Raises:
        ArtifactError: it does not, so that nothing was trained like this.
    """
    positions = backbone.shape.max_positions
    if positions is None:
        return
    for task_set, data in zip(manifest.sets, manifest.task.sets, strict=True):
        behind = data.longest_target if backbone.family.reads == "last" else 0
        longest = manifest.shift + data.max_length + behind
        if longest > positions:
            raise ArtifactError(
                f"the artifact is damaged: inputs of {task_set.name} may take {longest} positions, and {backbone.id} "
                f"has {positions}"
            )


def check_answer(prediction: Mapping[str, Any]) -> None:
    """Check that an answer holds numbers.

    Raises:
        ArtifactError: a number of it is none.
    """
    values = [*prediction.values()]
    while values:
        value = values.pop()
        if isinstance(value, Mapping):
            values += value.values()
        elif isinstance(value, float) and value != value:
            raise ArtifactError(
                "the prompt's answer holds a number that is none (NaN): its tensors are damaged, or too large for the "
                "type of the backbone's weights"
            )
