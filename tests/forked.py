"""Processes of the command line that begin where the imports end: each is forked from one that did nothing else.

The tests start the command line more than a hundred times, and most of the two seconds of a start are imports. Each
command still has a process of its own, with its own environment, streams, signals and exit code. TensorFlow is not
imported beforehand: it starts threads, which a fork leaves behind.
"""

import atexit
import contextlib
import functools
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

IMPORTED = (
    "audiosim_pipelines.cli",
    "audiosim_pipelines.cluster",
    "audiosim_pipelines.pages.verdict",
    "killed_run",
    "numba.cuda",
)


class Process:
    """Python code that runs with `arguments`, as by `python -c`; what the tests need of `subprocess.Popen`."""

    def __init__(self, code, arguments, environment):
        (stdin, write), (read, stdout), (read_too, stderr) = os.pipe(), os.pipe(), os.pipe()
        told, answers = socket.socketpair()
        request = {"code": code, "arguments": arguments, "environment": environment, "folder": str(Path.cwd())}
        theirs = [answers.fileno(), stdin, stdout, stderr]
        socket.send_fds(_server(), [json.dumps(request).encode() + b"\n"], theirs)
        answers.close()
        for number in (stdin, stdout, stderr):
            os.close(number)
        self.stdin, self.stdout, self.stderr = os.fdopen(write, "w"), os.fdopen(read), os.fdopen(read_too)
        with told:
            self._answers = told.makefile()
        self.pid = int(self._answers.readline())
        self.returncode = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.communicate()
        self.stdout.close()
        self.stderr.close()
        self._answers.close()

    def send_signal(self, number):
        os.kill(self.pid, number)

    def communicate(self, text=""):
        """Give it the rest of its input; return the rest of its output and of its messages, when it has ended."""
        with ThreadPoolExecutor(2) as pool:
            said = [pool.submit(stream.read) for stream in (self.stdout, self.stderr)]
            if not self.stdin.closed:
                with contextlib.suppress(BrokenPipeError), self.stdin:
                    self.stdin.write(text)
        if self.returncode is None:
            self.returncode = int(self._answers.readline())
        return tuple(one.result() for one in said)


@functools.cache
def _server():
    """The socket of a process that has imported and waits for requests; it ends with this one."""
    ours, theirs = socket.socketpair()
    code = f"import forked; forked.serve({theirs.fileno()})"
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, pass_fds=[theirs.fileno()]
        )

    def end():
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


def serve(number):
    """Fork a process for each request on the socket of that number, until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which then close the socket
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who waits for a command ends unseen
    for name in IMPORTED:
        importlib.import_module(name)
    with socket.socket(fileno=number) as requests:
        while True:
            text, theirs, _, _ = socket.recv_fds(requests, 1 << 16, 4)
            while text and not text.endswith(b"\n"):
                text += requests.recv(1 << 16)
            if not text:
                return
            if os.fork() == 0:
                requests.close()
                _wait(json.loads(text), *theirs)
            for one in theirs:
                os.close(one)


def _wait(request, answers, *streams):
    """Fork the command, tell its number, wait for it and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    command = os.fork()
    if command == 0:
        os.close(answers)
        _run(request, *streams)
    for one in streams:
        os.close(one)
    os.write(answers, f"{command}\n".encode())
    _, status = os.waitpid(command, 0)
    os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _run(request, *streams):
    """Become what Python is when it is started anew with this code, arguments, environment and streams."""
    for number, one in enumerate(streams):
        os.dup2(one, number)
        os.close(one)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = ["-c", *request["arguments"]]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 0
    try:
        exec(request["code"], {"__name__": "__main__"})
    except SystemExit as left:
        code = left.code or 0
    except BaseException:  # noqa: BLE001 - Python shows whatever nobody has caught
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
