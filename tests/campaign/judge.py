# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What has to be true of a round, whatever was done to it."""

import pathlib
import re
import signal

SENT = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM, "interrupt": signal.SIGINT}


class Finding(Exception):
    """Something that must not be."""


def holds_all(round_):
    """Every worker of every engine holds every byte, and every server says so."""
    for engine in round_.engines:
        last = engine.last_update()
        if last is None or not last["verified"] or (engine.leads and not last["success"]):
            return False
    return True


def check_statuses(round_, statuses):
    fault = round_.scenario.fault
    for host, status in enumerate(statuses):
        is_ours = fault.kind == "node" and fault.host == host and -status == SENT.get(fault.what)
        # Signals other than SIGKILL count from the moment on at which it says its first word.
        has_begun = round_.nodes[host].output() != ""
        if status < 0 and not (is_ours and (fault.what == "kill" or not has_begun)):
            raise Finding(f"host {host} ended by signal {-status}")
        if status > 6 or status == 2:
            raise Finding(f"host {host} ended with {status}")
    if any(status == 0 for status in statuses) and fault.what not in ("kill", "die-at:post-hook") and not holds_all(round_):
        raise Finding(f"exit status 0 of {statuses}, and not every worker holds every byte")
    if fault.kind == "none" and any(statuses):
        raise Finding(f"nothing was done, and the hosts ended with {statuses}")


def check_reports(round_, statuses):
    for node, status in zip(round_.nodes, statuses):
        if status >= 0:
            check_report(node, status)


def check_report(node, status):
    try:
        report = node.report()
    except (OSError, ValueError) as error:
        raise Finding(f"host {node.host} ended with {status} and left no report: {error}") from error
    if report["exit_status"] != status:
        raise Finding(f"host {node.host} ended with {status}, its report says {report['exit_status']}")
    if (report["outcome"] == "updated") != (status == 0):
        raise Finding(f"host {node.host} ended with {status}, its report says {report['outcome']}")
    if status != 0 and not report["cause"]["message"]:
        raise Finding(f"host {node.host} failed for no reason")


def check_nothing_left(round_, killed=()):
    """A ring has a name for the moment in which a worker opens it: who is killed then leaves it to the next run."""
    for node in round_.nodes:
        if node.host not in killed:
            check_rings(node)


def check_rings(node):
    for uuid in set(re.findall(r"GPU-([0-9a-f-]{36})", node.output())):
        rings = [path.name for path in pathlib.Path("/dev/shm").glob(f"ckpt-actor-ring-{uuid}*")]
        if rings:
            raise Finding(f"left behind: {rings}")


def check_next_run(round_, statuses):
    if any(statuses):
        raise Finding(f"the next run without a fault ended with {statuses}")
    if not holds_all(round_):
        raise Finding("the next run ended with 0, and not every worker holds every byte")
    check_nothing_left(round_)


def holds_what_was_taken(join):
    last = join.round.engines[-1].last_update()
    return last is not None and last["verified"] and last["success"]


def check_join(join, status):
    fault, host = join.round.scenario.fault, join.joining.host
    is_its_own = fault.kind == "node" and fault.host == host
    if status < 0 and not (is_its_own and (fault.what == "kill" or join.joining.output() == "")):
        raise Finding(f"the host that joins ended by signal {-status}")
    if status > 6 or status == 2:
        raise Finding(f"the host that joins ended with {status}")
    if status == 0 and fault.what not in ("kill", "die-at:post-hook") and not holds_what_was_taken(join):
        raise Finding("exit status 0, and not every worker holds every byte")
    if fault.kind == "none" and status != 0:
        raise Finding(f"nothing was done, and the host that joins ended with {status}")
    if status >= 0:
        check_report(join.joining, status)
        check_rings(join.joining)
    for engine in join.round.engines[:-1]:
        if not engine.last_update()["verified"]:
            raise Finding(f"the engine of host {engine.host}, which is none of it, has lost its weights")


def check_next_join(join, status):
    if status != 0:
        raise Finding(f"the next join without a fault ended with {status}")
    if not holds_what_was_taken(join):
        raise Finding("the next join ended with 0, and not every worker holds every byte")
    check_rings(join.joining)
