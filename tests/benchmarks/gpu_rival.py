"""Trainer and PEFT on made-up data: several processes train on one device at a time, a trial each.

A process is what Ray Tune gives a fraction of a GPU: fractions are counted and never enforced, so processes that share
a GPU do so in the same way without Ray. The manner is that of `peft_search.py`'s tuned form. All processes are ready
before any is timed, so neither imports nor weights count.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
import warnings
from multiprocessing.connection import Connection
from typing import Any

import peft_search
import torch
from made_up import WORDS, config_of
from peft import PrefixTuningConfig, TaskType, get_peft_model
from transformers import AutoModelForSequenceClassification, Trainer, TrainerCallback, TrainingArguments
from workload import ROWS, clock

_WARM = 3  # steps before any is timed
_READY = 150.0  # seconds that processes may take until all have made those


def together(shape: str, device: str, processes: int, tokens: int, length: int, seconds: float) -> dict[str, Any]:
    """Steps a second of all processes together, for `seconds`.

    Raises:
        RuntimeError: a process failed; its own words.
    """
    context = multiprocessing.get_context("spawn" if device == "cuda" else "fork")
    barrier = context.Barrier(processes)
    pipes = [context.Pipe(duplex=False) for _ in range(processes)]
    workers = [
        context.Process(target=_worker, args=(barrier, sender, shape, device, processes, tokens, length, seconds))
        for _, sender in pipes
    ]
    for worker in workers:
        worker.start()
    for _, sender in pipes:
        sender.close()
    answers = [_answer(receiver) for receiver, _ in pipes]
    for worker in workers:
        worker.join()
    failures = [answer for answer in answers if isinstance(answer, str)]
    if failures:
        raise RuntimeError(next((one for one in failures if "BrokenBarrier" not in one), failures[0]))
    return {
        "steps_per_s": sum(steps / took for steps, took, _ in answers),
        "peak_mb": max(peak for _, _, peak in answers),
    }


def _answer(receiver: Connection) -> Any:
    try:
        return receiver.recv()
    except EOFError:
        return "the process died"


def _worker(barrier: Any, sender: Connection, *job: Any) -> None:
    try:
        sender.send(_train(barrier, *job))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the others must not wait for this process
        barrier.abort()
        sender.send(f"{type(error).__name__}: {error}"[:300])


def _train(
    barrier: Any, shape: str, device: str, processes: int, tokens: int, length: int, seconds: float
) -> tuple[int, float, float]:
    """Steps that were made, seconds that they took, and this process's peak MB on a GPU."""
    gpu, place = device == "cuda", torch.device(device)
    warnings.filterwarnings("ignore", category=FutureWarning)  # transformers' own, to itself
    if not gpu:
        torch.set_num_threads(max(1, torch.get_num_threads() // processes))
    config = config_of(shape)
    config.num_labels = 2
    attention = peft_search.loading("tuned", gpu=gpu)["attn_implementation"]
    with place:
        model = AutoModelForSequenceClassification.from_config(
            config, dtype=torch.bfloat16, attn_implementation=attention
        )
    model = get_peft_model(model, PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=length))
    for parameter in model.parameters():
        if parameter.requires_grad:  # bfloat16 would swallow small updates
            parameter.data = parameter.data.float()
    ids = torch.randint(5, WORDS, (64 * ROWS, tokens))
    rows = [{"input_ids": one, "attention_mask": torch.ones_like(one), "labels": int(one[0]) % 2} for one in ids]
    timed: list[float] = []

    class Timing(TrainerCallback):
        made = 0

        def on_step_end(self, _args: Any, _state: Any, control: Any, **_: Any) -> None:
            self.made += 1
            if self.made == _WARM:
                clock(place)
                barrier.wait(_READY)
                timed.append(time.perf_counter())
            elif self.made > _WARM and time.perf_counter() - timed[0] >= seconds:
                timed.append(clock(place))
                control.should_training_stop = True

    timing = Timing()
    with tempfile.TemporaryDirectory() as folder:
        manner = peft_search.training("tuned", gpu=gpu, lr=0.01, epochs=10_000)
        # Rows are all of one length, so there is nothing to group, and no dev split.
        manner |= {"eval_strategy": "no", "train_sampling_strategy": "random"}
        arguments = TrainingArguments(output_dir=folder, **manner)
        Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[timing]).train()  # type: ignore[arg-type]
    peak = torch.cuda.max_memory_allocated() / 2**20 if gpu else 0.0
    return timing.made - _WARM, timed[1] - timed[0], peak
