"""The HTTP side: which address answers what, in the protocol of MLflow's scoring server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import ptune
from ptune.errors import ArtifactError, DataError
from ptune.serving.catalogue import Catalogue, UnknownPromptError
from ptune.serving.payload import MediaTypeError, read_payload
from ptune.serving.rounds import BusyError, Rounds

MOST_BYTES = 2**26
"""Longest body of a request."""
_RETRY_AFTER = "1"  # second: about what a full queue of short texts takes


def build_app(catalogue: Catalogue, room: int) -> Starlette:
    """The application that answers for a catalogue.

    Args:
        catalogue: the prompts.
        room: most inputs that wait; a request that does not fit is answered 503.
    """
    rounds = Rounds(catalogue.answer, catalogue.useful_tokens, room)

    async def health(_request: Request) -> Response:
        return Response("\n", media_type="application/json")

    async def version(_request: Request) -> Response:
        return Response(ptune.__version__, media_type="application/json")

    async def prompts(_request: Request) -> Response:
        return JSONResponse({"prompts": [asdict(entry) for entry in catalogue.entries]})

    async def invocations(request: Request) -> Response:
        payload = read_payload(await _body(request), request.headers.get("content-type", ""))
        prompt = request.path_params.get("name", payload.prompt)
        if payload.prompt not in (None, prompt):
            raise DataError(f"the address names the prompt {prompt!r}, and params {payload.prompt!r}")
        question = catalogue.question(payload.inputs, prompt, payload.data_set)
        if len(question.texts) > room:
            raise DataError(f"a request holds at most {room} inputs, got {len(question.texts)}")
        return JSONResponse({"predictions": await rounds.ask(question)})

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        rounds.close()

    return Starlette(
        routes=[
            Route("/ping", health),
            Route("/health", health),
            Route("/version", version),
            Route("/prompts", prompts),
            Route("/prompts/{name}/invocations", invocations, methods=["POST"]),
            Route("/invocations", invocations, methods=["POST"]),
        ],
        exception_handlers={
            DataError: _refusal(400, "BAD_REQUEST"),
            ArtifactError: _refusal(400, "INVALID_PARAMETER_VALUE"),
            UnknownPromptError: _refusal(404, "RESOURCE_DOES_NOT_EXIST"),
            _TooLongError: _refusal(413, "REQUEST_LIMIT_EXCEEDED"),
            MediaTypeError: _refusal(415, "BAD_REQUEST"),
            BusyError: _refusal(503, "TEMPORARILY_UNAVAILABLE", {"Retry-After": _RETRY_AFTER}),
            Exception: _refusal(500, "INTERNAL_ERROR"),
        },
        lifespan=lifespan,
    )


class _TooLongError(ValueError):
    """A body is longer than is read."""


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise _TooLongError(f"a body holds at most {MOST_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _refusal(
    status: int, code: str, headers: dict[str, str] | None = None
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Answers an error as MLflow's scoring server does: with an error code and a message."""

    async def answer(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error_code": code, "message": str(error)}, status, headers)

    return answer
