"""Processes that end with their test, free ports, and waiting for conditions."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")

PATIENCE_SECONDS = 60
"""How long a condition may take to come about. Generous: it is no verdict on speed."""


PORTS = range(20_000, 32_768)
"""Ports that the system gives to nobody by itself, so that no outgoing connection takes one before its server does."""


def free_port() -> int:
    """Gives a port on loopback that nothing listens on at this moment."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as listener:
            # Free although connections of an earlier server there still linger, as it is for the servers.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                listener.bind(("127.0.0.1", port))
                return port


def until(what: str, condition: Callable[[], Answer | None], patience: float = PATIENCE_SECONDS) -> Answer:
    """Waits until `condition` gives something true, and gives that. Fails with `what` when it does not."""
    deadline = time.monotonic() + patience
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Whether something accepts connections on that port of loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def clean_environment(**more: str) -> dict[str, str]:
    """Gives an environment with a path and nothing of this process's that a program might heed, and `more`."""
    return {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", **more}


@contextmanager
def running(command: list[str], log: Path, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen]:
    """Runs a command in a session of its own, output to `log`, and ends it by its pid when the block ends."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment or clean_environment()
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen, with_signal: int = signal.SIGTERM) -> int:
    """Ends a process, by force if it does not heed the signal, and gives its exit code."""
    if process.poll() is None:
        process.send_signal(with_signal)
        try:
            process.wait(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()
