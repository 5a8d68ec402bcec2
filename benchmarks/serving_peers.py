"""Peers of `benchmarks/serving.py`, each a server on loopback: `bare` and `echo`."""

import sys
from typing import Any


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """The least that an ASGI application can do with a body: read it, and answer with it."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serve_asgi(application: Any, port: int) -> None:
    """uvicorn as the service starts it."""
    import uvicorn

    uvicorn.run(application, port=port, lifespan="off", access_log=False, log_level="warning", ws="none")


def echo() -> Any:
    """A FastAPI application whose one route answers with the body."""
    from fastapi import FastAPI, Request, Response

    application = FastAPI()

    @application.post("/echo")
    async def answer(request: Request) -> Response:
        return Response(await request.body(), media_type="application/json")

    return application


def main() -> None:
    """`serving_peers.py NAME PORT`."""
    serve_asgi(bare if sys.argv[1] == "bare" else echo(), int(sys.argv[2]))


if __name__ == "__main__":
    main()
