"""What a failing disk is called, and that a process ends with its parent."""

import errno
import os
import subprocess
import sys
import time

from lib.failures import sentence

CHILD = """
import sys, time
from lib.failures import end_with_parent
end_with_parent(0.05)
print("up", flush=True)
time.sleep(60)
"""
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_sentences_name_the_file_and_what_to_do():
    full = sentence(OSError(errno.ENOSPC, "No space left on device", "reports/a.html"))
    assert full.startswith("the disk is full while writing reports/a.html") and "run it again" in full
    assert sentence(OSError(errno.ENOSPC, "No space left on device")).startswith("the disk is full (No space")
    assert sentence(OSError(errno.EROFS, "Read-only file system", "x")).startswith("cannot write x (Read-only")
    moved = OSError(errno.EACCES, "Permission denied", "a.part", None, "a")
    assert sentence(moved).startswith("cannot write a (Permission denied)")
    assert sentence(FileNotFoundError("views are missing: run 02 first")) == "views are missing: run 02 first"


def test_a_process_ends_with_its_parent():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    os.kill(child, 0)  # there
    parent.kill()
    parent.communicate()
    end = time.monotonic() + 10
    while alive(child):
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return "Z" not in file.read().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
