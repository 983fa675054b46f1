"""Jobs and search spaces with something wrong in them, and settings of a command line that replace their values."""

import json
from collections.abc import Iterator

from support.input_cases import Case, toml

LONG, DIGITS = "x" * 5_000, "9" * 5_000
WRONG = {
    "name": (
        "3",
        "true",
        "''",
        "'a b'",
        "'../a'",
        "'-a'",
        "[]",
        "{}",
        json.dumps("n" * 81),
        "'a\\u0000'",
        "'é'",
        "1.5",
    ),
    "seed": ("-1", "2147483648", "1.5", "true", "'x'", "[]", "{}", "nan", "9" * 60),
    "data_seed": ("-1", "'x'", "2147483648"),
    "backbone.id": ("3", "[]", "''", "{}", json.dumps(LONG), "'~nosuchuser/x'", "'./nowhere'", "'packaged:nothing'"),
    "backbone.revision": ("3", "[]", '"a\\u0000"'),
    "backbone.dtype": ("'float16'", "'bfloat'", "3", "[]"),
    "backbone.quantization": ("'int4'", "'none'", "8", "true", "[]"),
    "backbone.weights": ("1",),
    "task.kind": ("'regresion'", "'multi_label'", "'tokenz'", "3", "[]", "{}", "''", "true"),
    "task.metric": ("'acuracy'", "'bleu'", "3", "[]", "''", "'accuracy+'", "'accuracy+accuracy'", "'accuracy+loss'"),
    "task.selection": ("'best'", "3"),
    "task.description": ("''", "' '", "3"),
    "task.more": ("3", "'x'", "[3]", "{}"),
    "task.data": ("3", "[]", "'x'"),
    "task.data.text": ("3", "[]", "'text'", "[3]", "['label']", "['a','a']", "['1','2','3','4','5','6','7','8','9']"),
    "task.data.label": ("3", "[]", "'text'"),
    "task.data.labels": ("[]", "['a']", "['a','a']", "3", "[1,2]"),
    "task.data.max_length": ("0", "7", "-1", "1.5", "'x'", "true", "100000"),
    "task.data.limit_train": ("0", "-1", "'x'", "1.5"),
    "task.data.limit_dev": ("0", "true"),
    "task.data.limit_test": ("0", "[]"),
    "task.data.limit_by": ("'random'", "3"),
    "task.data.shots": ("0", "-5", "'x'"),
    "task.data.splits": ("0", "2"),
    "task.data.folds": ("0", "1", "'x'", "true", "101"),
    "export.refit": ("true", "3"),
    "task.data.rename": ("3", "['a']", "{a = 3}"),
    "task.data.replace": ("3", "{text = 3}", "{text = {a = 1}}"),
    "task.data.explode": ("3", "[]"),
    "task.data.encoding": ("'utf8x'", "'latin-1'", "3", "'hex'"),
    "task.data.delimiter": ("'::'", "''", "','", "3"),
    "task.data.on_bad_row": ("'drop'", "3"),
    "task.data.template": ("3", "'{txt}'", "'{text'", "'text'", "''"),
    "task.data.verbalizer": ("3", "{a = 3}", "{a = []}"),
    "task.data.class_weights": ("'balance'", "3", "{}", "{a = 0}", "{a = 'x'}", "{a = -1}"),
    "task.data.source": ("3", "'./nowhere'", "'/dev/zero'", "'~nosuchuser/x'", json.dumps(LONG)),
    "task.data.train": ("3", "'trian'", "''", "[]"),
    "task.data.dev": ("3", "'dve'"),
    "task.data.test": ("3", "'tset'"),
    "task.data.txt": ("['a']",),
    "budget.trials": ("0", "-1", "1.5", "'x'", "true", "[]"),
    "budget.epochs": ("0", "-1", "1.5", "'x'", "{}"),
    "budget.sampler": ("'bayes'", "3", "'tpee'"),
    "budget.stopping": ("3", "{type='bohb'}", "{type='asha',eta=1}", "{type='asha',grace=0}", "{type=3}"),
    "budget.patience": ("0", "-1", "1.5", "'x'"),
    "budget.target": ("'x'", "[]", "nan"),
    "budget.hours": ("0", "-1", "'x'", "inf"),
    "resources.slots": ("0", "257", "'x'", "1.5"),
    "resources.engines": ("0", "'many'", "{min=3,max=1}", "{max=0}", "[]"),
    "resources.gpus_per_engine": ("0", "65", "'x'", "1.5"),
    "resources.device": ("'gpu'", "'tpu'", "3"),
    "resources.token_budget": ("1", "'big'", "true"),
    "resources.cache_gb": ("-1", "'x'", "inf", "nan"),
    "resources.checkpointing": ("'yes'", "true"),
    "resources.compile": ("'yes'", "1"),
    "resources.unpadded": ("'yes'", "1"),
    "resources.unpadded_attention": ("'yes'", "1"),
    "resources.cuda_graphs": ("'yes'", "1"),
    "resources.flat_gradients": ("'yes'", "1"),
    "resources.silent_s": ("0", "'x'"),
    "resources.engines_within_s": ("0", "nan"),
    "resources.labels": ("3", "{zone = 3}"),
    "prior.recorded": ("'sst2'", "1", "[1]", "['sst2', 'sst2']", "['sst-2']", "[]"),
    "tracking.type": ("'wandb'", "3"),
    "tracking.uri": (
        *("3", "'::::'", "'[::1'", "'http://[::1'", "'http://h:99999'", "'http://'", "'ftp://x'", "'file:///x'", "'x'"),
        *(
            "'http://a b'",
            '"http://a\\nb"',
            "'http://u:p@h'",
            "'sqlite:/x'",
            json.dumps("http://" + LONG),
            "'htpt://x'",
        ),
        json.dumps("sqlite:///" + LONG),
    ),
    "tracking.register_as": ("''", "'a/b'", "'a:b'", "3"),
    "export.formats": ("3", "['onnx']", "['pefft']", "'peft'", "{}"),
    "start": ("3", "'./nowhere'", "[]", json.dumps(LONG), "'~nosuchuser/x'"),
    "published": ("3", "[3]", "[{metric='accuracy'}]"),
    "cluster.upload_mb": ("-1", "'x'"),
    "space.baseline": ("3", "{}", "''", "[3]"),
    "sedd": ("3",),
    "buget": ("{trials=3}",),
}
"""Wrong values by key; each is refused with the key's last name in the message."""

TEXTS = {
    "nothing": ("", ["name", "required"]),
    "only spaces": ("  \n\n", ["required"]),
    "no TOML": ("hello there", ["not valid TOML"]),
    "JSON": ('{"name": "t"}', ["not valid TOML"]),
    "YAML": ("name: t\nbackbone:\n  id: x\n", ["not valid TOML"]),
    "a table never closed": ("[budget\ntrials = 2", ["not valid TOML"]),
    "a string never closed": ('name = "t', ["not valid TOML"]),
    "a key twice": (toml() + "seed = 1\nseed = 2\n", ["not valid TOML"]),
    "a table twice": ("[budget]\ntrials = 1\n[budget]\nepochs = 1\n", ["not valid TOML"]),
    "lists in lists without an end": ("a = " + "[" * 100_000, ["nested too deep"]),
    "lists in lists": ("a = " + "[" * 3_000 + "]" * 3_000, ["nested too deep"]),
    "lists a little too deep": (toml() + "a = " + "[" * 60 + "]" * 60, ["nested too deep"]),
    "inline tables in tables": ("a = " + "{a = " * 900 + "1" + "}" * 900, ["nested too deep"]),
    "a key of many dots": (".".join("a" * 20_000) + " = 1", ["nested too deep"]),
    "a table of many dots": ("[" + ".".join("a" * 20_000) + "]", ["nested too deep"]),
    "a number of many digits": (toml({"seed": DIGITS}), ["not valid TOML", "digits"]),
    "a null character": (toml() + 'start = "a\\u0000b"\n', ["null character"]),
    "a null byte": (b"name = 't'\0", ["not valid TOML"]),
    "Latin-1": ("# é\n".encode("latin-1"), ["not valid TOML"]),
    "UTF-16": (toml().encode("utf-16"), ["not valid TOML"]),
    "a date": (toml({"name": "2020-01-01"}), ["name"]),
    "a file that extends itself": (toml() + "extends = 'j.toml'\n", ["circle"]),
    "a file that extends nothing": (toml() + "extends = 'nowhere.toml'\n", ["nowhere.toml", "no such file"]),
    "a file that extends a folder": (toml() + "extends = '.'\n", ["folder"]),
    "a file that extends a number": (toml() + "extends = 3\n", ["extends"]),
    "a file that extends a device": (toml() + "extends = '/dev/zero'\n", ["ordinary"]),
    "a file behind a file": (toml() + "extends = 'j.toml/x.toml'\n", ["cannot be read"]),
    "a name no disk takes": (toml() + f"extends = '{'y' * 300}.toml'\n", ["255 bytes"]),
    "a home of nobody": (toml() + "extends = '~nosuchuser/x.toml'\n", ["nosuchuser"]),
    "no space": (toml({"space.parameters.method.value": None}), ["space"]),
    "a space that is a number": (toml({"space.parameters.method.value": None, "space": "3"}), ["space"]),
    "a space in a device": (toml({"space.parameters.method.value": None, "space": "'/dev/zero'"}), ["ordinary"]),
    "a space that is not there": (toml({"space.parameters.method.value": None, "space": "'x.toml'"}), ["no such file"]),
    "lists for tables": ("name='t'\nbackbone=[]\ntask=[]\nbudget=[]\nspace=[]\n", ["backbone", "task", "budget"]),
}

PARAMETERS = {
    "an unknown parameter": ("lenght = {low=1,high=2}", ["lenght", "did you mean 'length'"]),
    "nothing of it": ("length = {}", ["length", "exactly one"]),
    "two ways of it": ("length = {low=1,high=2,value=3}", ["exactly one"]),
    "a range without an end": ("length = {low=1}", ["low and high"]),
    "a range backwards": ("length = {low=9,high=2}", ["low <= high"]),
    "a logarithm of nothing": ("lr = {low=0.0,high=0.1,log=true}", ["low > 0"]),
    "a step on a logarithm": ("lr = {low=0.1,high=0.2,log=true,step=0.1}", ["log and step"]),
    "a step of nothing": ("length = {low=1,high=8,step=0}", ["step"]),
    "a step of a half": ("length = {low=1,high=8,step=0.5}", ["step"]),
    "an expected value out of range": ("lr = {low=0.1,high=0.2,expected=0.3}", ["low <= expected <= high"]),
    "an expected word": ("lr = {low=0.1,high=0.2,expected='high'}", ["expected"]),
    "a spread of nothing": ("lr = {low=0.1,high=0.2,expected=0.1,spread=0}", ["spread"]),
    "too few weights": ("encoder = {choices=['mlp','embedding'],weights=[1]}", ["one for each choice"]),
    "a weight below nothing": ("encoder = {choices=['mlp','embedding'],weights=[1,-1]}", ["weights"]),
    "no choices": ("length = {choices=[]}", ["choices"]),
    "choices twice": ("length = {choices=[1,1]}", ["differ"]),
    "choices of lists": ("length = {choices=[[1]]}", ["choices"]),
    "a word for a number": ("length = {value='long'}", ["length"]),
    "too much of it": ("length = {value=100000}", ["length"]),
    "none of it": ("length = {value=0}", ["length"]),
    "a rate that is no number": ("lr = {value=nan}", ["lr"]),
    "a rate without an end": ("lr = {low=1e-3,high=inf}", ["high"]),
    "a rate below nothing": ("lr = {value=-1.0}", ["lr"]),
    "depths beyond the backbone": ("depth = {low=7,high='layers'}", ["low <= high"]),
    "a depth of many": ("depth = {value=99}", ["depth <= 6"]),
    "layers backwards": ("layers = {value='4-2'}", ["ascend"]),
    "layers twice": ("layers = {value='1,1'}", ["twice"]),
    "layers without number": ("layers = {value='1-9999999999'}", ["layers"]),
    "very many layers": ("layers = {value='1-999999'}", ["10000"]),
    "layer nothing": ("layers = {value='0'}", ["count from 1"]),
    "layers of words": ("layers = {value='all'}", ["layers"]),
    "layers and a depth": ("layers = {value='1'}\ndepth = {value=2}", ["layers or depth"]),
    "lengths of words": ("lengths = {value='a,b'}", ["lengths"]),
    "a condition on nothing": ("length = {value=2,when={side='last'}}", ["does not define"]),
    "a condition that never holds": ("length = {value=2,when={method='v1'}}", ["never chosen"]),
    "a condition of no values": ("length = {value=2,when={method=[]}}", ["no values"]),
    "a condition on a range": ("depth = {low=1,high=2}\nlength = {value=2,when={depth=1}}", ["is a range"]),
    "a condition that is a word": ("length = {value=2,when='v2'}", ["when"]),
    "conditions in a circle": (
        "encoder = {choices=['mlp'],when={optimizer='adam'}}\noptimizer = {choices=['adam'],when={encoder='mlp'}}",
        ["circle"],
    ),
    "two at once": ("length = [{value=2},{value=3}]", ["at once"]),
    "idle beside its encoder": ("encoder = {value='embedding'}\nhidden = {value=64}", ["hidden does nothing"]),
    "another method's": ("template = {value='before'}", ["template is not a parameter of method"]),
    "an encoder that there is not": ("encoder = {value='gru'}", ["encoder"]),
    "a parameter that is a number": ("length = 3", ["length"]),
    "a parameter that is a list of numbers": ("length = [3]", ["length"]),
    "labels smoothed away": ("label_smoothing = {value=1.0}", ["label_smoothing"]),
    "epochs under early stopping": ("epochs = {choices=[1,2]}", ["epochs"]),
}

SETTINGS = {
    "no value": ("seed", ["write table.key=value"]),
    "no key": ("=3", ["write table.key=value"]),
    "only dots": ("..=3", ["write table.key=value"]),
    "a gap in a key": ("budget..trials=3", ["write table.key=value"]),
    "a key of many dots": (".".join("a" * 5_000) + "=1", ["write table.key=value"]),
    "a table inside a number": ("seed.x=3", ["seed", "got {'x': 3}"]),
    "two lines": ("budget.trials=3\nbudget.epochs=9", ["trials", "integer"]),
    "a table behind a line": ("name=x\n[cluster]\nenv=['A']", ["name", "pattern"]),
    "a line of Unicode": ("name=x\u2028seed=3", ["name", "pattern"]),
    "a null character": ("name=a\0b", ["null character"]),
    "half a letter": ("name=\ud800", ["Unicode"]),
    "many digits": ("seed=" + DIGITS, ["seed"]),
    "many brackets": ("name=" + "[" * 50_000, ["name"]),
    "closed brackets": ("name=" + "[" * 60 + "]" * 60, ["nested too deep"]),
    "a table for a word": ("name={a=1}", ["name"]),
    "an unknown key": ("budget.trails=3", ["trails", "did you mean 'trials'"]),
    "an unknown table": ("bugdet.trials=3", ["bugdet"]),
    "an item of a list": ("task.data.text.0=a", ["text"]),
    "a parameter's wrong value": ("space.parameters.lr={low=1,high=0}", ["low <= high"]),
    "a kind of task that there is not": ("task.kind=regresion", ["kind", "got 'regresion'"]),
    "no shots": ("task.data.shots=0", ["shots"]),
    "a built-in task that there is not": ("task.data.source=builtin:who_job", ["no built-in task 'who_job'"]),
    "a home of nobody": ("backbone.id=~nosuchuser/x", ["nosuchuser"]),
    "a space of words": ("space=quick", ["quick: no such file"]),
    "a metric of another kind": ("task.metric=bleu", ["metric", "bleu"]),
}

RIGHT = {
    "as it is": {},
    "an early end": {"budget.stopping": "{type='asha',eta=2,grace=1}"},
    "no early end": {"budget.stopping": "{type='none'}"},
    "a unicode description": {"task.description": "'Ist das gut? 좋아요?'"},
    "two metrics": {"task.metric": "'accuracy+macro_f1'"},
    "a database": {"tracking.uri": "'sqlite:///runs.db'"},
    "a server": {"tracking.uri": "'http://[::1]:5000'"},
    "limits": {"task.data.limit_train": "40", "task.data.limit_by": "'first'"},
    "a population": {
        "budget.sampler": "'pbt'",
        "budget.inherit": "true",
        "budget.trials": "6",
        "budget.stopping": "{type='none'}",
        "space.parameters.lr": "{low=0.001,high=0.1}",
    },
    "a grid": {"budget.sampler": "'grid'", "space.parameters.lr.choices": "[0.1, 0.01]"},
}


def cases() -> Iterator[Case]:
    """Every job, space and setting."""
    validate = ("validate", "j.toml")
    for name, changes in RIGHT.items():
        yield Case(f"right: {name}", validate, 0, ("ok j.toml",), {"j.toml": toml(changes)})
    for key, values in WRONG.items():
        for value in values:
            alone = {
                other: None for other in ("name", "backbone.id", "task.data.source") if other.startswith(f"{key}.")
            }
            text = toml({**alone, key: value})
            yield Case(f"{key} = {value[:30]}", validate, 2, (key.rpartition(".")[2],), {"j.toml": text})
    for name, (text, words) in TEXTS.items():
        yield Case(f"a job: {name}", validate, 2, tuple(words), {"j.toml": text})
    for name, (text, words) in PARAMETERS.items():
        files = {"j.toml": toml({"space.parameters.method.value": None}, 'space = "s.toml"\n'), "s.toml": _space(text)}
        yield Case(f"a space: {name}", validate, 2, tuple(words), files)
    for name, (setting, words) in SETTINGS.items():
        yield Case(f"--set: {name}", (*validate, "--set", setting), 2, tuple(words), {"j.toml": toml()})
    chain = {f"c{number}.toml": f'extends = "c{number + 1}.toml"\n' for number in range(60)} | {"c60.toml": toml()}
    yield Case("a chain of 60 files", ("validate", "c0.toml"), 2, ("at most 32 files",), chain)
    yield Case("a chain of 20 files", ("validate", "c41.toml"), 0, ("ok c41.toml",), chain)
    choices = ", ".join(str(number + 1) for number in range(40))
    many = "".join(f"{name} = {{choices=[{choices}],when={{length=[1,2]}}}}\n" for name in ("batch_size", "passes"))
    space = _space(f"length = {{choices=[{choices}]}}\n{many}hidden = {{choices=[{choices}],when={{length=3}}}}\n")
    files = {"j.toml": toml({"space.parameters.method.value": None}, 'space = "s.toml"\n'), "s.toml": space}
    yield Case("conditions that multiply", validate, 2, ("hidden",), files)


def _space(parameters: str) -> str:
    return f"[parameters]\nmethod = {{value = 'v2'}}\n{parameters}\n"
