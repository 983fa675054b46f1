"""No file can make ptune run code, and text reaches a terminal through one door."""

import ast

from support.repository import PACKAGE, modules, nodes

RUNS_CODE = frozenset(
    ("eval", "exec", "compile", "pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle")
)
"""Names that run code, or whose loaders do."""
HARMLESS = (("pickle", "UnpicklingError"),)
"""What may be imported from them: what torch raises where it refuses a pickle."""
CONSOLES = ("report/said.py", "report/console.py")
OWN_PYTHON_ONLY = ("cli/entry.py", "artifacts/formats/vllm_client.py")
"""What runs where ptune may not be: it writes its own words."""
ANSWERS = ("backbone/unpickle.py",)
"""What answers the process that started it, in JSON, and no terminal."""


def calls():
    for path in modules().values():
        for node in nodes(path):
            if isinstance(node, ast.Call):
                yield path.relative_to(PACKAGE).as_posix(), node, ast.unparse(node.func)


def option(call, name):
    return next((ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == name), None)


def test_nothing_is_unpickled_or_run():
    for path in modules().values():
        for node in nodes(path):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = (
                    [node.module or "" for alias in node.names if (node.module, alias.name) not in HARMLESS]
                    if isinstance(node, ast.ImportFrom)
                    else [alias.name for alias in node.names]
                )
                assert not RUNS_CODE & {name.partition(".")[0] for name in names}, path
    for place, _, name in calls():
        assert name not in RUNS_CODE, place
        assert name.partition(".")[0] not in RUNS_CODE, place
        assert name not in ("yaml.load", "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle", "os.system"), place


def test_loaders_that_may_unpickle_are_told_not_to():
    found = 0
    for place, call, name in calls():
        if name == "torch.load":
            assert option(call, "weights_only") == "True", place
            found += 1
        if name in ("np.load", "numpy.load"):
            assert option(call, "allow_pickle") == "False", place
            found += 1
    assert found >= 4, "the cartridge, the request to vLLM, the tokens, and weights to convert"


def test_text_reaches_a_terminal_through_one_door():
    for place, _, name in calls():
        if place in (*CONSOLES, *OWN_PYTHON_ONLY, *ANSWERS):
            continue
        assert name not in ("print", "click.echo", "click.secho", "Console", "rich.print"), place
        assert name not in ("sys.stdout.write", "sys.stderr.write", "sys.stderr.writelines"), place


def test_every_model_and_tokenizer_is_told_whether_code_may_run():
    loaded = [
        (place, call) for place, call, name in calls() if name.endswith(".from_pretrained") and "Peft" not in name
    ]
    assert len(loaded) >= 7
    assert [place for place, call in loaded if option(call, "trust_remote_code") is None] == []
    models = [call for _, call in loaded if option(call, "use_safetensors")]
    assert [option(call, "use_safetensors") for call in models] == ["True"]
