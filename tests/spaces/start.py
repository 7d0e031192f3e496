"""Starts apps of one Gradio line: ``python start.py``. Standard library only, but for what the apps need.

Each line of its input is a JSON object: ``app`` (path), ``folder`` (where it runs), ``environ`` and ``output`` (the file
for what it prints). Each answer is the app's process id, on a line. Apps are forked from this process, which has
imported Gradio already: that is 2 to 3 of the seconds that an app takes to start (4.44 to 6.31, measured). They end
with it, which is when its input ends.

Two things of Gradio cost a session of tests much and its apps' users nothing, so they are changed:

- It parses the source of each of its components when its class is made, to keep a type stub beside it: 2.4 more seconds
  (6.31, measured). The stubs are left out.
- Its queue looks for work a thousand times a second (6.31), which takes 7 % of a core. It looks 20 times a second here,
  as Gradio 4 and 5 do, and Gradio 6 on Windows.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import tempfile
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path

_MODULE = "gradio.component_meta"


class _WithoutStubs(Loader):
    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        module.create_or_modify_pyi = lambda *_: None


class _Finder(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != _MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = _WithoutStubs(spec.loader)
        return spec


def look_less(queue):
    """Let a Gradio queue look for work 20 times a second."""
    begin = queue.__init__

    def begin_calmly(self, *given, **more):
        begin(self, *given, **more)
        self.sleep_when_free, self.progress_update_sleep_when_free = 0.05, 0.1

    queue.__init__ = begin_calmly


def run(wanted):
    """Become the app: the process is as if it had been started for it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing, output = os.open(os.devnull, os.O_RDONLY), os.open(wanted["output"], os.O_WRONLY | os.O_CREAT)
    for ours, theirs in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(ours, theirs)
    os.environ.clear()
    os.environ.update(wanted["environ"])
    os.chdir(wanted["folder"])
    tempfile.tempdir = None
    sys.argv[:] = [wanted["app"]]
    sys.path.insert(0, str(Path(wanted["app"]).parent))
    runpy.run_path(wanted["app"], run_name="__main__")


def serve():
    """Fork an app for each line."""
    sys.meta_path.insert(0, _Finder())
    for module in ("gradio", "uvicorn"):
        importlib.import_module(module)
    look_less(importlib.import_module("gradio.queueing").Queue)
    # Forked processes share what is there by now.
    gc.collect()
    gc.freeze()
    # Nobody waits for an app here; its id is free once it has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    apps = []
    for line in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if pid == 0:
            run(json.loads(line))
            return
        apps.append(pid)
        print(pid, flush=True)
    for pid in apps:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    serve()
