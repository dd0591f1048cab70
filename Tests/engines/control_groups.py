"""Control groups of a test's own: at an absolute path that tells the process, never below the caller's, and removed after."""

import os
import re
import time

TOP = "/sys/fs/cgroup"
NAME = "berth-engines-"


def own_path():
    """The path for this test's containers, in every hierarchy: "/berth-engines-PID"."""
    return f"/{NAME}{os.getpid()}"


def remove_own(path):
    """Removes these groups, within 3 s, and those of tests that no longer run; none that still holds a process can go."""
    for _ in range(30):
        left = False
        for hierarchy in hierarchies():
            for name in os.listdir(hierarchy):
                found = re.fullmatch(NAME + r"(\d+)", name)
                if found and (f"/{name}" == path or not os.path.exists(f"/proc/{found[1]}")):
                    remove_tree(os.path.join(hierarchy, name))
                    left = left or os.path.exists(f"{hierarchy}{path}")
        if not left:
            return
        time.sleep(0.1)


def hierarchies():
    if os.path.exists(f"{TOP}/cgroup.controllers"):
        return [TOP]
    names = [os.path.join(TOP, name) for name in os.listdir(TOP)] if os.path.isdir(TOP) else []
    return [name for name in names if os.path.ismount(name)]


def remove_tree(folder):
    for inner, folders, _ in os.walk(folder, topdown=False):
        for name in folders:
            remove(os.path.join(inner, name))
    remove(folder)


def remove(folder):
    try:
        os.rmdir(folder)
    except OSError:  # a process is in it, or it went by itself
        pass
