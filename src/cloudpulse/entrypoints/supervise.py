"""``cloudpulse up``: starts the api and the pipeline, starts them again when they die, and ends them together.

This process holds the lock on the data folder and the listening socket: a restarted api takes the socket over, so that
clients wait instead of being refused. It imports no heavy library.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from cloudpulse import wiring
from cloudpulse.entrypoints.data_folder import FIRST_LOGIN_FILE, close_files, hold
from cloudpulse.errors import SettingError, StoreError
from cloudpulse.ops import data_version
from cloudpulse.settings import Settings, load

SERVER_FILE = "server.json"
SETTINGS_VARIABLE = "CLOUDPULSE_SETTINGS"
DRAIN_SECONDS = 9.0
BACKOFF_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
STABLE_SECONDS = 30.0


class Child:
    """One supervised process. It shares ``fds``: the listening socket, a pipe whose end tells that the supervisor
    has died, and the lock on the data folder, so that the folder stays locked until the last of them has ended.
    """

    def __init__(self, role: str, settings: Settings, fds: tuple[int, int, int]) -> None:
        self.role = role
        self._settings = settings
        self._fds = fds
        self._failures = 0
        self._started_at = 0.0
        self._start_again_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process now."""
        arguments = [sys.executable, "-m", "cloudpulse.entrypoints.serve", self.role, *map(str, self._fds[:2])]
        environ = os.environ | {SETTINGS_VARIABLE: msgspec.json.encode(self._settings, enc_hook=str).decode()}
        self.process = subprocess.Popen(arguments, pass_fds=self._fds, env=environ, stdin=subprocess.DEVNULL)
        self._started_at = time.monotonic()

    def look_after(self) -> None:
        """Start the process again when it has ended, sooner after the first time than after the tenth."""
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        if not self._start_again_at:
            self._failures = 0 if now - self._started_at > STABLE_SECONDS else self._failures
            delay = BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS) - 1)]
            self._failures += 1
            self._start_again_at = now + delay
            say(f"{self.role} ended with {self.process.returncode}; starting it again in {delay} s")
        elif now >= self._start_again_at:
            self._start_again_at = 0.0
            self.start()

    def stop(self, deadline: float) -> int:
        """Let the process drain, then end it; returns its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            code = self.process.wait(max(0.1, deadline - time.monotonic()))
            # So it ends while it starts, before it takes the signal itself: it had nothing to drain.
            return 0 if code == -signal.SIGTERM else code
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def renew(self, settings: Settings) -> None:
        """Drain the process and start it with new settings."""
        self.stop(time.monotonic() + DRAIN_SECONDS)
        self._settings = settings
        self.start()


class Supervisor:
    """The two processes of one data folder."""

    def __init__(self, overrides: dict[str, Any]) -> None:
        self._overrides = overrides
        self.settings = load(overrides)
        self._folder = self.settings.data
        if wiring.open_folder(self._folder):
            say(f"{self._folder} was open to other users of this machine; it is no more")
        self._lock = hold(self._folder)
        data_version.bring_up_to_date(self._folder, self._back_up)
        if opened := close_files(self._folder):
            say(f"{', '.join(opened)} could be read by other users of this machine, and no more can be")
        (self._folder / SERVER_FILE).unlink(missing_ok=True)  # of one that was killed
        self._listener = listen(self.settings.host, self.settings.port)
        lifeline, self._end_of_lifeline = os.pipe()
        self._asked = (self.settings.host, self.settings.port)
        self._bound = (self.settings.host, self._listener.getsockname()[1])
        self.settings = self._listening(self.settings)
        self.url = msgspec.structs.replace(self.settings, public_url="").url
        self._stop = threading.Event()
        self._reload = threading.Event()
        self._is_announced = threading.Event()
        self._told: dict[str, int] = {}
        fds = (self._listener.fileno(), lifeline, self._lock.fileno())
        self.children = [Child(role, self.settings, fds) for role in ("pipeline", "api")]

    def _back_up(self, found: int) -> None:
        """Keep the folder as it is, before it is changed for this version. In a process of its own: it is heavy."""
        folder = self._folder.with_name(f"{self._folder.name}-format-{found}-{time.strftime('%Y%m%dT%H%M%S')}")
        say(f"{self._folder} is of an older version: backing it up to {folder}")
        command = [sys.executable, "-m", "cloudpulse.cli.main", "backup", str(folder), "--data", str(self._folder)]
        if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False).returncode:
            raise StoreError(f"the backup to {folder} failed, so {self._folder} was left as it is.")

    def run(self, on_ready: Callable[[str], None]) -> int:
        """Supervise until SIGTERM or SIGINT; returns the exit code."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self._stop.set())
        signal.signal(signal.SIGHUP, lambda *_: self._reload.set())
        for child in self.children:
            child.start()
        threading.Thread(target=self._announce, args=(on_ready,), daemon=True).start()
        while not self._stop.wait(0.05):
            for child in self.children:
                child.look_after()
            if self._reload.is_set():
                self._reload.clear()
                self._renew()
            if self._is_announced.is_set() and self._pids() != self._told:
                with suppress(OSError):  # a full disk: the next turn tries again
                    self._write_server_file()
        return self._end()

    def _announce(self, on_ready: Callable[[str], None]) -> None:
        while not self._stop.is_set():
            if is_ready(self.url):
                self._write_server_file()
                self._is_announced.set()
                on_ready(self.url)
                return
            time.sleep(0.05)

    def _renew(self) -> None:
        try:
            settings = load(self._overrides)
        except SettingError as error:
            say(f"kept the old settings: {error}")
            return
        for child in self.children:
            child.renew(self._listening(settings))
        is_moved = (settings.host, settings.port) != self._asked
        say("settings read again" + ("; host and port need a restart" if is_moved else ""))

    def _listening(self, settings: Settings) -> Settings:
        """The settings with the address that is bound, which is part of the issuer's name: 0 became a port."""
        host, port = self._bound
        return msgspec.structs.replace(settings, host=host, port=port)

    def _end(self) -> int:
        deadline = time.monotonic() + DRAIN_SECONDS
        # The api first: what it accepts while it drains is then still seen by the pipeline.
        codes = [child.stop(deadline) for child in reversed(self.children)]
        (self._folder / SERVER_FILE).unlink(missing_ok=True)
        return 0 if all(code == 0 for code in codes) else 1

    def _pids(self) -> dict[str, int]:
        return {child.role: child.process.pid for child in self.children if child.process}

    def _write_server_file(self) -> None:
        pids = self._pids()
        content = {"url": self.url, "pids": {"supervisor": os.getpid(), **pids}, "started_at": time.time()}
        temporary = self._folder / (SERVER_FILE + ".new")
        temporary.write_text(json.dumps(content))
        temporary.replace(self._folder / SERVER_FILE)
        self._told = pids


def run(overrides: dict[str, Any], demo: bool = False) -> int:
    """Run everything in the foreground; returns the exit code. Raises ``SettingError`` or ``DataFolderBusy``."""
    supervisor = Supervisor(overrides)
    guests: list[subprocess.Popen[bytes]] = []

    def ready(url: str) -> None:
        print(f"CloudPulse is ready at {url}", flush=True)
        command = shlex.join([sys.argv[0], "token", "--data", str(supervisor.settings.data)])
        print(f"A bearer token for it: {command}", flush=True)
        _show_first_login(supervisor.settings.data)
        if demo:
            guests.append(start_demo(supervisor.settings.data))

    try:
        return supervisor.run(ready)
    finally:
        for guest in guests:
            guest.terminate()


def listen(host: str, port: int) -> socket.socket:
    """The listening socket; raises ``SettingError`` when the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as exc:
        raise SettingError(f"cannot listen on {host}:{port}: {exc.strerror}. Choose another with --port.") from exc


def is_ready(url: str) -> bool:
    """Whether the api answers and makes progress."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def start_demo(folder: Path) -> subprocess.Popen[bytes]:
    """Start synthetic traffic: a week back when the folder is new, then a few events a second."""
    arguments = [sys.executable, "-m", "cloudpulse.cli.main", "seed", "--data", str(folder), "--demo"]
    return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def say(text: str) -> None:
    """One line for the operator."""
    print(f"cloudpulse: {text}", file=sys.stderr, flush=True)


def _show_first_login(folder: Path) -> None:
    path = folder / FIRST_LOGIN_FILE
    if not path.exists():
        return
    if sys.stdout.isatty():
        print(f"The first sign-in and the first client, shown once: {path.read_text()}", flush=True)
        path.unlink()
    else:
        print(f"The first sign-in and the first client's secret are in {path}", flush=True)
