"""`ptune serve`, as a process of its own and asked over HTTP."""

import contextlib
import json
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache

import pytest

from ptune.api.prompt import load
from ptune.backbone.load import load_backbone
from support.every_kind import SAMPLES, sample_artifact
from support.http_client import asked, call
from support.made_artifacts import write_native

KINDS = ("classification", "pairs", "tokens", "span", "choice")
METHODS = ({"method": "v2", "length": 3}, {"method": "v2", "length": 6, "depth": 1}, {"method": "v1", "length": 4})
GATED = """
import sys
from ptune.cli.main import run
from ptune.serving.catalogue import Catalogue

answer = Catalogue.answer

def when_told(*arguments):
    print("asked", flush=True)
    sys.stdin.readline()
    return answer(*arguments)

Catalogue.answer = when_told
sys.exit(run(sys.argv[1:], owns_process=True))
"""
"""`ptune`, whose server answers a round only when it reads a line."""


@pytest.fixture(scope="module")
def folders(tiny_backbone, tmp_path_factory):
    """Prompts of several kinds and methods on one tiny backbone."""
    backbone = load_backbone(str(tiny_backbone("bert")))
    root = tmp_path_factory.mktemp("served")
    for number, (kind, config) in enumerate((kind, config) for kind in KINDS for config in METHODS):
        write_native(root / f"{kind}-{number}", sample_artifact(kind, backbone, number, **config))
    return sorted(root.iterdir())


@contextlib.contextmanager
def serving(*arguments, program=("-m", "ptune")):
    """A server of its own process, and its address; it is ended at the end."""
    command = [sys.executable, *program, "serve", *map(str, arguments), "--port", "0", "--device", "cpu"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            yield process, re.search(r" on (http://127\.0\.0\.1:\d+) ", line)[1]
        finally:
            if process.poll() is None:
                process.terminate()


def agree(answers, expected):
    """Answers that came over HTTP equal those of `ptune.load`, numbers to 1e-5."""
    for answer, alone in zip(answers, expected, strict=True):
        assert answer.keys() == alone.keys()
        for key, value in alone.items():
            is_number = key in ("probabilities", "score", "no_answer_score")
            assert answer[key] == (pytest.approx(value, abs=1e-5, rel=1e-5) if is_number else value)


def test_two_hundred_requests_at_once_to_mixed_prompts_are_answered_right(folders):
    alone = cache(lambda folder: load(folder, device="cpu").predict(SAMPLES[folder.name.partition("-")[0]].rows))

    def request(number):
        """One request: the folder of its prompt, its rows, and whether it is malformed."""
        folder = folders[number % len(folders)]
        rows = SAMPLES[folder.name.partition("-")[0]].rows
        return folder, rows[number % 2 :], number % 10 == 3

    def ask(number):
        folder, rows, malformed = request(number)
        inputs = [["", *row[1:]] for row in rows] if malformed else rows
        if number % 3:
            return asked(f"{url}/prompts/{folder.name}/invocations", {"inputs": inputs})
        return asked(f"{url}/invocations", {"instances": inputs, "params": {"prompt": folder.name}})

    with serving(*folders) as (process, url):
        assert call(f"{url}/ping")[0] == call(f"{url}/health")[0] == call(f"{url}/version")[0] == 200
        listed = json.loads(call(f"{url}/prompts")[2])["prompts"]
        assert [entry["name"] for entry in listed] == [folder.name for folder in folders]
        with ThreadPoolExecutor(200) as clients:
            answers = list(clients.map(ask, range(200)))
        assert asked(f"{url}/prompts/gone/invocations", {"inputs": ["a"]})[0] == 404
        assert call(f"{url}/invocations", b"a", "text/plain")[0] == 415
        assert asked(f"{url}/prompts/{folders[3].name}/invocations", b"premise\n", "text/csv") == (
            200,
            {"predictions": []},
        )
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    for number, (status, content) in enumerate(answers):
        folder, _, malformed = request(number)
        if malformed:
            assert status == 400
            assert re.fullmatch(r"input 1: \w+ is empty", content["message"]), content
        else:
            assert status == 200, content
            agree(content["predictions"], alone(folder)[number % 2 :])


def test_a_full_queue_answers_503_and_a_stop_answers_what_was_asked(folders):
    folder = next(folder for folder in folders if folder.name.startswith("classification"))
    program = ("-c", GATED)
    with (
        serving(f"only={folder}", "--queue", 2, program=program) as (process, url),
        ThreadPoolExecutor(4) as clients,
    ):

        def ask(count):
            return call(f"{url}/invocations", {"inputs": ["red green"] * count})

        asking = [clients.submit(ask, 1)]
        assert process.stdout.readline() == "asked\n", "the first is being answered, and waits for a word"
        assert call(f"{url}/invocations", {"inputs": ["red"] * 3})[0] == 400, "more inputs than the queue ever holds"
        asking += [clients.submit(ask, 1) for _ in range(3)]
        status, headers, text = next(as_completed(asking)).result()
        assert (status, headers["Retry-After"], json.loads(text)["error_code"]) == (503, "1", "TEMPORARILY_UNAVAILABLE")
        process.terminate()
        process.stdin.write("go\ngo\n")
        process.stdin.flush()
        results = [one.result() for one in asking]
        assert process.wait() == 0
    assert sorted(status for status, _, _ in results) == [200, 200, 200, 503]
    expected = load(folder, device="cpu").predict(["red green"])
    for status, _, text in results:
        if status == 200:
            agree(json.loads(text)["predictions"], expected)
