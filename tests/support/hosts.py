"""Hosts of a test's own: network namespaces on one bridge, each with its own name, whose locks no other host sees.

They share this machine's file system, as hosts share a folder over NFS without locks that reach across. As root.
"""

import os
import secrets
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from support.processes import kill, start, stop

LOCKS = Path(__file__).with_name("host_locks.c")


@dataclass
class Host:
    """One host: its address, its link to the others, and the processes that run on it."""

    name: str
    namespace: str
    address: str
    link: str
    """The end of its cable at the bridge."""
    locks: Path
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def within(self) -> list[str]:
        """The command that runs another one on this host."""
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.name]
        return ["ip", "netns", "exec", self.namespace, *named]

    def start(self, part: str, command: Sequence[str], log: Path, **environment: str) -> None:
        """Start a program on this host."""
        preloaded = ":".join(filter(None, (str(self.locks), environment.get("LD_PRELOAD"))))
        own = {"LD_PRELOAD": preloaded, "RADTME_TEST_HOST": str(zlib.crc32(self.name.encode()))}
        self.processes[part] = start([*self.within, *command], log, **{**environment, **own})

    def stop(self, part: str) -> None:
        """End a program as an administrator would."""
        stop(self.processes.pop(part), seconds=120)

    def die(self) -> None:
        """End everything on this host, at once."""
        while self.processes:
            kill(self.processes.popitem()[1])

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Let no packet reach or leave this host during the block."""
        _ip("link", "set", self.link, "down")
        try:
            yield
        finally:
            _ip("link", "set", self.link, "up")

    def stopped(self) -> list[psutil.Process]:
        """Return the processes of this host that were stopped at a step."""
        listed = subprocess.run(["ip", "netns", "pids", self.namespace], capture_output=True, text=True, check=True)
        found = [psutil.Process(int(pid)) for pid in listed.stdout.split() if psutil.pid_exists(int(pid))]
        return [process for process in found if process.status() == psutil.STATUS_STOPPED]

    def go_on(self) -> None:
        """Let them go on."""
        for process in self.stopped():
            process.resume()


@dataclass
class Network:
    """A bridge, to which this process is connected too."""

    bridge: str
    prefix: str
    """The first three numbers of its addresses."""
    folder: Path
    hosts: dict[str, Host] = field(default_factory=dict)

    @property
    def here(self) -> str:
        """The address of this process."""
        return f"{self.prefix}.1"

    def add(self, name: str) -> Host:
        """Connect another host."""
        number = len(self.hosts) + 2
        link = f"{self.bridge}-{number}"
        host = Host(name, link, f"{self.prefix}.{number}", link, self.folder / "host_locks.so")
        self.hosts[name] = host
        _ip("netns", "add", host.namespace)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
        _ip("link", "set", link, "master", self.bridge, "up")
        _ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", host.namespace, "link", "set", device, "up")
        return host


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Make a network for the block; skips the test where that is not allowed."""
    bridge = f"rt{secrets.token_hex(3)}"
    if os.geteuid() != 0 or subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], check=False).returncode:
        pytest.skip("needs root and network namespaces")
    made = Network(bridge, f"10.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}", folder)
    try:
        compiled = ["cc", "-shared", "-fPIC", "-O1", "-o", str(folder / "host_locks.so"), str(LOCKS)]
        subprocess.run(compiled, check=True)
        _ip("address", "add", f"{made.here}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        yield made
    finally:
        for host in made.hosts.values():
            host.die()
            subprocess.run(["ip", "netns", "delete", host.namespace], check=False)
        subprocess.run(["ip", "link", "delete", bridge], check=False)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
