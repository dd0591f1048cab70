"""What a process that does not answer is doing: the stacks of its threads."""

import os
import shutil
import subprocess


def of_kernel(pid):
    """For each thread its name, state and what it waits for in the kernel, and its system call."""
    lines = []
    for thread in sorted(os.listdir(f"/proc/{pid}/task"), key=int):
        def read(name, thread=thread):
            try:
                with open(f"/proc/{pid}/task/{thread}/{name}", encoding="utf-8", errors="replace") as file:
                    return file.read().strip()
            except OSError as error:
                return f"({error.strerror})"
        state = read("stat").rpartition(")")[2].split()[:1]
        lines.append(f"thread {thread} {read('comm')}, {' '.join(state)}: in {read('wchan')}, system call {read('syscall')}")
        lines += [f"    {line}" for line in read("stack").splitlines()[:12]]
    return lines


def stacks(pid):
    """Every thread of the process: in the kernel, and, where there is gdb, in the program, cut to what can be read."""
    try:
        text = "\n".join(of_kernel(pid))
    except OSError as error:
        return f"process {pid}: {error}"
    if not shutil.which("gdb"):
        return text
    words = ["gdb", "-p", str(pid), "-batch", "-nx", "-ex", "set debuginfod enabled off", "-ex", "set print frame-arguments none", "-ex", "thread apply all bt 25"]
    try:
        done = subprocess.run(words, capture_output=True, timeout=60, check=False, encoding="utf-8", errors="replace")
    except subprocess.TimeoutExpired:
        return text + "\ngdb did not end within 60 s"
    frames = [line[:260] for line in done.stdout.splitlines() if line.startswith(("#", "Thread"))]
    return text + "\n" + "\n".join(frames)
