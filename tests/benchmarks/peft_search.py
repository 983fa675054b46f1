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

What is fastest depends on the machine. `--dtype` and `--attention` replace what `tuned` takes, and peft_fastest.py
measures them. `--asha` ends trials early, and `--save` keeps what every epoch has trained, as peft_scores.py reads it.

Prints one JSON line for each trial that ends, and with `--save` for each epoch, then one for the search.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.update({"TOKENIZERS_PARALLELISM": "false", "RAY_USAGE_STATS_ENABLED": "0"})
os.environ.setdefault("HF_HUB_OFFLINE", "1")

BATCH, LONGEST = 32, 128
FORMS = ("tuned", "plain")
READING = ("form", "files", "text", "backbone", "limit")


def tokenizing(form: str) -> dict[str, Any]:
    """How the tokenizer is called."""
    return {"truncation": True, "max_length": LONGEST, "padding": False if form == "tuned" else "max_length"}


def loading(form: str, *, gpu: bool, dtype: str = "bfloat16", attention: str | None = None) -> dict[str, Any]:
    """How the backbone is loaded; the plain form leaves its type and attention to transformers."""
    if form == "plain":
        return {}
    return {"dtype": dtype, "attn_implementation": attention or ("sdpa" if gpu else "eager")}


def training(
    form: str, *, gpu: bool, lr: float, epochs: int, dtype: str = "bfloat16", seed: int = 1, batch: int = BATCH
) -> dict[str, Any]:
    """The Trainer's arguments; its defaults are AdamW, a linear schedule and gradients clipped at 1."""
    shared = {
        "learning_rate": lr,
        "num_train_epochs": epochs,
        "per_device_train_batch_size": batch,
        "per_device_eval_batch_size": BATCH,
        "eval_strategy": "epoch",
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": gpu,
        "use_cpu": not gpu,
        "seed": seed,
    }
    if form == "plain":
        return shared
    return {**shared, "bf16": dtype == "bfloat16", "train_sampling_strategy": "group_by_length"}


def scheduling(form: str, *, gpus: int, cores: int, concurrent: int) -> dict[str, Any]:
    """What a trial gets, and whether its process serves the next one."""
    cpu = max(1, cores // concurrent)
    return {
        "resources": {"cpu": cpu, "gpu": min(1.0, gpus / concurrent)} if gpus else {"cpu": cpu},
        "reuse_actors": form == "tuned",
    }


def tokenised(form: str, files: dict[str, str], text: str, backbone: str, limit: int | None) -> Any:
    """Tables as a DatasetDict, each split from a file with a column of text and one of labels; with rows' lengths."""
    from datasets import disable_progress_bars, load_dataset
    from transformers import AutoTokenizer

    disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    sets = load_dataset("csv", data_files=files, delimiter="\t", quoting=3)
    if limit is not None:
        sets["train"] = sets["train"].shuffle(seed=1).select(range(limit))
    labels = sorted(set(sets["train"]["label"]))

    def encode(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        encoded = tokenizer(rows[text], **tokenizing(form))
        numbers = [labels.index(label) for label in rows["label"]]
        return {**encoded, "labels": numbers, "length": [len(ids) for ids in encoded["input_ids"]]}

    return sets.map(encode, batched=True, remove_columns=[text, "label"])


def prompted(config: dict[str, Any], labels: int) -> Any:
    """The frozen backbone with a prefix in all layers and a head; what is trained is float32."""
    from peft import PrefixTuningConfig, TaskType, get_peft_model
    from transformers import AutoModelForSequenceClassification

    how = loading(config["form"], gpu=config["gpu"], dtype=config["dtype"], attention=config["attention"])
    model = AutoModelForSequenceClassification.from_pretrained(config["backbone"], num_labels=labels, **how)
    model = get_peft_model(model, PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=config["length"]))
    for parameter in model.parameters():
        if parameter.requires_grad:  # bfloat16 would swallow small updates
            parameter.data = parameter.data.float()
    return model


def trainer_of(config: dict[str, Any], sets: Any, folder: str, callbacks: Any = ()) -> Any:
    """The Trainer of a configuration on tokenised data."""
    import torch
    from transformers import AutoTokenizer, DataCollatorWithPadding, PrinterCallback, Trainer, TrainingArguments
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(config["threads"])
    torch.manual_seed(config["seed"])
    how = training(
        config["form"],
        gpu=config["gpu"],
        lr=config["lr"],
        epochs=config["epochs"],
        dtype=config["dtype"],
        seed=config["seed"],
        batch=config["batch"],
    )
    trainer = Trainer(
        model=prompted(config, len(set(sets["train"]["labels"]))),
        args=TrainingArguments(output_dir=folder, **how),
        train_dataset=sets["train"],
        eval_dataset=sets["dev"],
        data_collator=DataCollatorWithPadding(AutoTokenizer.from_pretrained(config["backbone"])),
        compute_metrics=lambda out: {"accuracy": float((out.predictions.argmax(-1) == out.label_ids).mean())},
        callbacks=list(callbacks),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def keep(model: Any, path: Path) -> None:
    """Save what a model trains, by name."""
    import torch

    torch.save({name: one.detach() for name, one in model.named_parameters() if one.requires_grad}, path)


def train(config: dict[str, Any]) -> None:
    """One trial: load everything, train with the Trainer, report after every epoch."""
    from datasets import load_from_disk
    from ray import tune
    from transformers import TrainerCallback

    trial = tune.get_context().get_trial_id()

    class Report(TrainerCallback):
        def on_evaluate(self, _args: Any, state: Any, _control: Any, metrics: dict[str, float], **given: Any) -> None:
            result = {"accuracy": metrics["eval_accuracy"], "epoch": round(state.epoch)}
            if config["save"]:
                result["state"] = str(Path(config["save"]) / f"{trial}-{result['epoch']}.pt")
                keep(given["model"], Path(result["state"]))
            tune.report(result)

    mapped = config["tokenised"]
    sets = load_from_disk(mapped) if mapped else tokenised(*(config[name] for name in READING))
    with tempfile.TemporaryDirectory() as folder:
        trainer_of(config, sets, folder, [Report()]).train()


def search(arguments: argparse.Namespace, mapped: str | None) -> list[float]:
    """Run the search on local Ray; every trial's accuracy after its best epoch."""
    import ray
    import torch
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    class Progress(tune.Callback):
        def on_trial_result(self, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any) -> None:
            if arguments.save:
                about = {name: result[name] for name in ("epoch", "accuracy", "state")}
                say({"reported": trials.index(trial), **about, "config": drawn(trial.config), "time": time.time()})

        def on_trial_complete(self, trials: list[Any], trial: Any, **_: Any) -> None:
            last = trial.last_result
            say({"trial": trials.index(trial), "accuracy": last["accuracy"], "seconds": last["time_total_s"]})

    gpus, cores = torch.cuda.device_count(), os.cpu_count() or 1
    concurrent = arguments.concurrent or cores
    given = scheduling(arguments.form, gpus=gpus, cores=cores, concurrent=concurrent)
    ray.init("local", num_cpus=max(cores, concurrent), num_gpus=gpus, include_dashboard=False, log_to_driver=False)
    shortest, longest = arguments.length
    space = {
        "length": tune.lograndint(shortest, longest + 1),
        "lr": tune.loguniform(*arguments.lr),
        "batch": tune.choice(arguments.batch),
        **{name: getattr(arguments, name) for name in (*READING, "epochs", "dtype", "attention", "seed", "save")},
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
                search_alg=OptunaSearch(seed=arguments.seed),
                scheduler=ASHAScheduler(max_t=arguments.epochs, reduction_factor=3) if arguments.asha else None,
                max_concurrent_trials=concurrent,
                reuse_actors=given["reuse_actors"],
            ),
            run_config=tune.RunConfig(storage_path=storage, verbose=0, callbacks=[Progress()]),
        ).fit()
        if results.errors:
            sys.exit(f"{len(results.errors)} of {len(results)} trials failed; the first: {results.errors[0]}")
        return [float(result.metrics_dataframe["accuracy"].max()) for result in results]


def drawn(config: dict[str, Any]) -> dict[str, Any]:
    """What the search has chosen of a configuration."""
    return {name: config[name] for name in ("length", "lr", "batch")}


def say(value: dict[str, Any]) -> None:
    """Print one line of JSON, at once."""
    print(json.dumps(value), flush=True)  # noqa: T201 - this program's output


def main() -> None:
    """Tokenise where that is shared, search, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", choices=FORMS, required=True)
    for split in ("train", "dev"):
        parser.add_argument(f"--{split}", required=True, help="tab-separated, with a column `label`")
    parser.add_argument("--text", default="sentence", help="the column of text")
    parser.add_argument("--backbone", required=True, help="a folder or a Hub id")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--limit", type=int, help="training sentences, drawn from the file; default: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--length", type=int, nargs=2, default=(8, 32), help="bounds of the prompt's length")
    parser.add_argument("--lr", type=float, nargs=2, default=(3e-3, 3e-2), help="bounds of the learning rate")
    parser.add_argument("--batch", type=int, nargs="+", default=[BATCH], help="rows of a training step to choose among")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16", help="of the tuned form")
    parser.add_argument("--attention", choices=("eager", "sdpa"), help="of the tuned form")
    parser.add_argument("--asha", action="store_true", help="end trials early, by Tune's ASHAScheduler with eta = 3")
    parser.add_argument("--save", help="a folder for what every epoch has trained")
    parser.add_argument("--concurrent", type=int, help="trials at a time; default: one per core")
    arguments = parser.parse_args()
    arguments.files = {"train": arguments.train, "dev": arguments.dev}
    with tempfile.TemporaryDirectory() as folder:
        mapped = folder if arguments.form == "tuned" else None
        if mapped:
            tokenised(*(getattr(arguments, name) for name in READING)).save_to_disk(mapped)
        accuracies = search(arguments, mapped)
    say({"trials": len(accuracies), "best": max(accuracies)})


if __name__ == "__main__":
    main()
