"""`python -m tools.job [ARGUMENTS OF dvc repro]`: `dvc repro` for machines nobody watches.

Checks the workspace, holds a lock of its own, runs the pipeline, verifies what came out and prints the metrics.

Two other ways to call it:
- `--baked [ARGUMENTS OF dvc repro]`, in an image: the code that the image carries, on the data in /data, with the
  results in /out.
- `--exec COMMAND...`: any command, such as `dvc metrics diff`, in the environment that the job prepares (a user without
  a name, a repo of another user, a read-only root), without the lock and the checks.

Exit codes: 0 done; 2 bad params or data; 75 another run holds the workspace; 130 Ctrl-C; 143 SIGTERM; 1 the rest.
"""

import sys

from tools.job.children import DVC, StoppedError, end_on_signals, handle_signals, run

if __name__ == "__main__":  # above the imports that take a second, in which process 1 would not hear a signal
    end_on_signals()

import os
from pathlib import Path

from linear_classifier.io.console import open_console
from linear_classifier.params import load_params
from tools import show
from tools.job.baked import run_baked
from tools.job.environment import PRIVATE, find_cache, find_remote, prepare_environment
from tools.job.record import LOCK, PARAMS, Record
from tools.job.verify import Damage, Out, find_changed_outs, find_damaged_objects, is_cached, read_outs
from tools.job.workspace import BusyError, check_workspace, clear_dvc_locks, job_lock

DONE, FAILED, BAD_INPUT, BUSY = 0, 1, 2, 75


def main(arguments: list[str]) -> int:
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return DONE
    handle_signals()
    try:
        if arguments == ["--exec"]:
            raise ValueError("--exec: no command, expected one, as in `--exec dvc metrics diff`")
        if arguments[:1] == ["--exec"]:
            return run(arguments[1:], prepare_environment(), leave_ctrl_c=True)
        if arguments[:1] == ["--baked"]:
            return run_baked(lambda: run_job(arguments[1:]))
        return run_job(arguments)
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
    cache = find_cache()
    check_workspace(cache, _read_outs_or_none() or [])
    if runtime.device == "cuda":
        from linear_classifier.devices import select_device  # here, since PyTorch takes seconds to import

        select_device(runtime)  # before anything else is done for nothing
    with job_lock() as lock:
        clear_dvc_locks()
        env = prepare_environment()
        outs = _read_outs_or_none()  # now that no other run can write it
        if outs is not None:
            _refuse_damage(find_damaged_objects(cache, outs))
            _make_dvc_look_again(outs)
            _pull_missing(cache, outs, env)
        return _reproduce(arguments, env, cache, lock)


def _reproduce(arguments: list[str], env: dict[str, str], cache: Path, lock: int) -> int:
    record, told = Record(cache), PRIVATE.resolve() / "exit-code"
    told.parent.mkdir(parents=True, exist_ok=True)
    told.unlink(missing_ok=True)
    try:
        code = run([*DVC, "repro", *arguments], {**env, "STAGE_EXIT_CODE_FILE": str(told)}, keep_open=(lock,))
    finally:
        mended = record.mend_lock()
        changed = record.changed_sources()
        if changed:
            record.take_back()
    if mended:
        print(f"job: {LOCK}: was left half written; it is now as it was before the run", file=sys.stderr, flush=True)
    if changed:
        raise RuntimeError(
            f"{', '.join(changed)} changed while the job ran, so its results are not recorded: {LOCK} is as it was; "
            "run it again, and edit nothing until it ends"
        )
    if code:
        read_outs(LOCK)  # damaged: DVC has said so, this says how to mend it
        return _fail("dvc repro failed, see above; what had been made before is kept", _code_of_stage(told, code))
    _verify(cache, record, whole=not arguments)
    if show.TRAIN.exists() and show.EVALUATE.exists():  # with arguments, it may have been one stage
        show.main()
    return DONE


def _verify(cache: Path, record: Record, whole: bool) -> None:
    """Raise ValueError, and take back what the run noted, unless all outs are there and what dvc.lock says.

    After a run that was not `whole`, but of some stages, outs may be missing.
    """
    outs = read_outs(LOCK)
    absent = [out for out in outs if not Path(out.path).exists()]
    damages = find_damaged_objects(cache, outs) + find_changed_outs(outs)
    if whole:
        damages += [
            Damage(out.path, "missing, though dvc.lock lists it", f"`dvc repro -f -s {out.stage}`") for out in absent
        ]
    if damages:
        record.take_back()
    _refuse_damage(damages)
    of_all = f", {len(absent)} more are absent" if absent else ""
    print(f"job: {len(outs) - len(absent)} outs are, byte for byte, those of {LOCK}{of_all}", flush=True)


def _refuse_damage(damages: list[Damage]) -> None:
    if damages:
        raise ValueError("\njob: error: ".join(map(str, damages)))


def _make_dvc_look_again(outs: list[Out]) -> None:
    """Touch each out that is not what dvc.lock says: DVC goes by the file's time, and would believe its old note."""
    for damage in find_changed_outs(outs):
        path = Path(damage.path)
        for file in [path, *path.rglob("*")]:
            os.utime(file)


def _pull_missing(cache: Path, outs: list[Out], env: dict[str, str]) -> None:
    """Fetch from the default remote, where there is one, what neither the workspace nor the cache has."""
    missing = [out.path for out in outs if not Path(out.path).exists() and not is_cached(cache, out)]
    remote = find_remote()
    if not (missing and remote):
        return
    if run([*DVC, "pull", *missing], env):
        print(
            f"job: remote {remote} does not have all of {' '.join(missing)} (see above): what is missing is made anew"
        )


def _code_of_stage(told: Path, code: int) -> int:
    """The exit code that the failed stage left in the file `told`; DVC's own is the same for every failure."""
    try:
        return int(told.read_text("ascii"))
    except (OSError, ValueError):
        return FAILED


def _read_outs_or_none() -> list[Out] | None:
    """What dvc.lock lists; None if it is damaged, and DVC will say so."""
    try:
        return read_outs(LOCK)
    except ValueError:
        return None


def _fail(message: object, code: int) -> int:
    print(f"job: error: {message}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    open_console()
    sys.exit(main(sys.argv[1:]))
