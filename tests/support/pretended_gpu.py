"""A GPU that is none, for machines without one: tensors of the CPU that say `cuda` and meet only each other.

What computes with tensors of both devices fails as it does on CUDA. Numbers are the CPU's, without oneDNN. Modes of
torch hold in the thread that opens them.
"""

from contextlib import ExitStack, contextmanager

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_map_only

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)

_MOVES = ("_to_copy", "to")
_MIXED = ("copy_", "index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index")
"""A GPU's tensors take these from the CPU, too: contents and indices."""


class OnGpu(Tensor):
    """A tensor that holds one of the CPU."""

    @staticmethod
    def __new__(cls, held):
        return Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            requires_grad=held.requires_grad,
        )

    def __init__(self, held):
        self.held = held

    def __tensor_flatten__(self):
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner, _meta, _size, _stride):
        return OnGpu(inner["held"])

    @property
    def device(self):
        return CUDA

    @property
    def is_cuda(self):
        return True

    @property
    def is_cpu(self):
        return False

    def numpy(self, **_):
        raise TypeError("can't convert a tensor of cuda:0 to numpy")

    def __repr__(self):
        return f"OnGpu({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


def _run(func, args, kwargs):
    """Run an operation on what its tensors hold, if they may meet."""
    flat = tree_flatten((args, kwargs))[0]
    tensors = [value for value in flat if isinstance(value, Tensor)]
    named = [value for value in flat if isinstance(value, torch.device)]
    there = any(isinstance(value, OnGpu) for value in tensors)
    name = func.__name__.split(".")[0]
    if there and name not in (*_MOVES, *_MIXED):
        _refuse_strangers(name, tensors)
    if named:
        lands = named[0].type == "cuda"
    elif name in _MIXED:
        lands = isinstance(tensors[0], OnGpu)
    else:
        lands = isinstance(tensors[1], OnGpu) if name == "to" and len(tensors) > 1 else there
    with torch.inference_mode(mode=False), torch.no_grad():  # wrappers of views are no tensors of inference
        out = func(*tree_map(_inner, args), **{key: _inner(value) for key, value in kwargs.items()})
        if name in _MOVES and lands != isinstance(tensors[0], OnGpu) and out is _inner(tensors[0]):
            out = out.clone()
        known = {id(value.held): value for value in tensors if isinstance(value, OnGpu)}
        if not lands:
            return out
        return tree_map_only(Tensor, lambda one: known[id(one)] if id(one) in known else OnGpu(one), out)


def _refuse_strangers(name, tensors):
    """Refuse tensors of the CPU beside those of the GPU, but for scalars and what autograd itself fills in."""
    strangers = [value for value in tensors if not isinstance(value, OnGpu) and value.dim() > 0]
    if strangers and torch._C._current_graph_task_id() == -1:
        raise RuntimeError(f"{name}: expected all tensors to be on the same device, got cuda:0 and cpu")


def _inner(value):
    if isinstance(value, OnGpu):
        return value.held
    return CPU if isinstance(value, torch.device) else value


class _Operations(TorchDispatchMode):
    """Sees to tensors that are made on a device, which have none to go by."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, {key: value for key, value in (kwargs or {}).items() if key != "pin_memory"})


class _Download(torch.autograd.Function):
    @staticmethod
    def forward(_context, tensor):
        return tensor.held.clone()

    @staticmethod
    def backward(_context, gradient):
        return OnGpu(gradient.clone())


class _Functions(TorchFunctionMode):
    """Sees to calls of Python that would reach the driver of a GPU, or that know a tensor by its real device."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        args = tuple(map(_numbered, args))
        kwargs = {name: _numbered(value) for name, value in (kwargs or {}).items()}
        if func is Tensor.pin_memory:
            return args[0]
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == CUDA:
            return func(*args, **kwargs | {"device": CPU}).to(CUDA)
        if args and isinstance(args[0], OnGpu):
            if func is Tensor.cpu:
                return _Download.apply(args[0])
            if func is Tensor.tolist:
                return args[0].held.tolist()
            if func is Tensor.to and "cpu" in map(str, (*args[1:], *kwargs.values())):
                rest = [value for value in args[1:] if str(value) != "cpu"]
                return _Download.apply(args[0]).to(*rest, **kwargs)
        return func(*args, **kwargs)


def _numbered(value):
    """A GPU with its number: without one, torch asks the driver which is the current one."""
    return CUDA if isinstance(value, str | torch.device) and str(value) == "cuda" else value


@contextmanager
def pretended_gpu():
    """Let `cuda` be such a GPU, in this thread."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(torch.cuda, "_lazy_init", lambda: None)
        patch.setattr(torch.cuda, "get_rng_state", lambda _device: torch.get_rng_state())
        patch.setattr(torch.cuda, "set_rng_state", lambda state, _device: torch.set_rng_state(state))
        patch.setattr(torch.cuda, "empty_cache", lambda: None)
        stack.enter_context(torch.backends.mkldnn.flags(enabled=False))  # its LSTM keeps tensors that nothing may hold
        stack.enter_context(_Operations())
        stack.enter_context(_Functions())
        yield
