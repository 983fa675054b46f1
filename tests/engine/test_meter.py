"""What an engine takes of its machine, with a clock of the test's own."""

import sys
from types import ModuleType, SimpleNamespace

import psutil
import pytest
import torch

from ptune.engine.meter import Meter

DAY_S = 24 * 3600


@pytest.fixture
def clock():
    return SimpleNamespace(now=1000.0)


@pytest.fixture
def meter(clock):
    return Meter([torch.device("cpu")], lambda: clock.now)


@pytest.fixture
def gpu(monkeypatch):
    """A meter of an engine on the first of two GPUs, with 60 and 20 of their 80 GB in use."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: ((20e9, 60e9)[device.index or 0], 80e9))
    return Meter([torch.device("cuda")])


def test_a_reading_is_of_this_process_and_of_its_machines_memory(meter):
    usage = meter.read()
    assert usage.keys() == {
        "cpu_utilization_percentage",
        "memory_usage_megabytes",
        "system_memory_usage_percentage",
    }
    assert usage["memory_usage_megabytes"] == pytest.approx(psutil.Process().memory_info().rss / 1e6, rel=0.2)
    assert 0 < usage["system_memory_usage_percentage"] <= 100
    assert all(value == float(f"{value:.4g}") for value in usage.values())


def test_processor_use_is_counted_since_the_last_reading(meter, monkeypatch):
    counted = iter([87.654321, 3.0])
    monkeypatch.setattr(psutil.Process, "cpu_percent", lambda _: next(counted))
    assert meter.read()["cpu_utilization_percentage"] == 87.65


def test_there_is_a_reading_every_ten_seconds_at_most(meter, clock):
    def reads(second):
        clock.now = 1000.0 + second
        return meter.read() is not None

    assert [reads(second) for second in (0, 0.5, 9.9, 10, 10.1, 25, 34.9, 35)] == [
        True, False, False, True, False, True, False, True,
    ]  # fmt: skip


def test_a_long_search_has_hundreds_of_readings_and_not_thousands(meter, clock):
    readings = 0
    for second in range(0, DAY_S, 5):
        clock.now = 1000.0 + second
        readings += meter.read() is not None
    assert 300 < readings < 700


@pytest.fixture
def nvml_error(monkeypatch):
    """The errors of NVIDIA's library, which is there."""
    library = ModuleType("pynvml")
    library.NVMLError = type("NVMLError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "pynvml", library)
    return library.NVMLError


@pytest.mark.usefixtures("nvml_error")
def test_a_gpu_is_read_too(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "utilization", lambda _: 93)
    usage = gpu.read()
    assert usage["gpu_0_memory_usage_megabytes"] == 60_000
    assert usage["gpu_0_memory_usage_percentage"] == 75
    assert usage["gpu_0_utilization_percentage"] == 93
    assert not any(name.startswith("gpu_1") for name in usage), "the engine is not on that one"


@pytest.mark.usefixtures("gpu", "nvml_error")
def test_every_gpu_of_an_engine_is_read(monkeypatch):
    monkeypatch.setattr(torch.cuda, "utilization", lambda device: (93, 7)[device.index])
    usage = Meter([torch.device("cuda:0"), torch.device("cuda:1")]).read()
    assert [usage[f"gpu_{number}_memory_usage_percentage"] for number in (0, 1)] == [75, 25]
    assert [usage[f"gpu_{number}_memory_usage_megabytes"] for number in (0, 1)] == [60_000, 20_000]
    assert [usage[f"gpu_{number}_utilization_percentage"] for number in (0, 1)] == [93, 7]


def test_a_gpu_whose_library_refuses_lacks_one_number_alone(gpu, nvml_error, monkeypatch):
    def refuse(_):
        raise nvml_error("not supported")

    monkeypatch.setattr(torch.cuda, "utilization", refuse)
    usage = gpu.read()
    assert usage["gpu_0_memory_usage_percentage"] == 75
    assert "gpu_0_utilization_percentage" not in usage


def test_a_gpu_without_its_library_lacks_one_number_alone(gpu, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    usage = gpu.read()
    assert usage["gpu_0_memory_usage_percentage"] == 75
    assert "gpu_0_utilization_percentage" not in usage
