"""The same search as a user would write it today: Ray Tune, OptunaSearch, HF Trainer and PEFT prefix tuning.

One process per trial, two at a time on two cores, batches padded to their longest row. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from typing import Any

os.environ.update({"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "RAY_USAGE_STATS_ENABLED": "0"})

EPOCHS, TRIALS, BATCH, LIMIT = 3, 8, 32, 2000


def train(config: dict[str, Any]) -> None:
    """One trial: load everything, train with the Trainer, report after every epoch."""
    import torch
    from datasets import load_dataset
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

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(config["backbone"])
    files = {"train": f"{config['data']}/train_full.tsv", "dev": f"{config['data']}/dev.tsv"}
    data = load_dataset("csv", data_files=files, delimiter="\t", quoting=3)
    data["train"] = data["train"].shuffle(seed=1).select(range(LIMIT))
    data = data.map(lambda row: tokenizer(row["sentence"], truncation=True, max_length=128), batched=True)
    model = AutoModelForSequenceClassification.from_pretrained(config["backbone"], num_labels=2)
    peft = PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=config["length"])

    class Report(TrainerCallback):
        def on_evaluate(self, _args: Any, state: Any, _control: Any, metrics: dict[str, float], **_: Any) -> None:
            tune.report({"accuracy": metrics["eval_accuracy"], "epoch": state.epoch})

    trainer = Trainer(
        model=get_peft_model(model, peft),
        args=TrainingArguments(
            output_dir=tempfile.mkdtemp(),
            learning_rate=config["lr"],
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=128,
            num_train_epochs=EPOCHS,
            eval_strategy="epoch",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            seed=1,
        ),
        train_dataset=data["train"],
        eval_dataset=data["dev"],
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=lambda out: {"accuracy": float((out.predictions.argmax(-1) == out.label_ids).mean())},
        callbacks=[Report()],
    )
    trainer.train()


def main() -> None:
    """Run the search on local Ray."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--backbone", required=True)
    arguments = parser.parse_args()

    import ray
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    began = time.monotonic()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    space = {
        "length": tune.lograndint(8, 33),
        "lr": tune.loguniform(3e-3, 3e-2),
        "data": arguments.data,
        "backbone": arguments.backbone,
    }
    with tempfile.TemporaryDirectory() as storage:
        results = tune.Tuner(
            tune.with_resources(train, {"cpu": 1}),
            param_space=space,
            tune_config=tune.TuneConfig(
                metric="accuracy",
                mode="max",
                num_samples=TRIALS,
                search_alg=OptunaSearch(seed=1),
                max_concurrent_trials=2,
            ),
            run_config=tune.RunConfig(storage_path=storage, verbose=0),
        ).fit()
        # the best epoch counts on both sides
        accuracies = [float(result.metrics_dataframe["accuracy"].max()) for result in results if not result.error]
    ray.shutdown()
    summary = {"trials": len(accuracies), "best": max(accuracies), "wall_s": time.monotonic() - began}
    print(json.dumps(summary))  # noqa: T201 - this program's output


if __name__ == "__main__":
    main()
