"""A search as a user would write it by hand: Ray Tune, OptunaSearch, HF Trainer and PEFT prefix tuning in all layers.

In two forms. `plain` is what is written first: every row padded to 128 tokens, float32, the default attention, every
trial a new process that tokenises for itself. `tuned` is what a careful user ends with: rows of similar length
together and padded to the longest of them, bfloat16, the faster attention, data tokenised once and mapped into every
trial, processes kept from trial to trial. Neither form saves checkpoints, logs or draws progress bars. In both, the
backbone's dropout stays on while training, as the Trainer leaves it; it takes a sixth of a training step of `tuned`.
ptune trains without it.

On two cores with AVX512-BF16, one epoch of training on 640 sentences with one evaluation on 872 (MiniLM, one thread
where nothing else is said) takes, in seconds:

    float32, default (sdpa) attention, padded to the batch's longest      19.2 + 19.3
    float32, eager attention                                              21.0 + 17.8
    bfloat16 autocast, sdpa attention                                     13.5 +  8.5
    bfloat16 autocast, eager attention                                    11.9 +  8.7
    ... and rows of similar length together                                6.2 +  9.5
    ... and evaluated 32 at a time (larger ones mix lengths)               6.0 +  4.4
    ... and frozen weights in bfloat16, what is trained in float32         5.1 +  4.0   tuned
    ... and two threads                                                    4.0 +  2.6
    ... and torch.compile                                       more than 100

Two trials of one thread at a time come before one of two threads: twice the trials in 1.4 times the time.

Prints one JSON line for each trial that ends, then one for the search.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from typing import Any

os.environ.update({"TOKENIZERS_PARALLELISM": "false", "RAY_USAGE_STATS_ENABLED": "0"})
os.environ.setdefault("HF_HUB_OFFLINE", "1")

BATCH, LONGEST = 32, 128
FORMS = ("tuned", "plain")


def tokenizing(form: str) -> dict[str, Any]:
    """How the tokenizer is called."""
    return {"truncation": True, "max_length": LONGEST, "padding": False if form == "tuned" else "max_length"}


def loading(form: str, *, gpu: bool) -> dict[str, Any]:
    """How the backbone is loaded."""
    if form == "plain":
        return {}
    return {"dtype": "bfloat16", "attn_implementation": "sdpa" if gpu else "eager"}


def training(form: str, *, gpu: bool, lr: float, epochs: int) -> dict[str, Any]:
    """The Trainer's arguments; its defaults are AdamW, a linear schedule and gradients clipped at 1."""
    shared = {
        "learning_rate": lr,
        "num_train_epochs": epochs,
        "per_device_train_batch_size": BATCH,
        "per_device_eval_batch_size": BATCH,
        "eval_strategy": "epoch",
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": gpu,
        "use_cpu": not gpu,
        "seed": 1,
    }
    return shared if form == "plain" else {**shared, "bf16": True, "train_sampling_strategy": "group_by_length"}


def scheduling(form: str, *, gpus: int, cores: int, concurrent: int) -> dict[str, Any]:
    """What a trial gets, and whether its process serves the next one."""
    cpu = max(1, cores // concurrent)
    return {
        "resources": {"cpu": cpu, "gpu": min(1.0, gpus / concurrent)} if gpus else {"cpu": cpu},
        "reuse_actors": form == "tuned",
    }


def tokenised(form: str, data: str, backbone: str, limit: int) -> Any:
    """SST-2 as a DatasetDict with `train` and `dev`; tuned, with every row's length."""
    from datasets import load_dataset
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(backbone)

    def encode(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        encoded = tokenizer(rows["sentence"], **tokenizing(form))
        return {**encoded, "length": [len(ids) for ids in encoded["input_ids"]]}

    files = {"train": f"{data}/train_full.tsv", "dev": f"{data}/dev.tsv"}
    sets = load_dataset("csv", data_files=files, delimiter="\t", quoting=3)
    sets["train"] = sets["train"].shuffle(seed=1).select(range(limit))
    return sets.map(encode, batched=True, remove_columns=["sentence"])


def train(config: dict[str, Any]) -> None:
    """One trial: load everything, train with the Trainer, report after every epoch."""
    import torch
    from datasets import load_from_disk
    from peft import PrefixTuningConfig, TaskType, get_peft_model
    from ray import tune
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    form, backbone, gpu = config["form"], config["backbone"], config["gpu"]
    torch.set_num_threads(config["threads"])
    torch.manual_seed(1)
    mapped = config["tokenised"]
    sets = load_from_disk(mapped) if mapped else tokenised(form, config["data"], backbone, config["limit"])
    model = AutoModelForSequenceClassification.from_pretrained(backbone, num_labels=2, **loading(form, gpu=gpu))
    model = get_peft_model(model, PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=config["length"]))
    for parameter in model.parameters():
        if parameter.requires_grad:  # bfloat16 would swallow small updates
            parameter.data = parameter.data.float()

    class Report(TrainerCallback):
        def on_evaluate(self, _args: Any, state: Any, _control: Any, metrics: dict[str, float], **_: Any) -> None:
            tune.report({"accuracy": metrics["eval_accuracy"], "epoch": state.epoch})

    with tempfile.TemporaryDirectory() as folder:
        Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder, **training(form, gpu=gpu, lr=config["lr"], epochs=config["epochs"])
            ),
            train_dataset=sets["train"],
            eval_dataset=sets["dev"],
            data_collator=DataCollatorWithPadding(AutoTokenizer.from_pretrained(backbone)),
            compute_metrics=lambda out: {"accuracy": float((out.predictions.argmax(-1) == out.label_ids).mean())},
            callbacks=[Report()],
        ).train()


def search(arguments: argparse.Namespace, mapped: str | None) -> list[float]:
    """Run the search on local Ray; every trial's accuracy after its best epoch."""
    import ray
    import torch
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    class Progress(tune.Callback):
        def on_trial_complete(self, trials: list[Any], trial: Any, **_: Any) -> None:
            last = trial.last_result
            say({"trial": trials.index(trial), "accuracy": last["accuracy"], "seconds": last["time_total_s"]})

    gpus, cores = torch.cuda.device_count(), os.cpu_count() or 1
    concurrent = arguments.concurrent or cores
    given = scheduling(arguments.form, gpus=gpus, cores=cores, concurrent=concurrent)
    ray.init("local", num_cpus=max(cores, concurrent), num_gpus=gpus, include_dashboard=False, log_to_driver=False)
    space = {
        "length": tune.lograndint(8, 33),
        "lr": tune.loguniform(3e-3, 3e-2),
        **{name: getattr(arguments, name) for name in ("form", "data", "backbone", "limit", "epochs")},
        "tokenised": mapped,
        "gpu": bool(gpus),
        "threads": given["resources"]["cpu"],
    }
    with tempfile.TemporaryDirectory() as storage:
        results = tune.Tuner(
            tune.with_resources(train, given["resources"]),
            param_space=space,
            tune_config=tune.TuneConfig(
                metric="accuracy",
                mode="max",
                num_samples=arguments.trials,
                search_alg=OptunaSearch(seed=1),
                max_concurrent_trials=concurrent,
                reuse_actors=given["reuse_actors"],
            ),
            run_config=tune.RunConfig(storage_path=storage, verbose=0, callbacks=[Progress()]),
        ).fit()
        if results.errors:
            sys.exit(f"{len(results.errors)} of {len(results)} trials failed; the first: {results.errors[0]}")
        return [float(result.metrics_dataframe["accuracy"].max()) for result in results]


def say(value: dict[str, Any]) -> None:
    """Print one line of JSON, at once."""
    print(json.dumps(value), flush=True)  # noqa: T201 - this program's output


def main() -> None:
    """Tokenise where that is shared, search, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", choices=FORMS, required=True)
    parser.add_argument("--data", required=True, help="folder with train_full.tsv and dev.tsv")
    parser.add_argument("--backbone", required=True, help="a folder or a Hub id")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--limit", type=int, default=2000, help="training sentences")
    parser.add_argument("--concurrent", type=int, help="trials at a time; default: one per core")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        mapped = folder if arguments.form == "tuned" else None
        if mapped:
            tokenised(arguments.form, arguments.data, arguments.backbone, arguments.limit).save_to_disk(mapped)
        accuracies = search(arguments, mapped)
    say({"trials": len(accuracies), "best": max(accuracies)})


if __name__ == "__main__":
    main()
