"""Pickles that run code: each of `code_that_runs` makes the folder `canary` in plain `pickle.loads`."""

import os
import pickle
import struct
from typing import Any

MAKE_CANARY = "__import__('os').mkdir('canary')"


class MakesCanary:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("canary",)


def short(value: str) -> bytes:
    """SHORT_BINUNICODE."""
    return b"\x8c" + bytes([len(value.encode())]) + value.encode()


def name(module: str, attribute: str) -> bytes:
    """STACK_GLOBAL."""
    return short(module) + short(attribute) + b"\x93"


def call(module: str, attribute: str, argument: str) -> bytes:
    """REDUCE with one text."""
    return name(module, attribute) + short(argument) + b"\x85R"


def code_that_runs() -> dict[str, bytes]:
    canary = short("canary")
    payload = b"\x80\x04" + call("os", "mkdir", "canary") + b"."
    via_map = (  # bytes.__new__(bytes, map.__new__(map, eval, [code]))
        b"cbuiltins\nbytes\ncbuiltins\nmap\ncbuiltins\neval\n](" + short(MAKE_CANARY) + b"e\x86\x81\x85\x81"
    )
    bodies = {
        "global, text arguments": b"cos\nmkdir\n(S'canary'\ntR.",
        "stack_global": call("os", "mkdir", "canary") + b".",
        "stack_global of a dotted name": name("shutil", "os.mkdir") + canary + b"\x85R.",
        "inst": b"(" + canary + b"ios\nmkdir\n.",
        "obj": b"(cos\nmkdir\n" + canary + b"o.",
        "newobj": via_map + b".",
        "newobj_ex": b"cbuiltins\nbytes\n(cbuiltins\nmap\ncbuiltins\neval\n]("
        + short(MAKE_CANARY)
        + b"e\x86\x81t}\x92.",
        "os.system": call("os", "system", "mkdir canary") + b".",
        "eval": call("builtins", "eval", MAKE_CANARY) + b".",
        "exec": call("builtins", "exec", MAKE_CANARY) + b".",
        "getattr": name("builtins", "getattr") + name("shutil", "os") + short("mkdir") + b"\x86R" + canary + b"\x85R.",
        "a pickle in the bytes of a pickle": name("pickle", "loads")
        + b"C" + bytes([len(payload)]) + payload + b"\x85R.",
        "popped before the content": call("os", "mkdir", "canary") + b"0}.",
        "in a frame": b"\x95" + struct.pack("<Q", len(payload) - 2) + payload[2:],
        "memoized names": short("os") + b"\x94" + short("mkdir") + b"\x94h\0h\1\x93" + canary + b"\x85R.",
        "as a dict's value": b"}" + short("weight") + call("os", "mkdir", "canary") + b"s.",
        "as a dict's key": b"}" + call("os", "mkdir", "canary") + b"K\1s.",
        "build": name("functools", "partial") + name("builtins", "int") + b"\x85R(" + name("os", "mkdir") + canary
        + b"\x85}Ntb)R.",  # partial.__setstate__((mkdir, arguments, keywords, None)), then it is called
    }  # fmt: skip
    files = {f"code: {key}": b"\x80\x04" + body for key, body in bodies.items()}
    by_pickle = {f"code: protocol {number}": pickle.dumps(MakesCanary(), number) for number in range(6)}
    return files | by_pickle | {"code: no protocol mark": b"cos\nmkdir\n(S'canary'\ntR."}


def other_code() -> dict[str, bytes]:
    """What needs a registry, a callback or another package to do harm, and harmless-looking names."""
    persistent = {"persid": b"Pcanary\n.", "binpersid": b"\x80\x04" + short("canary") + b"Q."}
    extensions = {"ext1": b"\x82\x01", "ext2": b"\x83\x01\x00", "ext4": b"\x84\x01\x00\x00\x00"}
    calls = {
        "torch.storage._load_from_bytes": call("torch.storage", "_load_from_bytes", "canary"),
        "numpy.core.multiarray._reconstruct": call("numpy.core.multiarray", "_reconstruct", "canary"),
        "ctypes.string_at": name("ctypes", "string_at") + b"K\0\x85R",
        "subprocess.Popen": call("subprocess", "Popen", "true"),
        "runpy.run_path": call("runpy", "run_path", "canary.py"),
        "webbrowser.open": call("webbrowser", "open", "http://localhost:9"),
        "an import alone": name("this", "s"),
        "collections.OrderedDict": name("collections", "OrderedDict") + b")R",
        "a name with escape codes": name("os", "\x1b[2J\nsystem"),
        "a bytearray": name("builtins", "bytearray") + b"B\0\0\0\0\x85R",
    }
    files = {f"code: {key}": b"\x80\x04" + body + b"." for key, body in (extensions | calls).items()}
    return files | {f"code: {key}": body for key, body in persistent.items()}
