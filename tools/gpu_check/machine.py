"""The machine: its GPUs, and running commands on it with a log each."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path


class CheckFailed(Exception):
    """A check did not hold; the text says what was expected and what was found."""


@dataclass(frozen=True)
class Gpu:
    """One line of nvidia-smi."""

    name: str
    driver: str
    megabytes: int
    uuid: str


def gpus() -> list[Gpu]:
    """The GPUs that CUDA shows programs; none without a driver."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,uuid"]
    if shown := os.environ.get("CUDA_VISIBLE_DEVICES"):
        command += ["-i", shown]
    try:
        ran = subprocess.run(
            [*command, "--format=csv,noheader,nounits"], capture_output=True, text=True
        )
    except FileNotFoundError:
        return []
    if ran.returncode:
        return []
    rows = [line.split(", ") for line in ran.stdout.splitlines() if line.strip()]
    return [Gpu(name, driver, int(float(mb)), uuid) for name, driver, mb, uuid in rows]


def processor() -> str:
    """The CPU's name and number of logical cores."""
    match = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{match.group(1) if match else 'unknown'}, {os.cpu_count()} logical cores"


class PeakMemory:
    """The most memory in use on a GPU within the block, in MB; 0 without one."""

    def __init__(self, gpu: Gpu | None):
        self._gpu = gpu

    def __enter__(self) -> PeakMemory:
        self.megabytes = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        if not self._gpu:
            return
        query = ["nvidia-smi", "-i", self._gpu.uuid, "--query-gpu=memory.used"]
        while not self._end.wait(0.2):
            ran = subprocess.run(
                [*query, "--format=csv,noheader,nounits"],
                capture_output=True,
                text=True,
            )
            if ran.returncode == 0:
                self.megabytes = max(self.megabytes, int(float(ran.stdout)))


@dataclass(frozen=True)
class Ran:
    """A command that ended; ``text`` is all that it printed."""

    code: int
    text: str
    seconds: float


class Runner:
    """Runs programs of one build folder; what they print goes to ``logs``."""

    def __init__(self, build: Path, logs: Path):
        self.build = build
        self.logs = logs
        logs.mkdir(parents=True, exist_ok=True)

    def has(self, program: str) -> bool:
        return (self.build / "bin" / program).is_file()

    def run(
        self,
        log: str,
        program: str,
        *arguments: object,
        cwd: Path | None = None,
        timeout: float = 3600,
        processes: int = 1,
        **environment: str,
    ) -> Ran:
        """Runs ``bin/program``. Raises CheckFailed if it takes too long.

        ``environment`` is added to the present one. GPUs are numbered as nvidia-smi
        does.
        """
        command = []
        if processes > 1:
            command = ["mpirun", "--allow-run-as-root", "--oversubscribe"]
            command += ["--bind-to", "none", "-np", str(processes)]
        command.append(str((self.build / "bin" / program).resolve()))
        command += [str(argument) for argument in arguments]
        path = self.logs / f"{log}.log"
        start = time.monotonic()
        with open(path, "w") as out:
            try:
                ran = subprocess.run(
                    command,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    timeout=timeout,
                    env={
                        **os.environ,
                        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
                        **environment,
                    },
                )
            except subprocess.TimeoutExpired as error:
                raise CheckFailed(f"took more than {timeout:.0f} s: {path}") from error
        seconds = time.monotonic() - start
        return Ran(ran.returncode, path.read_text(errors="replace"), seconds)
