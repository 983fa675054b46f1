"""Generation: what is trained is what is written, and what is written is what transformers and PEFT write."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import sacrebleu
import torch
from peft import PrefixTuningConfig, TaskType, get_peft_model, set_peft_model_state_dict
from tokenizers.processors import TemplateProcessing
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from ptune.backbone.cache import StateCache
from ptune.backbone.families import FAMILIES
from ptune.backbone.load import load_backbone
from ptune.data.sources import Split, Splits
from ptune.engine.fused import Engine
from ptune.engine.reference import predict_alone, score
from ptune.errors import SpecError
from ptune.prompts import greedy_decode as decoding
from ptune.prompts.draws import Draws
from ptune.prompts.forward import MiniBatch, forward
from ptune.prompts.greedy_decode import greedy_decode
from ptune.prompts.rows import Examples, Row
from ptune.run.trials import TrialFactory
from ptune.tasks.generation import GenerationAnswer, GenerationKind
from support.closeness import close, close_gradients
from support.written_texts import MOST, echoes, make_writer, stories, writing_job, writing_trial

CAUSAL = ["gpt2", "llama", "qwen2"]
DECODERS = ["t5", "bart"]
every_model = pytest.mark.parametrize("family", [*CAUSAL, *DECODERS])
CONFIGS = {
    "v2": {"method": "v2", "length": 5, "dropout": 0.2, "batch_size": 6},
    "v2 of some layers": {"method": "v2", "length": 3, "depth": 1, "batch_size": 5},
    "v1": {"method": "v1", "length": 4, "template": "around", "batch_size": 4},
    "prompt tuning": {"method": "prompt_tuning", "length": 4, "batch_size": 7},
}
STORY_TRIALS = {"alone": {"method": "manual"}, "prompted": {"method": "v2", "length": 10, "lr": 0.05, "batch_size": 6}}


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    """A function from a family's name to its tiny language model, loaded with its head."""
    folder = tmp_path_factory.mktemp("writers")
    return cache(lambda family: load_backbone(str(make_writer(family, folder / family)), lm=True))


@every_model
def test_one_packed_pass_gives_every_learner_its_own_loss_and_gradients(family, tiny_language_model, tmp_path):
    backbone = load_backbone(str(tiny_language_model(family)), lm=True)
    trials = [writing_trial(backbone, tmp_path, number, **config) for number, config in enumerate(CONFIGS.values())]
    draws = [Draws.of_step(torch.Generator().manual_seed(number)) for number in range(len(trials))]
    groups = [
        MiniBatch(learner, plan.train, np.arange(plan.recipe.batch_size), 0.0, own_draws)
        for (plan, learner), own_draws in zip(trials, draws, strict=True)
    ]
    scored = forward(backbone, groups)
    losses = [plan.task.loss(one) for (plan, _), one in zip(trials, scored, strict=True)]
    torch.stack(losses).sum().backward()

    for number, (config, group) in enumerate(zip(CONFIGS.values(), groups, strict=True)):
        plan, learner = writing_trial(backbone, tmp_path, number, **config)
        own_draws = Draws.of_step(torch.Generator().manual_seed(number))
        loss = plan.task.loss(score(backbone, learner, plan.train, group.indices, 0.0, own_draws))
        loss.backward()
        close(losses[number], loss)
        for (name, packed), alone in zip(group.learner.named_parameters(), learner.parameters(), strict=True):
            assert alone.grad.abs().max() > 0
            close_gradients(packed.grad, alone.grad, name)


@every_model
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_answers_do_not_depend_on_what_else_is_in_the_batch(family, config, writer, tmp_path):
    backbone = writer(family)
    plan, learner = writing_trial(backbone, tmp_path, **config)
    together = plan.task.predict(backbone, learner, plan.dev, 4_000)
    apart = plan.task.predict(backbone, learner, plan.dev, 1)
    alone = predict_alone(backbone, learner, plan, plan.dev)
    assert [answer.text for answer in together] == [answer.text for answer in apart]
    assert [answer.loss for answer in together] == pytest.approx([answer.loss for answer in alone], rel=1e-5)
    assert [answer.tokens for answer in together] == [len(tokens) for tokens in plan.dev.labels]
    assert len({answer.text for answer in together}) > 1


@pytest.mark.parametrize("family", sorted(name for name, one in FAMILIES.items() if one.reads == "last"))
def test_what_is_written_is_what_transformers_writes(family, writer, tmp_path):
    backbone = writer(family)
    plan, learner = writing_trial(backbone, tmp_path, method="manual")
    end = backbone.tokenizer.eos_token_id
    ours = greedy_decode(backbone, learner, plan.dev, MOST, end, 500)
    model = AutoModelForCausalLM.from_pretrained(backbone.id, attn_implementation="eager").eval()
    for (text,), tokens in zip(plan.dev.splits[0].texts, ours, strict=True):
        ids = backbone.tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            found = model.generate(ids, do_sample=False, max_new_tokens=MOST, eos_token_id=end, pad_token_id=end)
        theirs = [token for token in found[0, ids.shape[1] :].tolist() if token != end]
        assert tokens == theirs


@pytest.mark.parametrize("family", sorted(name for name, one in FAMILIES.items() if one.reads == "decoder"))
def test_a_decoder_writes_what_transformers_writes(family, writer, tmp_path):
    backbone = writer(family)
    plan, learner = writing_trial(backbone, tmp_path, method="manual")
    end, start = backbone.tokenizer.eos_token_id, backbone.tokenizer.bos_token_id
    ours = greedy_decode(backbone, learner, plan.dev, MOST, end, 500)
    model = AutoModelForSeq2SeqLM.from_pretrained(backbone.id, attn_implementation="eager").eval()
    more = {} if start is None else {"forced_bos_token_id": start}
    for (text,), tokens in zip(plan.dev.splits[0].texts, ours, strict=True):
        ids = backbone.tokenizer(text, return_tensors="pt")["input_ids"]
        settings = {"max_new_tokens": MOST + len(more), "forced_eos_token_id": None, "use_cache": False, **more}
        with torch.inference_mode():
            found = model.generate(ids, do_sample=False, **settings)
        theirs = found[0, 1 + len(more) :].tolist()
        assert tokens == theirs[: theirs.index(end) if end in theirs else None]


@pytest.mark.parametrize("family", sorted(name for name, one in FAMILIES.items() if one.reads == "decoder"))
def test_a_decoder_learns_what_transformers_trains_it_on(family, writer, tmp_path):
    backbone = writer(family)
    plan, learner = writing_trial(backbone, tmp_path, method="manual")
    ours = plan.task.loss(forward(backbone, [MiniBatch(learner, plan.dev, np.arange(1))])[0])
    (text,) = plan.dev.splits[0].texts[0]
    encoded = backbone.tokenizer(text, text_target=text, return_tensors="pt")
    model = AutoModelForSeq2SeqLM.from_pretrained(backbone.id, attn_implementation="eager").eval()
    labels = encoded["labels"]
    given = int(backbone.tokenizer.bos_token_id == labels[0, 0])
    with torch.inference_mode():
        logits = model(input_ids=encoded["input_ids"], labels=labels).logits[0]
    theirs = torch.nn.functional.cross_entropy(logits[given : given + MOST], labels[0, given : given + MOST])
    close(ours, theirs)


def test_under_a_prefix_gpt2_writes_what_it_writes_under_pefts(writer, tmp_path):
    backbone = writer("gpt2")
    plan, learner = writing_trial(backbone, tmp_path, method="v2", length=5)
    with torch.no_grad():
        learner.prompt().encoder.table.mul_(50.0)
    end = backbone.tokenizer.eos_token_id
    ours = greedy_decode(backbone, learner, plan.dev, MOST, end, 500)
    plain = greedy_decode(backbone, writing_trial(backbone, tmp_path, method="head")[1], plan.dev, MOST, end, 500)
    assert ours != plain, "a prompt without an effect would prove nothing"
    model = AutoModelForCausalLM.from_pretrained(backbone.id, attn_implementation="eager")
    shape = {"token_dim": 32, "num_layers": 3, "num_attention_heads": 4, "encoder_hidden_size": 32}
    config = PrefixTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=5, prefix_projection=False, **shape)
    model = get_peft_model(model, config).eval()
    set_peft_model_state_dict(model, {"prompt_embeddings": learner.collapsed()["prompt.0"]})
    for (text,), tokens in zip(plan.dev.splits[0].texts, ours, strict=True):
        ids = backbone.tokenizer(text, return_tensors="pt")["input_ids"]
        settings = {"do_sample": False, "max_new_tokens": MOST, "pad_token_id": end}
        with torch.inference_mode():
            found = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **settings)
        assert tokens == [token for token in found[0, ids.shape[1] :].tolist() if token != end]


@pytest.mark.parametrize("family", CAUSAL)
def test_a_causal_model_goes_on_in_the_same_text(family, writer, tmp_path):
    backbone = writer(family)
    split = Split([("red green",)], ["old new long"], "made", "")
    plan, _ = writing_trial(backbone, tmp_path, splits=Splits(split, split, None, []), method="v2")
    row, end = plan.train.rows[0], backbone.tokenizer.eos_token_id
    whole = backbone.tokenizer("red green old new long")["input_ids"]
    assert list(row.ids) == whole
    assert [[*whole[1:], end][read] for read in row.reads] == plan.train.labels[0]
    assert len(plan.train.labels[0]) == 4


def test_an_input_is_left_open_where_a_tokenizer_would_end_it(tmp_path):
    folder = make_writer("llama", tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    frame = {"single": "<s> $A </s>", "special_tokens": [("<s>", 1), ("</s>", 2)]}
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(**frame)
    tokenizer.save_pretrained(folder)
    backbone = load_backbone(str(folder), lm=True)
    end = backbone.tokenizer.eos_token_id
    assert backbone.tokenizer("red")["input_ids"][-1] == end
    plan, _ = writing_trial(backbone, tmp_path, method="v1", length=3, template="around")
    for row, target in zip(plan.train.rows, plan.train.labels, strict=True):
        assert row.ids[row.reads[0]] == -3, "the prompt's last token"
        assert end not in row.ids
        assert row.ids[row.reads[0] + 1 :] == target[:-1]


def test_of_several_data_sets_each_is_written_at_its_own_length(writer, tmp_path):
    backbone = writer("gpt2")
    job = writing_job(backbone.id)
    second = job.task.data.model_copy(update={"max_target": 3})
    job = job.model_copy(update={"task": job.task.model_copy(update={"more": [second]})})
    sets = [Splits(echoes(6, seed), echoes(4 + seed, 8), None, []) for seed in (1, 2)]
    plan, learner = TrialFactory(job, sets, backbone, tmp_path).make(0, {"method": "v2", "length": 4})
    answers = plan.task.predict(backbone, learner, plan.dev, 500)
    assert len(answers) == len(plan.dev) == 11
    for number, own in ((0, answers[:5]), (1, answers[5:])):
        examples = plan.dev.of_dataset(number).as_dataset(number)
        assert [one.text for one in own] == [one.text for one in plan.task.predict(backbone, learner, examples, 500)]
    long, short = ([len(answer.text) for answer in own] for own in (answers[:5], answers[5:10]))  # the same inputs
    assert all(one < other for one, other in zip(short, long, strict=True))
    metrics = plan.task.measure(answers, plan.dev)
    assert metrics["chrf"] == pytest.approx((metrics["chrf.set1"] + metrics["chrf.set2"]) / 2)


@pytest.mark.parametrize("config", [{"method": "manual"}, CONFIGS["v2 of some layers"]], ids=["manual", "depth"])
def test_rows_on_their_way_are_not_kept(config, writer, tmp_path):
    backbone = replace(writer("gpt2"), cache=StateCache(tmp_path / "states", 10**8))
    plan, learner = writing_trial(backbone, tmp_path, **config)
    kept = plan.task.predict(backbone, learner, plan.dev, 500)
    computed = plan.task.predict(replace(backbone, cache=None), learner, plan.dev, 500)
    assert [answer.text for answer in kept] == [answer.text for answer in computed]
    assert len(list((tmp_path / "states").glob("*.states"))) == 1, "those of the dev split"


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_writing_goes_on_in_passes_that_memory_holds(family, writer, tmp_path, monkeypatch):
    backbone = writer(family)
    plan, learner = writing_trial(backbone, tmp_path, **CONFIGS["v1"])
    roomy = plan.task.predict(backbone, learner, plan.dev, 4_000)
    real, refused = decoding.forward, []

    def scarce(backbone, groups):
        if sum(len(group.rows) for group in groups) > 3:
            refused.append(groups)
            raise torch.OutOfMemoryError("no room")
        return real(backbone, groups)

    monkeypatch.setattr(decoding, "forward", scarce)
    tight = plan.task.predict(backbone, learner, plan.dev, 4_000)
    assert refused
    assert [answer.text for answer in tight] == [answer.text for answer in roomy]


def test_a_trained_head_is_refused(writer, tmp_path):
    with pytest.raises(SpecError, match="the head of this generation task is 'verbalizer', got 'linear'"):
        writing_trial(writer("gpt2"), tmp_path, method="v2", head="linear")


@pytest.mark.parametrize("family", ["gpt2", "bart"])
def test_long_targets_are_cut_and_others_end(family, writer, tmp_path):
    backbone = writer(family)
    texts = ["red", "red green blue cold warm loud quiet sweet bitter"]
    split = Split([(text,) for text in texts], texts, "made", "")
    short, long = writing_trial(backbone, tmp_path, splits=Splits(split, split, None, []), method="v2")[0].dev.labels
    assert short[-1] == backbone.tokenizer.eos_token_id
    assert backbone.tokenizer.decode(short, skip_special_tokens=True).strip() == "red"
    assert len(long) == MOST
    assert backbone.tokenizer.eos_token_id not in long


def test_metrics_are_those_of_the_texts_and_of_every_token_of_the_targets():
    kind = GenerationKind(["text"], MOST)
    targets = ["the cat sat on the mat", "a  dog barks at night"]
    split = Split([("x",), ("y",)], targets, "made", "")
    examples = Examples.of(split, [[Row([1], [0], (0,))]] * 2)
    perfect = kind.measure(
        [GenerationAnswer(6.0, 3, targets[0]), GenerationAnswer(2.0, 1, "a dog barks at night")], examples
    )
    assert perfect == pytest.approx(
        {
            "loss": 2.0,
            "perplexity": math.exp(2.0),
            "bleu": 1.0,
            "chrf": 1.0,
            "exact_match": 1.0,
            "constant_prediction": 0.0,
        }
    )
    same = kind.measure([GenerationAnswer(6.0, 3, targets[0])] * 2, examples)
    assert same["exact_match"] == 0.5
    assert same["constant_prediction"] == 1.0
    assert 0.0 < same["bleu"] < 1.0
    assert 0.0 < same["chrf"] < 1.0


@pytest.mark.parametrize("seed", range(4))
def test_bleu_and_chrf_are_those_of_sacrebleus_command(seed):
    draw = np.random.default_rng(seed)
    words = ["a", "b", "yes", "Paris", "cat,", "sat", "on", "mat."]
    targets, texts = ([" ".join(draw.choice(words, draw.integers(1, 7))) for _ in range(5)] for _ in range(2))
    found = scores_of(texts, targets)
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(texts, [targets]).score / 100)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(texts, [targets]).score / 100)


def test_short_texts_can_be_perfect_and_a_weak_answer_is_told_from_a_weaker_one():
    assert {scores_of([text], [text])["chrf"] for text in ("a b", "yes", "Paris")} == {1.0}
    target = "the cat sat on the mat"
    weak, weaker = (scores_of([text], [target])["bleu"] for text in ("the cat lay under a mat", "a dog is on it now"))
    assert weak > weaker > 0.0, "no order of four matches, and sacreBLEU smooths it"


def scores_of(texts, targets):
    examples = Examples.of(Split([("x",)] * len(targets), targets, "made", ""), [[Row([1], [0], (0,))]] * len(targets))
    return GenerationKind(["text"], MOST).measure([GenerationAnswer(1.0, 1, text) for text in texts], examples)


def test_a_prefix_teaches_a_real_language_model_to_answer(shared_data, tmp_path):
    """Stories260K was trained on stories alone: how an answer goes, and that it names what it was told, is new."""
    backbone = load_backbone(str(shared_data / "stories260K"), lm=True)
    reports = {}
    for number, (name, config) in enumerate(STORY_TRIALS.items()):
        plan, learner = writing_trial(backbone, tmp_path, number, stories(), {"max_target": 14}, **config)
        engine = Engine(backbone, 4_000)
        engine.join(plan, learner)
        engine.advance(number, 6)
        while engine.busy:
            reports[name] = engine.step() or reports.get(name)
    alone, prompted = (reports[name][-1].metrics for name in STORY_TRIALS)
    assert prompted["loss"] < 0.4 * alone["loss"]
    assert prompted["chrf"] > 3.0 * alone["chrf"]
    answers = plan.task.predict(backbone, learner, plan.dev, 4_000)
    wanted = plan.dev.splits[0].labels
    begun = [answer.text.startswith(text) for answer, text in zip(answers, wanted, strict=True)]
    assert np.mean(begun) > 0.7, "the model never learned to end a text, but says what it was told first"
