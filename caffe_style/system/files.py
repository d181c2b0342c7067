"""Files: written completely or not at all, locked by one process at a time, and checked before use."""

from __future__ import annotations

import contextlib
import errno
import glob
import logging
import os
import stat
import time
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Tuple, Union

from ..errors import OptionError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PathLike = Union[str, "os.PathLike[str]"]

#: Seconds to wait for a free file descriptor.
PATIENCE = 2.0
#: Number of a name's characters that are kept in its temporary name.
_STEM = 40


def replace_file(path: PathLike, write: Callable[[Path], Any]) -> None:
    """Write a file under a temporary name in its folder, and rename it when it is completely on the disk.

    Each call has its own temporary name. If several calls write one file, the file of the last one remains.

    Parameters
    ----------
    path : path
        File to write.
    write : callable
        `write(temporary)`, which writes the file. The temporary name has the same suffix as the path.

    Raises
    ------
    OSError
        If the file cannot be written. An existing file is then unchanged.

    Examples
    --------
    >>> replace_file("notes.txt", lambda temporary: temporary.write_text("done"))
    >>> open("notes.txt").read()
    'done'
    """
    path = Path(path)
    # The stem is shortened, since the path's name may already be as long as the system allows.
    unique = "%d-%s" % (os.getpid(), os.urandom(4).hex())
    temporary = path.with_name(_temporary_name(path.stem[:_STEM], unique, path.suffix))
    await_descriptors()
    try:
        write(temporary)
        _reach_the_disk(temporary)
        os.replace(str(temporary), str(path))
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_whole(path: PathLike, write: Callable[[Path], Any]) -> None:
    """Write a file that the user asked for, as `replace_file` does.

    Raises
    ------
    OptionError
        If the file cannot be written. An existing file is then unchanged.
    """
    try:
        replace_file(path, write)
    except OSError as error:
        raise OptionError("%s: cannot be written (%s)" % (path, reason(error))) from error


def reason(error: BaseException) -> str:
    """Return an error's reason in a few words on one line.

    Examples
    --------
    >>> reason(FileNotFoundError(2, "No such file or directory"))
    'No such file or directory'
    """
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__


def lacks_descriptors(error: BaseException) -> bool:
    """Return whether an error says that too many files are open, which may be temporary."""
    return getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE)


def await_descriptors() -> None:
    """Wait until a file can be opened, for `PATIENCE` seconds at most."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if lacks_descriptors(error) and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
        return


def check_writable(path: PathLike) -> None:
    """Check, before hours of work, that a file can be written.

    Raises
    ------
    OptionError
        If the path is a folder, its name is too long, or its folder is missing or not writable.
    """
    path = Path(path)
    try:
        # The system decides which names are valid.
        os.lstat(str(path))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        raise OptionError("%s: cannot be written (%s)" % (path, reason(error))) from None
    if path.is_dir():
        raise OptionError("%s: is a folder; name a file in it" % path)
    if not path.parent.is_dir():
        raise OptionError("%s: the folder %s does not exist; make it first" % (path, path.parent))
    if not os.access(str(path.parent), os.W_OK | os.X_OK):
        raise OptionError("%s: no permission to write in the folder %s" % (path, path.parent))


def check_apart(outputs: Iterable[PathLike], inputs: Iterable[PathLike] = ()) -> None:
    """Check that no output would overwrite an input or another output.

    Raises
    ------
    OptionError
        If one would. The message names the output.
    """
    taken = {_identity(path): "is read, and would be overwritten" for path in inputs}
    for path in outputs:
        identity = _identity(path)
        if identity in taken:
            raise OptionError("%s: %s; choose another name" % (path, taken[identity]))
        taken[identity] = "would be written twice"


def check_regular(path: PathLike) -> None:
    """Check that a path is not a pipe or device, from which reading might wait for another program.

    Raises
    ------
    OSError
        If it is.
    """
    if not os.path.exists(path):
        return
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "a pipe or device, not a file", str(path))


@contextlib.contextmanager
def held(path: PathLike) -> Iterator[None]:
    """Lock a file until the context ends. The system releases the lock of a process that dies.

    Temporary files that a killed process has left are removed.

    Raises
    ------
    BlockingIOError
        If another process, or another context of this process, has locked the file.
    """
    path = Path(path)
    lock = str(path.with_name(".%s.lock" % path.name))
    try:
        handle = _lock(lock)
    except BlockingIOError:
        raise
    except OSError as error:
        logging.getLogger("caffe_style").info("%s: cannot be locked (%s)", path, reason(error))
        handle = None
    try:
        if handle is not None and len(path.stem) <= _STEM:
            pattern = _temporary_name(glob.escape(path.stem), "*", glob.escape(path.suffix))
            for leftover in path.parent.glob(pattern):
                with contextlib.suppress(OSError):
                    leftover.unlink()
        yield
    finally:
        if handle is not None:
            with contextlib.suppress(OSError):
                os.unlink(lock)
            os.close(handle)


def _temporary_name(stem: str, unique: str, suffix: str) -> str:
    return ".%s.%s.part%s" % (stem, unique, suffix)


def _lock(name: str) -> Any:
    """Return a descriptor of the locked file, or None if the system has no such locks."""
    if fcntl is None:
        return None
    while True:
        handle = os.open(name, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # If the previous owner removed the file meanwhile, others lock a new one.
            if os.path.exists(name) and os.path.samestat(os.fstat(handle), os.stat(name)):
                return handle
        except OSError:
            os.close(handle)
            raise
        os.close(handle)


def _identity(path: PathLike) -> Tuple[Any, ...]:
    """Return a key that is equal for all names of one file."""
    real = os.path.realpath(path)
    try:
        found = os.stat(real)
    except (OSError, ValueError):
        return (os.path.normcase(real),)
    return found.st_dev, found.st_ino


def _reach_the_disk(path: Path) -> None:
    """Flush a file to the disk. Otherwise a power failure may leave an empty file under the new name."""
    handle = os.open(str(path), os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(handle)
    except OSError as error:
        # Some file systems do not support this.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
