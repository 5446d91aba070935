"""Processes that are forked behave as those that are started."""

import os
import signal
import subprocess
import sys

import pytest
from forked import IMPORTED, Process

TELL = "import os, sys; print(sys.argv[1:], sorted(os.environ), os.getcwd(), input())"


def outcome(process, text=""):
    with process:
        output, messages = process.communicate(text)
    return process.returncode, output, messages


def forked(code, *arguments):
    return outcome(Process(code, list(arguments), {"NAME": "value"}))


def test_it_has_its_own_arguments_environment_folder_and_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, output, messages = outcome(Process(TELL, ["a", "ü"], {"NAME": "value"}), "said\n")
    assert (code, output, messages) == (0, f"['a', 'ü'] ['NAME'] {tmp_path} said\n", "")


@pytest.mark.parametrize(
    "code",
    [
        "print(1)",
        "import sys; sys.exit(3)",
        "import sys; sys.stderr.write('ü\\n'); sys.exit()",
        "raise SystemExit",
        "1 / 0",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import os; os._exit(130)",
    ],
)
def test_it_ends_as_a_started_one_does(code):
    command = [sys.executable, "-c", code]
    started = subprocess.run(command, capture_output=True, text=True, check=False)
    found = forked(code)
    assert found[:2] == (started.returncode, started.stdout)
    assert found[2].splitlines()[-1:] == started.stderr.splitlines()[-1:]


def test_signals_reach_it_alone():
    wait = """
try:
    print("ready", flush=True)
    input()
except KeyboardInterrupt:
    print("interrupted")
"""
    process = Process(wait, [], {})
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, 0)
    process.send_signal(signal.SIGINT)
    assert outcome(process) == (0, "interrupted\n", "")


def test_one_leaves_nothing_to_the_next():
    forked("import os, sys, killed_run; os.environ['LEFT'] = '1'; sys.left = 1; os.chdir('/'); killed_run.kill = 1")
    asked = "import os, sys, killed_run; print(os.environ.get('LEFT'), hasattr(sys, 'left'), callable(killed_run.kill))"
    assert forked(asked) == (0, "None False True\n", "")


def test_it_has_imported_all_but_tensorflow():
    asked = f"import sys; print(all(name in sys.modules for name in {IMPORTED}), 'tensorflow' in sys.modules)"
    assert forked(asked) == (0, "True False\n", "")
