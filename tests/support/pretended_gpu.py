"""GPUs that are none, for machines without: tensors of the CPU that say `cuda` and meet only those of their own GPU.

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
    def __new__(cls, held, place=CUDA):
        return Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            requires_grad=held.requires_grad,
        )

    def __init__(self, held, place=CUDA):
        self.held = held
        self.place = place

    def __tensor_flatten__(self):
        return ["held"], self.place

    @staticmethod
    def __tensor_unflatten__(inner, place, _size, _stride):
        return OnGpu(inner["held"], place)

    @property
    def device(self):
        return self.place

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
    there = next((value.place for value in tensors if isinstance(value, OnGpu)), None)
    name = func.__name__.split(".")[0]
    if there and name not in (*_MOVES, *_MIXED):
        _refuse_strangers(name, tensors)
    if named and not (name in _MOVES and there and _fills_in()):
        lands = named[0] if named[0].type == "cuda" else None
    elif name in _MIXED and not (_fills_in() and not name.endswith("_")):
        lands = getattr(tensors[0], "place", None)
    else:
        lands = getattr(tensors[1], "place", None) if name == "to" and len(tensors) > 1 else there
    with torch.inference_mode(mode=False), torch.no_grad():  # wrappers of views are no tensors of inference
        out = func(*tree_map(_inner, args), **{key: _inner(value) for key, value in kwargs.items()})
        if name in _MOVES and lands != getattr(tensors[0], "place", None) and out is _inner(tensors[0]):
            out = out.clone()
        known = {id(value.held): value for value in tensors if isinstance(value, OnGpu)}
        if lands is None:
            return out
        return tree_map_only(Tensor, lambda one: known[id(one)] if id(one) in known else OnGpu(one, lands), out)


def _refuse_strangers(name, tensors):
    """Refuse tensors of another device, but for scalars of the CPU and what autograd itself fills in."""
    found = {getattr(value, "place", CPU) for value in tensors if isinstance(value, OnGpu) or value.dim() > 0}
    if len(found - {CPU} if _fills_in() else found) > 1:
        raise RuntimeError(f"{name}: expected all tensors to be on the same device, got {sorted(map(str, found))}")


def _fills_in():
    """Whether a backward pass runs, in which autograd makes and converts tensors where the wrappers really are."""
    return torch._C._current_graph_task_id() != -1


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


class _Across(torch.autograd.Function):
    @staticmethod
    def forward(context, tensor, place):
        context.came_from = tensor.place
        return OnGpu(tensor.held.clone(), place)

    @staticmethod
    def backward(context, gradient):
        return OnGpu(gradient.held.clone(), context.came_from), None


class _Functions(TorchFunctionMode):
    """Sees to calls of Python that would reach the driver of a GPU, or that know a tensor by its real device."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        args = tuple(map(_numbered, args))
        kwargs = {name: _numbered(value) for name, value in (kwargs or {}).items()}
        if func is Tensor.pin_memory:
            return args[0]
        if func in (torch.tensor, torch.as_tensor) and getattr(kwargs.get("device"), "type", None) == "cuda":
            return func(*args, **kwargs | {"device": CPU}).to(kwargs["device"])
        if args and isinstance(args[0], OnGpu):
            if func is Tensor.cpu:
                return _Download.apply(args[0])
            if func is Tensor.tolist:
                return args[0].held.tolist()
            if func is Tensor.to and "cpu" in map(str, (*args[1:], *kwargs.values())):
                rest = [value for value in args[1:] if str(value) != "cpu"]
                return _Download.apply(args[0]).to(*rest, **kwargs)
            named = [getattr(value, "device", value) for value in (*args[1:], *kwargs.values())]
            place = next((value for value in named if isinstance(value, torch.device)), args[0].place)
            if func is Tensor.to and place.type == "cuda" and place != args[0].place:
                return func(_Across.apply(args[0], place), *args[1:], **kwargs)
        return func(*args, **kwargs)


def _numbered(value):
    """A GPU with its number: without one, torch asks the driver which is the current one."""
    return CUDA if isinstance(value, str | torch.device) and str(value) == "cuda" else value


@contextmanager
def pretended_gpu():
    """Let `cuda` be such GPUs, as many as are named, in this thread."""
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
