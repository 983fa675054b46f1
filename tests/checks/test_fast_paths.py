"""A job that switches a fast path on is told what keeps its backbone from that, before anything starts."""

import pytest

from ptune.backbone.profile import read_profile
from ptune.checks.fast_paths import fast_path_problems
from ptune.spec.job import BackboneSpec
from ptune.spec.resources import Resources
from support.families import make_backbone

WHOLE, QUANTIZED, SPREAD = "runs as a whole and not layer by layer", "is quantized to int8", "are spread over 2 GPUs"
RECOMPUTED = "layers that are recomputed are not replayed"
BOTH = {"unpadded": True, "cuda_graphs": True}
ATTENTION = {"unpadded": True, "unpadded_attention": True}
BOTH_REFUSED = ("cuda_graphs", "unpadded passes have other shapes each time")
SEEN = "may not see their whole rows"


@pytest.mark.parametrize(
    ("family", "backbone", "resources", "refused"),
    [
        ("bert", {}, {"compile": True}, []),
        ("bert", {}, BOTH, [BOTH_REFUSED]),
        ("albert", {}, {}, []),
        ("albert", {}, {"compile": True}, [("compile", WHOLE)]),
        ("albert", {}, {"unpadded": True}, [("unpadded", WHOLE)]),
        ("albert", {}, {"cuda_graphs": True}, [("cuda_graphs", WHOLE)]),
        ("xmod", {}, {"unpadded": True}, [("unpadded", "ask which row a token is of")]),
        ("bert", {}, ATTENTION, []),
        ("mistral", {}, ATTENTION, []),
        ("bert", {"quantization": "int8"}, {**ATTENTION, "gpus_per_engine": 2}, []),
        ("bert", {}, {"unpadded_attention": True}, [("unpadded_attention", "unpadded is false")]),
        ("bert", {}, {**ATTENTION, "device": "cpu"}, [("unpadded_attention", "device is 'cpu'")]),
        ("bert", {"dtype": "float32"}, ATTENTION, [("unpadded_attention", "dtype is 'float32'")]),
        ("modernbert", {}, ATTENTION, [("unpadded_attention", SEEN)]),
        ("gemma2", {}, ATTENTION, [("unpadded_attention", SEEN)]),
        ("albert", {}, ATTENTION, [("unpadded", WHOLE), ("unpadded_attention", WHOLE)]),
        (
            "xmod",
            {},
            ATTENTION,
            [("unpadded", "ask which row a token is of"), ("unpadded_attention", "ask which row a token is of")],
        ),
        ("bert", {}, {**ATTENTION, "cuda_graphs": True}, [BOTH_REFUSED]),
        ("bert", {"quantization": "int8"}, {"unpadded": True, "gpus_per_engine": 2}, []),
        ("bert", {"quantization": "int8"}, {"compile": True}, [("compile", QUANTIZED)]),
        ("bert", {"quantization": "int8"}, {"cuda_graphs": True}, [("cuda_graphs", QUANTIZED)]),
        ("llama", {}, {"compile": True, "gpus_per_engine": 2}, [("compile", SPREAD)]),
        ("llama", {}, {"cuda_graphs": True, "gpus_per_engine": 2}, [("cuda_graphs", SPREAD)]),
        ("llama", {}, {"cuda_graphs": True, "device": "cpu"}, [("cuda_graphs", "device is 'cpu'")]),
        (
            "llama",
            {},
            {"cuda_graphs": True, "checkpointing": "always"},
            [("cuda_graphs", RECOMPUTED)],
        ),
        ("llama", {}, {"cuda_graphs": True, "compile": True}, [("cuda_graphs", "the layers are compiled")]),
    ],
)
def test_each_reason_is_said(family, backbone, resources, refused, tiny_backbone):
    profile = read_profile(tiny_backbone(family))
    problems = fast_path_problems(Resources(**resources), BackboneSpec(id="some", **backbone), profile)
    assert [problem.place for problem in problems] == [("resources", path) for path, _ in refused]
    for problem, (_, reason) in zip(problems, refused, strict=True):
        assert problem.text.startswith("must be false, because ")
        assert problem.text.endswith(reason)


@pytest.mark.parametrize(
    ("family", "changes", "reason"),
    [
        (
            "mistral",
            {"sliding_window": 8},
            "may not see their whole rows unless its config.json turns sliding_window off",
        ),
        ("bert", {"num_attention_heads": 8}, "are 4 wide, which the kernel does not take"),
    ],
)
def test_a_config_may_keep_attention_on_rows(family, changes, reason, tmp_path):
    profile = read_profile(make_backbone(family, tmp_path / family, **changes))
    (problem,) = fast_path_problems(Resources(**ATTENTION), BackboneSpec(id="some"), profile)
    assert problem.place == ("resources", "unpadded_attention")
    assert problem.text.endswith(reason)
