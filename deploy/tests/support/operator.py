"""What stands around the operator's scripts in tests: their machine, and what AWS says where moto cannot."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Any

from support.aws import Endpoint
from support.processes import clean_environment
from support.service import ROOT

BIN = ROOT / "deploy/bin"
"""Where the scripts are."""

TOOLS = Path(sys.executable).parent
"""Where the AWS command line is."""

AWS = '''#!{python} -I
"""Notes how it was called, gives the answers it was told to give, and leaves the rest to the real one."""
import json, os, sys

words = sys.argv[1:]
with open({calls!r}, "a") as calls:
    calls.write(json.dumps(words) + "\\n")
with open({answers!r}) as file:
    answers = json.load(file)
known = [key for key in answers if key.split()[:2] == words[:2] and set(key.split()) <= set(words)]
answer = answers[max(known, key=len)] if known else None
if words[:2] == ["ssm", "start-session"] and isinstance(answer, int):
    given = json.loads(words[words.index("--parameters") + 1])
    sys.stdout.flush()
    os.execvp("session-manager-plugin", ["session-manager-plugin", given["localPortNumber"][0], str(answer)])
if answer is None:
    os.execv({aws!r}, [{aws!r}, *words])
if isinstance(answer, str):
    sys.exit(f"\\nAn error occurred ({{answer}}) when calling the {{words[1]}} operation: told to")
import jmespath
query = words[words.index("--query") + 1] if "--query" in words else "@"
found = jmespath.search(query, answer)
if "text" in words:
    print("\\t".join(map(str, found)) if isinstance(found, list) else found)
else:
    print(json.dumps(found))
'''

PLUGIN = '''#!{python} -I
"""Forwards from one port of loopback to another, as Session Manager's plugin does to the database."""
import asyncio, signal, sys

async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()

async def serve(reader, writer):
    try:
        there = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    except OSError:
        return writer.close()
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

async def run():
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, ended.set)
    await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await ended.wait()
    with open({ended!r}, "a") as file:
        file.write("ended\\n")

asyncio.run(run())
'''


@dataclass
class Machine:
    """The operator's machine: a folder of commands that go before the system's, and credentials for an endpoint."""

    folder: Path
    aws: Endpoint
    answers: dict[str, Any] = field(default_factory=dict)
    """What the AWS command line answers to a command such as "sts get-caller-identity", or to one with further words,
    instead of asking the endpoint: a document, or the code of an error. For "ssm start-session" the port that the way
    leads to."""
    started: subprocess.Popen[str] | None = None
    """The script that is to be interrupted."""

    def __post_init__(self) -> None:
        self.commands.mkdir(parents=True, exist_ok=True)
        told = {"python": sys.executable, "calls": str(self.folder / "calls"), "answers": str(self.folder / "answers")}
        self.command("aws", AWS.format(aws=str(TOOLS / "aws"), **told))
        self.command("session-manager-plugin", PLUGIN.format(python=sys.executable, ended=str(self.folder / "ended")))

    @property
    def commands(self) -> Path:
        return self.folder / "commands"

    def command(self, name: str, text: str) -> None:
        """Puts a command before the system's of that name."""
        file = self.commands / name
        file.write_text(text)
        file.chmod(0o755)

    def calls(self) -> list[list[str]]:
        """Gives the words of every call of the AWS command line."""
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]

    def forwards_ended(self) -> int:
        """How many port forwards were ended as a person ends them."""
        file = self.folder / "ended"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def run(self, script: str, *words: str | Path, code: int = 0, **environment: str) -> str:
        """Runs a script, expects the exit code, and gives what it said."""
        finished = subprocess.run(
            [str(BIN / script), *map(str, words)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self._environment() | environment,
            check=False,
        )
        said = finished.stdout + finished.stderr
        assert finished.returncode == code, f"{script} ended with {finished.returncode}:\n{said}"
        self._left_nothing(script)
        return said

    def interrupt(self, script: str, *words: str | Path, after: str, sent: Signals) -> str:
        """Runs a script until it has said `after`, sends it a signal, and gives all that it said."""
        self.started = process = subprocess.Popen(
            [str(BIN / script), *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment(),
            start_new_session=True,
        )
        assert process.stdout is not None
        said = ""
        while after not in said:
            line = process.stdout.readline()
            assert line, f"{script} did not say {after!r}:\n{said}"
            said += line
        self.signal(sent)
        said += process.stdout.read()
        assert process.wait() == 128 + sent, said
        self._left_nothing(script)
        return said

    def signal(self, sent: Signals) -> None:
        """Sends the script that is to be interrupted a signal; as a terminal does, all that it has started too."""
        assert self.started is not None
        os.killpg(self.started.pid, sent)

    def _environment(self) -> dict[str, str]:
        (self.folder / "answers").write_text(json.dumps(self.answers))
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        known = clean_environment(**self.aws.environment()) | {"HOME": str(self.folder), "TMPDIR": str(temporary)}
        return known | {"PATH": f"{self.commands}:{known['PATH']}"}

    def _left_nothing(self, script: str) -> None:
        left = list((self.folder / "tmp").iterdir())
        assert not left, f"{script} left files: {left}"
