"""An engine's memory, counted before it is there; a job that does not fit is told what to change."""

from dataclasses import replace

import pytest

from ptune.backbone.load import load_backbone
from ptune.backbone.profile import read_profile
from ptune.checks.largest import largest
from ptune.checks.memory import GIB, in_gib, memory_problems, needs
from ptune.errors import SpecError
from ptune.run import load
from ptune.spec.prompt import Widths, numbers_of
from ptune.spec.trial import TrialSpec
from support.families import TINY, make_backbone
from support.small_jobs import small_job
from support.worlds import CONFIGS, TUNED


def changed(job, **tables):
    """A job with other values in some of its tables."""
    return type(job).model_validate(
        {**job.model_dump(), **{name: {**job.model_dump()[name], **values} for name, values in tables.items()}}
    )


def on(job, folder, device="cpu"):
    return needs(job, read_profile(folder).dimensions, device)


@pytest.mark.parametrize(
    "more",
    [
        {"resources": {"slots": 40}},
        {"resources": {"token_budget": 10**6}},
        {"resources": {"flat_gradients": True}},
        {"space": {"parameters": {"method": [{"value": "head"}], "backbone_lr": [{"value": 1e-4}]}, "baseline": []}},
        {"space": {"parameters": {"method": [{"value": "v1"}], "hidden": [{"value": 900}]}, "baseline": []}},
        {"space": {"parameters": {"method": [{"value": "v2"}], "length": [{"low": 2, "high": 64}]}, "baseline": []}},
    ],
    ids=["slots", "token budget", "flat gradients", "tuned backbones", "encoders", "prompts"],
)
def test_what_takes_memory_counts(more, tiny_backbone, tmp_path):
    folder = tiny_backbone("bert")
    job = small_job(tmp_path, folder)
    if "space" in more:
        job = changed(job, space={"parameters": {"method": [{"value": "head"}]}, "baseline": []})
    assert on(changed(job, **more), folder).total > on(job, folder).total


def test_graphs_hold_a_pass_of_their_own_until_memory_is_short(tiny_backbone, tmp_path):
    folder = tiny_backbone("bert")
    job = small_job(tmp_path, folder)
    replayed = changed(job, resources={"cuda_graphs": True})
    plain, beside = on(job, folder, "cuda"), on(replayed, folder, "cuda")
    assert beside.passing == 2 * plain.passing
    assert beside.least == plain.least
    assert on(replayed, folder) == on(job, folder), "CPUs have no graphs"


def test_each_of_several_gpus_holds_a_share(tiny_backbone, tmp_path):
    folder = tiny_backbone("gpt2")
    job = small_job(tmp_path, folder)
    spread = changed(job, resources={"gpus_per_engine": 2})
    one, two = on(job, folder, "cuda"), on(spread, folder, "cuda")
    assert one.weights / 2 <= two.weights < one.weights
    assert two.passes[0].kept < one.passes[0].kept
    assert on(spread, folder).weights == on(job, folder).weights, "CPUs hold all of it"
    quantized = on(changed(spread, backbone={"quantization": "int8"}), folder, "cuda")
    assert 0 < quantized.weights < two.weights


@pytest.mark.parametrize("family", ["bert", "roberta", "llama", "distilbert"])
def test_prompts_are_counted_to_the_number(family, tiny, tiny_backbone, tmp_path):
    from ptune.prompts.build import build_learner
    from ptune.prompts.heads import Linear

    sizes = read_profile(tiny_backbone(family)).dimensions
    widths = Widths(sizes.layers, sizes.hidden, sizes.embedding, sizes.prefix)
    for config in CONFIGS.values():
        spec = TrialSpec.from_config(config)
        learner = build_learner(spec.prompt, tiny(family), [Linear(2)], seed=0, description="red cold")
        trained = sum(one.numel() for one in learner.prompt_parameters if one.requires_grad)
        assert numbers_of(spec.prompt, widths)[0] == trained, config


def test_the_largest_trial_of_a_space_is_that_of_its_greatest_values(tiny, tiny_backbone, tmp_path):
    folder = tiny_backbone("bert")
    sizes = read_profile(folder).dimensions
    job = small_job(tmp_path, folder)

    def most(**parameters):
        tables = {name: [values] for name, values in parameters.items()}
        return largest(changed(job, space={"parameters": tables, "baseline": []}).space, sizes)

    v2 = {"method": {"value": "v2"}, "length": {"low": 2, "high": 9}}
    assert (most(**v2).prefix, most(**v2).prompted, most(**v2).kept) == (9, 3, 3)
    last = most(**v2, depth={"low": 1, "high": 2})
    assert (last.prompted, last.kept) == (2, 2)
    first = most(**v2, depth={"value": 1}, side={"value": "first"})
    assert (first.prompted, first.kept) == (1, 3), "all layers above the prompt keep their states"
    assert most(method={"value": "head"}).kept == 0
    assert most(method={"value": "head"}, backbone_lr={"value": TUNED["fine-tuned"]["backbone_lr"]}).tuned


def test_an_engine_on_a_gpu_holds_half_of_the_bytes_that_weights_take_as_float32(minilm, tmp_path):
    job = changed(small_job(tmp_path, minilm), backbone={"dtype": "auto"})
    numbers = sum(one.numel() for one in load_backbone(str(minilm)).parameters())
    assert on(job, minilm, "cuda").weights * 2 == on(job, minilm).weights
    assert on(job, minilm).weights == pytest.approx(4 * numbers, rel=0.001)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "t5"])
def test_quantized_weights_are_counted_as_they_are(family, dtype, tmp_path):
    sizes = {"hidden_size": 128, "intermediate_size": 256, "d_model": 128, "d_ff": 256, "n_embd": 128, "n_layer": 12}
    told = TINY[family].config
    layers = {name: 12 for name in ("num_hidden_layers", "num_layers", "num_decoder_layers") if name in told}
    folder = make_backbone(family, tmp_path / family, **{name: sizes.get(name, told[name]) for name in told} | layers)
    job = changed(small_job(tmp_path, folder), backbone={"dtype": dtype, "quantization": "int8"})
    counted = on(job, folder)
    backbone = load_backbone(str(folder), dtype=dtype, quantization="int8")
    held = sum(
        part.nbytes
        for one in backbone.parameters()
        for part in ((one.qdata, one.scale) if hasattr(one, "qdata") else (one,))
    )
    multiplied = counted.sizes.hidden * counted.sizes.inner * backbone.dtype.itemsize
    assert counted.weights - multiplied == pytest.approx(held, rel=0.05)
    assert counted.weights < 0.75 * on(changed(job, backbone={"quantization": None}), folder).weights


DTYPE, INT8, GPUS = 'backbone.dtype = "bfloat16"', 'backbone.quantization = "int8"', "resources.gpus_per_engine = "
TUNING = {"parameters": {"method": [{"value": "head"}], "backbone_lr": [{"value": 1e-4}]}, "baseline": []}


@pytest.mark.parametrize(
    ("device", "tables", "told"),
    [
        ("cpu", {}, [DTYPE, INT8]),
        ("cpu", {"backbone": {"dtype": "bfloat16"}}, [INT8]),
        ("cpu", {"backbone": {"dtype": "float32", "quantization": "int8"}}, [DTYPE]),
        ("cpu", {"backbone": {"dtype": "bfloat16", "quantization": "int8"}}, []),
        ("cpu", {"space": TUNING}, [DTYPE]),
        ("cuda", {"backbone": {"dtype": "auto"}}, [INT8, GPUS]),
        ("cuda", {}, [DTYPE, INT8, GPUS]),
        ("cuda", {"resources": {"gpus_per_engine": 2}}, [DTYPE]),
        ("cuda", {"space": TUNING}, [DTYPE]),
        ("cuda", {"backbone": {"quantization": "int8"}}, [DTYPE, GPUS]),
    ],
)
def test_a_device_too_small_for_the_weights_is_told_what_helps_and_is_allowed(device, tables, told, minilm, tmp_path):
    job = small_job(tmp_path, minilm)
    job = changed(job, **{"backbone": {"dtype": "float32"}, **tables})
    needed = replace(on(job, minilm, device), beside=0, row=0, slot=1)
    (problem,) = memory_problems(needed, needed.weights - 1, job.task)
    assert [key for key in (DTYPE, INT8, GPUS) if key in problem.text] == told
    assert ("take a smaller backbone" in problem.text) == (not told)
    assert problem.place == ("backbone", "dtype" if DTYPE in told else "id")
    gpus = problem.text.partition(GPUS)[2].partition(" ")[0]
    for key, count in ((f"{GPUS}{gpus}", int(gpus or 1)), (DTYPE, needed.gpus)):
        if key in told or count > needed.gpus:
            dtype = "bfloat16" if key == DTYPE else job.backbone.dtype
            there = changed(job, backbone={"dtype": dtype}, resources={"gpus_per_engine": count})
            assert f"{key} makes the weights {in_gib(on(there, minilm, device).weights)}" in problem.text


def test_a_pass_has_as_many_tokens_as_fit_beside_weights_and_slots(minilm, tmp_path):
    needed = on(small_job(tmp_path, minilm), minilm, "cuda")
    assert needed.tokens_in(needed.total) > 0.9 * needed.tokens
    half = (needed.total + needed.least) // 2
    assert 0.3 < needed.tokens_in(half) / needed.tokens < 0.7
    assert needed.tokens_in(needed.beside) == 0
    assert needed.tokens_in(100 * needed.total) == needed.tokens


def test_what_does_not_fit_is_told_with_what_to_change(minilm, tmp_path):
    job = small_job(tmp_path, minilm)
    needed = on(job, minilm)
    assert memory_problems(needed, needed.least, job.task) == []

    (weights,) = memory_problems(needed, needed.beside, job.task)
    assert (weights.place, "bfloat16" in weights.text) == (("backbone", "dtype"), True)
    (row,) = memory_problems(replace(needed, row=64 * GIB), 4 * GIB, job.task)
    assert (row.place, "max_length" in row.text) == (("task", "data", "max_length"), True)
    room = needed.beside + needed.weights + needed.row + 2 * needed.slot
    (slots,) = memory_problems(needed, room, job.task)
    assert slots.place == ("resources", "slots")
    assert slots.text.startswith("slots <= 2 must hold")
    fewer = changed(job, resources={"slots": 2})
    assert memory_problems(on(fewer, minilm), room, job.task) == []


def test_an_engine_that_cannot_fit_is_not_begun(minilm, tmp_path, monkeypatch, caplog):
    job = small_job(tmp_path, minilm)
    monkeypatch.setattr(load, "room_of", lambda _, _gpus: on(job, minilm).beside)
    with pytest.raises(SpecError, match=r"backbone.dtype: the backbone's weights take .* take a larger device"):
        load.load_job_backbone(job, "cpu")

    monkeypatch.setattr(load, "room_of", lambda _, _gpus: on(job, minilm).least)
    load.check_room(job, "cpu")
    assert not caplog.text
    load.check_room(changed(job, resources={"token_budget": 10**6}), "cpu")
    assert "passes of 1000000 tokens may not fit into memory" in caplog.text
