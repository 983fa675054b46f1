"""The code of model cards, run by another interpreter: what it prints, and what its model says about its input."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = """
import base64, contextlib, importlib.util, io, json, os, sys
folders, result = json.loads(sys.argv[1]), []
missing = [name for name in ("ptune", "ray", "optuna", "datasets", "pytest") if importlib.util.find_spec(name) is None]
for folder, code in folders:
    os.chdir(folder)
    names = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, names)
    sys.modules.pop("client", None)  # each folder has its own
    logits = None
    if "batch" in names or "body" in names:
        import torch
        with torch.inference_mode():
            if "body" in names:
                from transformers import AutoModelForCausalLM
                embeds = torch.load(io.BytesIO(base64.b64decode(names["body"]["prompt_embeds"])))
                place = json.load(open("input.json"))["model"]
                output = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)(inputs_embeds=embeds[None])
            else:
                output = names["model"](**names["batch"])
        edges = getattr(output, "start_logits", None)
        logits = output.logits if edges is None else torch.stack([edges, output.end_logits], dim=-1)
        logits = logits.tolist()
    result.append({"printed": printed.getvalue(), "logits": logits})
print("====" + json.dumps({"missing": missing, "results": result}))
"""


@dataclass(frozen=True)
class Ran:
    """What the code of a card has come to.

    Attributes:
        printed: what it prints.
        logits: the scores of its model for its input; None where the card makes no model and no request.
    """

    printed: str
    logits: list | None


def card_code(folder: Path) -> str:
    """The first block of Python in an export's model card."""
    return re.search(r"```python\n(.+?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]


def run_cards(python: Path, folders: list[Path]) -> list[Ran]:
    """Run the code of each card inside its folder, all in one process of an interpreter that knows no ptune.

    Args:
        python: the interpreter, see `support.fresh_environment`.
        folders: exports.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HF_HOME", "HF_HUB_OFFLINE", "TOKENIZERS_PARALLELISM")}
    done = subprocess.run(
        [python, "-E", "-s", "-W", "ignore", "-c", _PROGRAM, json.dumps([(str(at), card_code(at)) for at in folders])],
        capture_output=True,
        text=True,
        check=False,
        env={**kept, "OMP_NUM_THREADS": "1", "HOME": kept["HF_HOME"]},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.rpartition("====")[2])
    assert told["missing"] == ["ptune", "ray", "optuna", "datasets", "pytest"]
    return [Ran(**result) for result in told["results"]]
