"""A job whose layers are to be compiled is told what keeps them from that, before anything starts."""

import pytest

from ptune.backbone.profile import read_profile
from ptune.checks.compiled import compile_problems
from ptune.spec.job import BackboneSpec
from ptune.spec.resources import Resources


@pytest.mark.parametrize(
    ("family", "backbone", "resources", "reasons"),
    [
        ("bert", {}, {}, []),
        ("albert", {}, {"compile": False}, []),
        ("albert", {}, {}, ["runs as a whole and not layer by layer"]),
        ("bert", {"quantization": "int8"}, {}, ["the backbone is quantized to int8"]),
        ("llama", {"quantization": "int8"}, {"gpus_per_engine": 2}, ["quantized to int8", "spread over 2 GPUs"]),
    ],
)
def test_each_reason_is_said(family, backbone, resources, reasons, tiny_backbone):
    asked, chosen = Resources(**{"compile": True, **resources}), BackboneSpec(id="some", **backbone)
    problems = compile_problems(asked, chosen, read_profile(tiny_backbone(family)))
    assert [problem.place for problem in problems] == [("resources", "compile")] * len(reasons)
    for problem, reason in zip(problems, reasons, strict=True):
        assert problem.text.startswith("must be false, because ")
        assert problem.text.endswith(reason)
