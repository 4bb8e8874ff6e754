# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""results.md: the machine, one line for each check, and the last words of what failed."""

from checks.results import FAILED

NOTE_MAX = 400
HEAD = 120  # of a longer note
HEADER = "| step | check | value | bar | outcome | note |\n|---|---|---|---|---|---|"


def cell(text):
    """On one line, and without what would end a cell."""
    flat = " ".join(str(text).split()).replace("|", "\\|")
    if len(flat) <= NOTE_MAX:
        return flat
    return flat[:HEAD] + " … " + flat[len(flat) - (NOTE_MAX - HEAD - 3) :]  # errors name their cause at the end


def value_text(check):
    value = check["value"]
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        text = str(value)
    elif isinstance(value, int) or float(value).is_integer():
        text = f"{value:.0f}"
    else:
        text = f"{value:.4g}" if abs(value) < 100 else f"{value:.0f}"
    return f"{text} {check['unit']}".strip()


def check_line(step, check):
    cells = [step, check["name"], value_text(check), check["bar"], check["outcome"], check["note"]]
    return "| " + " | ".join(cell(each) for each in cells) + " |"


def groups_of(steps):
    """The steps by the machine and the commit that they were run with: [(machine, commit, names), …]."""
    groups = []
    for name, step in steps.items():
        for machine, commit, names in groups:
            if (machine, commit) == (step["machine"], step["commit"]):
                names.append(name)
                break
        else:
            groups.append((step["machine"], step["commit"], [name]))
    return groups


def machine_lines(machine, commit, names):
    yield f"Steps {', '.join(names)}:" if names else ""
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| commit | {cell(commit)} |"
    for key, value in machine.items():
        yield f"| {cell(key)} | {cell(value)} |"
    yield ""


def render(results, order):
    """`order` is that of the steps; those that it does not know come last."""
    steps = results["steps"]
    names = [name for name in order if name in steps] + [name for name in steps if name not in order]
    lines = ["# Checks on a GPU", ""]
    for machine, commit, group in groups_of({name: steps[name] for name in names}):
        lines += machine_lines(machine, commit, group)
    lines += ["| step | began | seconds | outcome |", "|---|---|---|---|"]
    for name in names:
        step = steps[name]
        lines.append(f"| {name} | {step['started']} | {step['seconds']:.0f} | {step['outcome']} |")
    lines += ["", HEADER]
    for name in names:
        lines += [check_line(name, check) for check in steps[name]["checks"]]
    for name in names:
        if steps[name]["outcome"] == FAILED and steps[name]["tail"]:
            lines += ["", f"The end of what `{name}` printed:", "", "```"]
            lines += [line.replace("```", "'''") for line in steps[name]["tail"]]
            lines.append("```")
    return "\n".join(lines) + "\n"
