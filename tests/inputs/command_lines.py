"""Command lines that people mistype: unknown words, files that are none, names that lead nowhere."""

from collections.abc import Iterator

from support.input_cases import Case, toml

LONG = "x" * 5_000
FILES = {"j.toml": toml(), "a.txt": "one\n", "ptune_runs/.keep": "", "folder/.keep": ""}
COMMANDS: dict[str, tuple[tuple[str, ...], int, tuple[str, ...]]] = {
    "an unknown command": (("serach", "j.toml"), 2, ("serach",)),
    "data that is not there": (("inspect-data", "k.csv"), 2, ("no such file",)),
    "data that is a folder": (("inspect-data", "folder"), 2, ("is a folder",)),
    "data that is a pipe": (("inspect-data", "pipe"), 2, ("not an ordinary file",)),
    "data that is a circle of links": (("inspect-data", "circle"), 2, ("circle",)),
    "data that is a job": (("inspect-data", "j.toml"), 2, ("suffix",)),
    "data without columns": (("inspect-data", "a.txt"), 2, ("a.txt",)),
    "data whose name no disk takes": (("inspect-data", LONG), 2, ("too long",)),
    "a new job without data": (("init", "new.toml"), 2, ("--data is missing",)),
    "a new job of nothing": (("init", "new.toml", "--data", "k.csv", "--backbone", "x"), 2, ("no such file",)),
    "a new job over another": (("init", "j.toml"), 2, ("is not replaced",)),
    "a new job without trials": (("init", "new.toml", "--trials", "0"), 2, ("--trials",)),
    "a conversion of nothing": (("convert", "./nowhere", "new"), 2, ("./nowhere does not exist",)),
    "a conversion of nobody's": (("convert", "~nosuchuser/x", "new"), 2, ("nosuchuser",)),
    "a conversion of a long name": (("convert", LONG, "new"), 2, ("4095 bytes",)),
    "a conversion of a text": (("convert", "a.txt", "new"), 2, ("a.txt is not a folder",)),
    "a conversion of an empty folder": (("convert", "folder", "new"), 2, ("no file pytorch_model.bin",)),
    "a conversion of what is safe": (("convert", "packaged:minilm", "new"), 2, ("needs no conversion",)),
    "a conversion over a file": (("convert", "folder", "a.txt"), 2, ("is not replaced",)),
    "a conversion over a circle": (("convert", "folder", "circle"), 2, ("is not replaced",)),
    "a conversion to nowhere": (("convert", "folder", "nowhere/new"), 2, ("there is no folder nowhere",)),
    "an unknown option": (("validate", "j.toml", "--dta"), 2, ("--dta",)),
    "no job": (("validate",), 2, ("JOB",)),
    "a job that is not there": (("validate", "k.toml"), 2, ("no such file", "did you mean 'j.toml'")),
    "a folder without jobs": (("validate", "folder"), 2, ("no *.toml",)),
    "a job that is a device": (("validate", "/dev/zero"), 2, ("no ordinary file",)),
    "a job that is a pipe": (("validate", "pipe"), 2, ("no ordinary file",)),
    "a job that is a circle of links": (("validate", "circle"), 2, ("symbolic links",)),
    "a job behind a file": (("validate", "a.txt/j.toml"), 2, ("cannot be read",)),
    "a job of nobody": (("validate", "~nosuchuser/j.toml"), 2, ("nosuchuser",)),
    "a job whose name no disk takes": (("validate", LONG), 2, ("too long",)),
    "a job that is a text": (("validate", "a.txt"), 2, ("not valid TOML",)),
    "a setting without a value": (("validate", "j.toml", "--set"), 2, ("--set",)),
    "a search of nothing": (("search", "k.toml"), 2, ("no such file",)),
    "a search of a device": (("search", "/dev/zero"), 2, ("no ordinary file",)),
    "a search with a wrong name": (("search", "j.toml", "--name", "a b"), 2, ("name",)),
    "a search with a name no disk takes": (("search", "j.toml", "--name", LONG), 2, ("80 characters",)),
    "a search of two lines": (("search", "j.toml", "--set", "seed=1\nname='b'"), 2, ("seed", "integer")),
    "a search with a wrong tracker": (("search", "j.toml", "--set", "tracking.uri=::::"), 2, ("tracking", "uri")),
    "a search with a wrong key": (("search", "j.toml", "--set", "budget.trails=2"), 2, ("did you mean 'trials'",)),
    "a prediction without a folder": (("predict",), 2, ("DIR",)),
    "a prediction with two sources": (("predict", "x", "--text", "a", "--file", "a.txt"), 2, ("--file",)),
    "a prediction to a picture": (("predict", "x", "--text", "a", "--to", "a.png"), 2, ("a.png",)),
    "a prediction of no encoding": (("predict", "x", "--file", "a.txt", "--encoding", "utf9"), 2, ("encoding",)),
    "a prediction on a wrong device": (("predict", "x", "--device", "gpu"), 2, ("gpu",)),
    "columns without a table": (("predict", "x", "--columns", "a"), 2, ("--file",)),
    "an inspection of nothing": (("inspect", "nowhere/at/all"), 2, ("does not exist",)),
    "an inspection of a circle": (("inspect", "circle/a"), 2, ("does not exist",)),
    "an export to nowhere": (("export",), 2, ("Missing",)),
    "a format that there is not": (("export", "x", "--to", "y", "--format", "onnx"), 2, ("onnx",)),
    "a report of a long name": (("report", LONG), 2, ("too long",)),
    "a comparison of nothing": (("compare",), 2, ("NAME",)),
    "a port that is a word": (("ui", "--port", "web"), 2, ("web",)),
    "a confirmation of none": (("confirm", "x", "--top", "0"), 2, ("--top",)),
    "a cluster without a name": (("logs",), 2, ("Missing",)),
}
BROKEN = {
    "an empty folder": {},
    "an empty artifact.json": {"artifact.json": ""},
    "an artifact.json that is null": {"artifact.json": "null"},
    "an artifact.json that is a list": {"artifact.json": "[]"},
    "an artifact.json without an end": {"artifact.json": "[" * 100_000},
    "an artifact.json of bytes": {"artifact.json": bytes(range(128, 256))},
    "an artifact.json of other keys": {"artifact.json": '{"a": 1}'},
    "an artifact.json of many digits": {"artifact.json": '{"format": ' + "9" * 5_000 + "}"},
    "an artifact.json with nulls": {"artifact.json": '{"format": null, "prompt": null}'},
    "weights alone": {"prompt.safetensors": b"\0" * 16},
}


def cases() -> Iterator[Case]:
    """Every command line, and every folder that is no artifact."""
    for name, (arguments, code, words) in COMMANDS.items():
        yield Case(f"ptune: {name}", arguments, code, words, FILES)
    for name, files in BROKEN.items():
        inside = {f"made/{path}": content for path, content in files.items()} | {"made/.keep": ""}
        yield Case(f"an artifact: {name}", ("inspect", "made"), 2, ("made",), inside)
