"""Cases under the sentences that they prove, run one after another, and what each may leave on the host: nothing."""

import os
import re
import time
import traceback

import private_host as host
from private_host import Failed, run

cases = []

# What every container that ever ran here was called by the engine and the network: no rule may keep any of it.
known_names = set()


def case(sentence):
    """Registers a case under the sentence that it proves."""
    def register(function):
        cases.append((sentence, function))
        return function
    return register


def plugins_folder(argument):
    """The folder of plugins that a command line names; ours without one."""
    folder = os.path.realpath(argument or os.path.join(host.REPOSITORY, "build/cni"))
    if not os.path.exists(os.path.join(folder, "bridge")):
        raise SystemExit(f"there is no plugin bridge in {folder}: run make first, or name another folder with --plugins")
    return folder


def leftovers(plugins, shared_links):
    """What containers and their networks left on the host, once all of them are gone."""
    deadline = time.monotonic() + 1
    while host.processes(plugins) and time.monotonic() < deadline:
        time.sleep(0.05)
    now = host.state()
    lines = [f"process {text}" for text in host.processes(plugins)]
    lines += [f"link {name}" for name in now["links"] if name not in ("lo", "wan0", *shared_links)]
    lines += [f"file {name}" for name in now["files"]]
    # 10.88.0.2 stands in "10.88.0.2:80" and not in "10.88.0.20"; fd00::2 not in "fd00::2:1".
    end = {True: r"(?![\w:])", False: r"(?![\w.])"}
    words = re.compile("|".join(rf"(?<![\w.:]){re.escape(name)}{end[':' in name]}" for name in known_names))
    lines += [f"rule {line.strip()}" for kind in ("nft", "iptables-legacy") for line in now[kind]
              if known_names and words.search(line)]
    return lines


def run_cases(only, clean_up, left_over, verbose=False):
    """Runs them all, each cleaned up and looked after; prints a line each and "N passed, N failed"; returns the exit code."""
    passed, failed, told = 0, 0, set()
    for sentence, function in cases:
        if only and only not in sentence and only not in function.__name__:
            continue
        begin, problem = time.monotonic(), None
        try:
            function()
        except Failed as error:
            problem = str(error)
            if verbose:
                problem += "\n" + run("nft", "list", "ruleset")
        except Exception:
            problem = traceback.format_exc()
        try:
            clean_up()
            left = [line for line in left_over() if line not in told]
            told.update(left)
            if left:
                problem = (problem + "\n" if problem else "") + "after removing everything there is still:\n" + "\n".join(left[:20])
        except Failed as error:
            problem = problem or f"cleaning up: {error}"
        seconds = time.monotonic() - begin
        if not problem:
            passed += 1
            print(f"ok      {sentence} ({seconds:.1f} s)", flush=True)
        else:
            failed += 1
            print(f"FAILED  {sentence} ({seconds:.1f} s)\n{host.indented(problem)}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
