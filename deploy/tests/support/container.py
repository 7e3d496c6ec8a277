"""A Debian of its own for a test: debootstrap makes it once, systemd-nspawn boots a copy of it."""

import ctypes
import fcntl
import hashlib
import itertools
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.package import package
from support.processes import clean_environment, running, until

SUITE = "bookworm"
PACKAGES = [
    "adduser",
    "ca-certificates",
    "dbus",
    "libnginx-mod-http-brotli-static",
    "nginx",
    "systemd",
    "systemd-sysv",
]
"""What is there before the package is installed."""

CLONE_NEWNET = 0x40000000
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Container:
    """A booted container. It has loopback and no other network."""

    init: int
    """The process that is number 1 inside, by its number here."""

    def path(self, inside: str) -> Path:
        """Where a path of the container is for this process."""
        return Path(f"/proc/{self.init}/root{inside}")

    def run(self, *command: str, code: int | None = 0, **variables: str) -> str:
        """Runs a command inside as root and gives all that it prints. It has to end with `code`; None: with any."""
        enter = ["nsenter", f"--target={self.init}", "--all", "--"]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root", **variables}
        finished = subprocess.run(
            [*enter, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            timeout=300,
            check=False,
        )
        assert code is None or finished.returncode == code, f"{command} ended {finished.returncode}:\n{finished.stdout}"
        return finished.stdout

    def put(self, file: Path) -> str:
        """Copies a file into the container and gives its path there."""
        shutil.copy(file, self.path("/root/"))
        return f"/root/{file.name}"

    def is_active(self, unit: str) -> bool:
        return self.run("systemctl", "is-active", unit, code=None).strip() == "active"

    def log(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")

    def files(self) -> set[str]:
        """Lists what there is on its disk, less what systemd, logs and caches keep."""
        skipped = [
            "/proc",
            "/sys",
            "/dev",
            "/run",
            "/tmp",
            "/var/tmp",
            "/var/log",
            "/var/cache",
            "/root",
            "/var/lib/dpkg",
        ]
        expression = [part for path in skipped for part in ("-path", path, "-prune", "-o")]
        return set(self.run("find", "/", "-xdev", *expression, "-print").splitlines())

    @contextmanager
    def network(self) -> Iterator[None]:
        """Puts this thread, and the processes that it starts, into the container's network."""
        libc = ctypes.CDLL(None, use_errno=True)

        def enter(network: int) -> None:
            if libc.setns(network, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        theirs = os.open(f"/proc/{self.init}/ns/net", os.O_RDONLY)
        try:
            enter(theirs)
            yield
        finally:
            enter(own)
            os.close(own)
            os.close(theirs)


class CannotRunError(Exception):
    """No container can be booted here. Says why."""


@contextmanager
def container(folder: Path) -> Iterator[Container]:
    """Boots a fresh container, its disk in `folder`, and takes it away when the block ends, however it ends."""
    tree = _tree()
    _try(tree, folder / "try")
    with running(_nspawn(tree, folder / "disk", "--boot"), folder / "console.log") as nspawn:

        def init() -> int | None:
            assert nspawn.poll() is None, (folder / "console.log").read_text()
            for child in Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split():
                if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    return int(child)
            return None

        booted = Container(until("systemd runs", init))
        until("systemd has booted", lambda: "running" in booted.run("systemctl", "is-system-running", code=None))
        yield booted


def _tree() -> Path:
    """Gives the folder with the Debian that containers start from. Made once, and anew when its packages change."""
    if os.geteuid() != 0:
        raise CannotRunError("only root may boot a container")
    for program in ["debootstrap", "systemd-nspawn", "nsenter", "unshare"]:
        if shutil.which(program, path=clean_environment()["PATH"]) is None:
            raise CannotRunError(f"{program} is not installed")
    mirror = _mirror()
    if mirror is None:
        raise CannotRunError(f"apt knows no mirror of Debian {SUITE}")
    key = hashlib.sha256(" ".join([SUITE, *PACKAGES]).encode()).hexdigest()[:16]
    tree = package().parent.parent / "debian-trees" / key
    tree.parent.mkdir(parents=True, exist_ok=True)
    with tree.with_suffix(".lock").open("w") as lock:
        # Tests run beside each other: the first makes it, the others wait for it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.is_dir():
            _make(tree, mirror)
    return tree


def _make(tree: Path, mirror: str) -> None:
    making = tree.with_suffix(".new")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(making), mirror]
    # In a space of its own, so that no mount stays behind when it is cut off.
    finished = subprocess.run(
        ["unshare", "--mount", "--propagation=private", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(),
        check=False,
    )
    if "Operation not permitted" in finished.stdout:
        raise CannotRunError("debootstrap lacks privileges")
    assert finished.returncode == 0, finished.stdout[-4000:]
    making.rename(tree)


def _try(tree: Path, folder: Path) -> None:
    """Sees whether a container can be started at all."""
    command = _nspawn(tree, folder, "--as-pid2")
    finished = subprocess.run(
        [*command, "/usr/bin/true"], capture_output=True, text=True, env=clean_environment(), check=False
    )
    if finished.returncode != 0:
        said = " ".join((finished.stderr + finished.stdout).split())
        raise CannotRunError(f"systemd-nspawn ended with {finished.returncode}: {said}")


def _nspawn(tree: Path, folder: Path, *options: str) -> list[str]:
    """Gives the command that starts a container on a copy of `tree`; what it writes stays in `folder`.

    The copy is mounted in a space of the command's own: it is gone when the command has ended.
    """
    for name in ["written", "work", "root"]:
        (folder / name).mkdir(parents=True)
    overlay = f"lowerdir={tree},upperdir={folder}/written,workdir={folder}/work"
    mount = ["mount", "-t", "overlay", "overlay", "-o", overlay, f"{folder}/root"]
    machine = f"image-handler-{os.getpid()}-{next(_NUMBERS)}"
    nspawn = ["systemd-nspawn", "--quiet", f"--directory={folder}/root", f"--machine={machine}", "--private-network"]
    nspawn += ["--register=no", "--keep-unit", "--console=pipe", "--link-journal=no", "--settings=no", *options]
    script = f'{shlex.join(mount)} && exec {shlex.join(nspawn)} "$@"'
    return ["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh"]


def _mirror() -> str | None:
    """Gives the address of the Debian that apt uses here."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=False,
    ).stdout
    fitting = [line.split()[0] for line in listed.splitlines() if line.split()[1:] == [SUITE, "main"]]
    return fitting[0] if fitting else None
