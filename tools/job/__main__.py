"""`python -m tools.job [ARGUMENTS OF dvc repro]`: `dvc repro` for machines nobody watches.

Checks the workspace, holds a lock of its own, runs the pipeline, verifies what came out and prints the metrics.

Two other ways to call it:
- `--baked [ARGUMENTS OF dvc repro]`, in an image: the code that the image carries, on the data in /data, with the
  results in /out.
- `--exec COMMAND...`: any command, such as `dvc metrics diff`, in the environment that the job prepares (a user without
  a name, a repo of another user, a read-only root), without the lock and the checks.

On several hosts, named by torchrun's `PET_NNODES`, `PET_NODE_RANK`, `PET_MASTER_ADDR`, `PET_MASTER_PORT`, every host
runs the same command: node 0 runs DVC, the others take part in its training, and end as it ends.

Exit codes: 0 done; 2 bad params or data; 75 another run holds the workspace; 129 hang-up; 130 Ctrl-C; 143
SIGTERM; 137 a stage or DVC was killed (SIGKILL); 1 the rest.
"""

import sys

from tools.job.children import DVC, StoppedError, end_on_signals, handle_signals, run

if __name__ == "__main__":  # above the imports that take a second, in which process 1 would not hear a signal
    end_on_signals()

import os
import signal
from contextlib import closing
from pathlib import Path

from dvc.repo import Repo

from linear_classifier.io.console import open_console
from linear_classifier.params import load_params
from tools import show
from tools.dvc_project import LOCK, PARAMS, list_outs, open_project, record_of
from tools.job.baked import join_baked, run_baked
from tools.job.environment import prepare_environment, private_folder
from tools.job.hosts import follow, lead, node_rank
from tools.job.remote import pull_missing
from tools.job.snapshot import Snapshot, restore_after_kill
from tools.job.verify import Damage, find_absent_outs, find_changed_outs, find_damaged_objects, make_dvc_look_again
from tools.job.workspace import BusyError, check_project, check_workspace, clear_dvc_locks, job_lock

DONE, FAILED, BAD_INPUT, BUSY, KILLED = 0, 1, 2, 75, 128 + signal.SIGKILL


def main(arguments: list[str]) -> int:
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return DONE
    handle_signals()
    try:
        if arguments == ["--exec"]:
            raise ValueError("--exec: no command, expected one, as in `--exec dvc metrics diff`")
        if arguments[:1] == ["--exec"]:
            prepare_environment()
            return run(arguments[1:], os.environ, leave_ctrl_c=True)
        if arguments[:1] == ["--baked"]:
            return join_baked() if node_rank() else run_baked(lambda: lead(lambda: run_job(arguments[1:])))
        return follow() if node_rank() else lead(lambda: run_job(arguments))
    except BusyError as error:
        return _fail(error, BUSY)
    except ValueError as error:
        return _fail(error, BAD_INPUT)
    except (RuntimeError, OSError) as error:
        return _fail(error, FAILED)
    except StoppedError as stopped:
        return _fail(
            f"{'interrupted' if stopped.code == 130 else 'terminated'}; nothing is lost, run it again", stopped.code
        )


def run_job(arguments: list[str]) -> int:
    """The exit code of the whole run.

    Raises:
        ValueError: params or data are bad.
        RuntimeError: the workspace cannot be worked in, or what came out must not be believed.
        BusyError: another run works here.
    """
    runtime = load_params(PARAMS).runtime
    check_workspace()
    if runtime.device == "cuda":
        from linear_classifier.devices import select_device  # here, since PyTorch takes seconds to import

        select_device(runtime)  # before anything else is done for nothing
    with job_lock() as lock:
        prepare_environment()
        with open_project() as repo:
            clear_dvc_locks(repo.config["core"].get("hardlink_lock", False))
            _say_restored(restore_after_kill(private_folder()))
            check_project(repo)
            _refuse_damage(find_damaged_objects(repo))
            make_dvc_look_again(repo)
            pull_missing(repo)
        return _reproduce(arguments, lock)


def _reproduce(arguments: list[str], lock: int) -> int:
    code_file = private_folder() / "exit-code"
    code_file.unlink(missing_ok=True)
    with open_project() as repo:
        snapshot = Snapshot(repo, private_folder())
    command = [*DVC, "repro", *arguments]
    with closing(snapshot):
        try:
            code = run(command, {**os.environ, "STAGE_EXIT_CODE_FILE": str(code_file)}, keep_open=(lock,))
        finally:
            cut = snapshot.restore_cut_records()
            changed = snapshot.changed_sources()
            if changed:
                snapshot.take_back()
        _say_restored(cut)
        if changed:
            raise RuntimeError(
                f"{', '.join(changed)} changed while the job ran, so its results are not recorded: {LOCK} is as it "
                "was; run it again, and edit nothing until it ends"
            )
        with open_project() as repo:
            if code:  # perhaps at what DVC had restored damaged
                _refuse_what_was_made(find_damaged_objects(repo), snapshot)
                return _fail_as(code if code == KILLED else _code_of_stage(code_file))
            _verify(repo, snapshot, whole=not arguments)
    if show.TRAIN.exists() and show.EVALUATE.exists():  # with arguments, it may have been one stage
        show.main()
    return DONE


def _fail_as(code: int) -> int:
    if code == KILLED:
        return _fail("a stage or DVC was ended by SIGKILL, perhaps for want of memory; run it again: it goes on", code)
    return _fail("dvc repro failed, see above; what had been made before is kept", code)


def _say_restored(names: list[str]) -> None:
    for name in names:
        print(f"job: {name}: was left half written; it is now as it was before the run", file=sys.stderr, flush=True)


def _verify(repo: Repo, snapshot: Snapshot, whole: bool) -> None:
    """Raise ValueError, and take back what the run noted, unless all outs are there and what dvc.lock says.

    After a run that was not `whole`, but of some stages, outs may be missing, and those of another folder's dvc.yaml.
    """
    absent = find_absent_outs(repo)
    made = {
        str(out) for out in list_outs(repo) if record_of(out.stage) == Path(repo.root_dir, LOCK)
    }  # by a plain `dvc repro`
    damages = find_damaged_objects(repo) + find_changed_outs(repo)
    damages += [damage for damage in absent if whole and damage.path in made]
    _refuse_what_was_made(damages, snapshot)
    of_all = f", {len(absent)} more are absent" if absent else ""
    print(f"job: {len(list_outs(repo)) - len(absent)} outs are, byte for byte, those of {LOCK}{of_all}", flush=True)


def _refuse_what_was_made(damages: list[Damage], snapshot: Snapshot) -> None:
    """Raise ValueError, and take back what the run noted, if there are `damages`."""
    if damages:
        snapshot.take_back()
    _refuse_damage(damages)


def _refuse_damage(damages: list[Damage]) -> None:
    if damages:
        raise ValueError("\njob: error: ".join(map(str, damages)))


def _code_of_stage(code_file: Path) -> int:
    """The exit code that the failed stage left in `code_file`; DVC's own is the same for every failure."""
    try:
        return int(code_file.read_text("ascii"))
    except (OSError, ValueError):
        return FAILED


def _fail(message: object, code: int) -> int:
    print(f"job: error: {message}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    open_console()
    sys.exit(main(sys.argv[1:]))
