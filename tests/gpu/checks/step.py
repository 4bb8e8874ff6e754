# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""One step, as a process of its own: python3 -m checks.step MODULE PLACE.JSON

Ends with 0 unless the step itself broke off: what its checks say is in the recorder's file."""

import importlib
import signal
import sys

from checks.place import Place
from checks.results import CheckFailed, NotRun, Recorder


def main():
    module, path = sys.argv[1:]
    # At its deadline a step gets a little time to remove what it has made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended at the deadline"))
    place = Place.read(path)
    recorder = Recorder(place.records)
    try:
        importlib.import_module(module).run(place, recorder)
    except NotRun as why:
        recorder.not_run("all of it", str(why))
    except CheckFailed as failure:
        recorder.failed("all of it", str(failure))


if __name__ == "__main__":
    main()
