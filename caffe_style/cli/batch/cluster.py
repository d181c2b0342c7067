"""Running a batch on the workers of a Dask cluster, whose parts may be missing or fail."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pkgutil
import queue
import time
from typing import Any, Dict, Iterator, Sequence, Tuple

from ...errors import BatchError
from .outcomes import Outcome
from .process import Start, Task, make
from .reading import shorten

#: Seconds to wait for a scheduler, and to wait without any worker before the batch ends.
PATIENCE = 4


def on_cluster(address: str) -> Start:
    """Connect to a scheduler, and return a function that runs tasks on its workers.

    Raises
    ------
    BatchError
        If Dask is missing, or the scheduler does not answer within 10 seconds. The returned function raises it
        if the cluster has no workers or lacks this package, or if the connection is lost.
    """
    try:
        from distributed import Client
    except ImportError:
        raise BatchError("a scheduler needs Dask: pip install 'caffe_style[distributed]'") from None

    def start(tasks: Sequence[Task]) -> Iterator[Tuple[int, Outcome]]:
        with _quiet(), client:
            _check_workers(client, address)
            yield from _outcomes(client, address, tasks)

    with _quiet():
        try:
            # A plain connection is tried first, since a client that cannot connect takes long to close.
            asyncio.run(asyncio.wait_for(_reach(address), 2 * PATIENCE))
            client = Client(address, timeout=PATIENCE, set_as_default=False)
        except Exception as error:  # sockets, TLS and addresses raise errors of different libraries
            raise BatchError(
                "no Dask scheduler answers at %s (%s)"
                % (address, shorten(str(error)) or "no reply")
            ) from None
    return start


async def _reach(address: str) -> None:
    from distributed.comm import connect
    from distributed.security import Security

    arguments = Security().get_connection_args("client")
    (await connect(address, timeout=PATIENCE, **arguments)).abort()


def _check_workers(client: Any, address: str) -> None:
    if not _workers(client, address):
        raise BatchError("the Dask scheduler at %s has no workers: start some" % address)
    # A function of the standard library, since a worker without the package cannot run one of ours.
    found = client.run(pkgutil.get_data, "caffe_style", "__init__.py")
    for worker, content in sorted(found.items()):
        if content is None:
            raise BatchError("the worker %s has no caffe_style: install it there" % worker)


def _workers(client: Any, address: str) -> Dict[str, Any]:
    """Return the cluster's workers, as the scheduler knows them."""
    try:
        identity = client.sync(client.scheduler.identity, callback_timeout=PATIENCE)
    except (OSError, asyncio.TimeoutError, TimeoutError):
        raise BatchError(
            "the Dask scheduler at %s is gone: run this again to continue" % address
        ) from None
    return identity["workers"]


def _outcomes(client: Any, address: str, tasks: Sequence[Task]) -> Iterator[Tuple[int, Outcome]]:
    finished: queue.Queue = queue.Queue()
    futures = {}
    for task in tasks:
        future = client.submit(make, task.job, 1, None, task.resume, pure=False)
        futures[future.key] = task, future
        future.add_done_callback(finished.put)
    seen = time.monotonic()
    while futures:
        with contextlib.suppress(queue.Empty):
            future = finished.get(timeout=1)
            if future.status != "cancelled":
                task, _ = futures.pop(future.key)
                yield task.number, _outcome(task, future)
        if _workers(client, address):
            seen = time.monotonic()
        elif time.monotonic() - seen > PATIENCE:
            raise BatchError(
                "the Dask scheduler at %s has no workers left: run this again to continue" % address
            )


def _outcome(task: Task, future: Any) -> Outcome:
    if future.status == "finished":
        return future.result()
    # The worker process has ended.
    reason = "its worker failed: %s" % shorten(str(future.exception()))
    return Outcome(str(task.job.output), "failed", reason=reason)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Dask's own log, since it prints tracebacks for errors that we report in one line."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
