"""A program that becomes another one, which the kernel signals as soon as its parent dies.

It is run by path, in isolation, so that it starts in some ten milliseconds and needs only the standard library::

    python -I -S guard.py --parent PID --signal N [--uid U --gid G [--search]] -- program argument…

`PR_SET_PDEATHSIG` survives `execve` but is cleared when credentials change, so the account is changed first.
It is bound to the *thread* that forked: start children from a thread that lives as long as they should.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_READ = 23
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522

_EXIT_ORPHAN = 125
_EXIT_CANNOT_RUN = 127


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{call}: {os.strerror(error)}")


def drop_privileges(uid: int, gid: int, search: bool) -> None:
    """Change to an unprivileged account for good.

    With `search` the account keeps one ambient capability, so that it reaches files below folders that only root may
    enter (a checkout in `/root`). It is the capability to read and search, or, in a container without that one, the
    capability to override permissions.

    Raises:
        OSError: this process may not change its account or its capabilities.
    """
    libc = _libc()
    if search:
        _check(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl(PR_SET_KEEPCAPS)")
    os.setgroups([gid])
    os.setgid(gid)
    os.setuid(uid)
    if not search:
        return
    capability = (
        _CAP_DAC_READ_SEARCH if libc.prctl(_PR_CAPBSET_READ, _CAP_DAC_READ_SEARCH, 0, 0, 0) == 1 else _CAP_DAC_OVERRIDE
    )
    bit = 1 << capability
    header = _CapHeader(_CAPABILITY_VERSION_3, 0)
    data = (_CapData * 2)(_CapData(bit, bit, bit), _CapData(0, 0, 0))
    _check(libc.capset(ctypes.byref(header), ctypes.byref(data)), "capset")
    _check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0), "prctl(PR_CAP_AMBIENT)")


def end_with_parent(parent: int, signal_number: int) -> None:
    """Ask the kernel for `signal_number` when `parent` dies; end at once if it is gone already.

    `services.kit.workers` has the one for Python processes: this file may import nothing of ours.

    Raises:
        OSError: the kernel refuses.
    """
    _check(_libc().prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit(_EXIT_ORPHAN)


def main(arguments: list[str]) -> None:
    """Parse the command line above and become the program."""
    split = arguments.index("--")
    parser = argparse.ArgumentParser(prog="guard")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--search", action="store_true")
    options = parser.parse_args(arguments[:split])
    program = arguments[split + 1 :]
    try:
        if options.uid is not None:
            drop_privileges(options.uid, options.gid, options.search)
        end_with_parent(options.parent, options.signal)
        os.execvp(program[0], program)  # noqa: S606 - becoming the given program is what this file is for
    except OSError as error:
        sys.stderr.write(f"guard: cannot run {program[0]}: {error}\n")
        sys.exit(_EXIT_CANNOT_RUN)


if __name__ == "__main__":
    main(sys.argv[1:])
