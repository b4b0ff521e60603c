"""A drop folder: whole files are taken, judged, and what comes of them is published exactly once.

`inbox` knows which files are whole and takes them, `journal` remembers how far each has come, `owner` tells living
watchers from dead ones, `layout` is the output folder, `worker` scrubs one file and `watcher` does all of it in order.
"""

from scrubber.watch.inbox import Waits
from scrubber.watch.watcher import Watcher, open_watcher
from scrubber.watch.worker import FileWorker

__all__ = ["FileWorker", "Waits", "Watcher", "open_watcher"]
