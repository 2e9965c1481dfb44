"""`python -m tests.hostile.refuse FOLDER`: what `read_model` says to each file there, and what that cost, as JSON.

Each file is read by a process of its own, forked from this one while it is small. In it an audit hook notes whatever
Python does on the reader's behalf: imports, `exec`, processes, sockets, files. The working folder is an empty one, to
see afterwards whether anything was put there.
"""

import json
import os
import re
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from linear_classifier.model.model_file import read_model

ROOM = 1024 * 2**20  # address space beyond what this process has: a bomb ends its process, not the machine
SECONDS = 20  # of CPU, likewise


def main() -> None:
    json.dump({path.name: read_in_child(path) for path in sorted(Path(sys.argv[1]).iterdir())}, sys.stdout)


def read_in_child(path: Path) -> dict[str, Any]:
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        os.close(receiver)
        with os.fdopen(sender, "w") as pipe:
            json.dump(measure(path), pipe)
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as pipe:
        report = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return json.loads(report) if report else {"outcome": f"the process ended with {status}"}


def measure(path: Path) -> dict[str, Any]:
    """What came of it: a message, CPU seconds, peak memory in kB, audit events, and what the working folder holds."""
    limit_process()
    events: list[str] = []
    sys.addaudithook(lambda event, arguments: events.append(event) if event != "object.__getattr__" else None)
    before = cpu_seconds()
    try:
        read_model(path)
        outcome, message = "accepted", ""
    except ValueError as error:
        outcome, message = "refused", str(error)
    except BaseException as error:
        outcome, message = f"raised {type(error).__name__}", str(error)[:1000]
    seconds, seen = cpu_seconds() - before, sorted(set(events))
    return {
        "outcome": outcome,
        "message": message,
        "seconds": seconds,
        "peak_kb": peak_kb(),
        "events": seen,
        "made": os.listdir(),  # noqa: PTH208 - names are all it takes
    }


def limit_process() -> None:
    size = int(re.findall(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[0]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    signal.alarm(300)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_kb() -> int:
    """The most memory that this process had. `ru_maxrss` would count its parent's too, from before `exec`."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0])


if __name__ == "__main__":
    main()
