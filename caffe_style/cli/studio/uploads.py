"""Uploaded pictures: limited in size and number, checked as pictures, and kept under names of our own."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from ...errors import ImageError, OptionError
from ...pictures import images
from ...pictures.decoding import open_picture
from ...system import files
from .folder import UPLOADS, id_of

#: Most bytes of an uploaded picture, and most pictures that are kept.
LARGEST, MOST = 50 * 10**6, 500
#: Most pixels of one. Decoded, they take three bytes each.
MOST_PIXELS = 100 * 10**6
#: Suffixes of the formats that are accepted. Phones write MPO, which begins with a JPEG.
SUFFIX = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif"}
SUFFIX.update(GIF=".gif", BMP=".bmp")

_one_at_a_time = threading.Lock()


def keep_upload(folder: Path, content: bytes, shown: str) -> str:
    """Check an uploaded picture, write it to the folder's uploads, and return its id.

    Parameters
    ----------
    folder : Path
        The studio's folder.
    content : bytes
        Content of the file. Its name in the folder is a digest of it.
    shown : str
        Name of the picture in errors; it is used for nothing else.

    Raises
    ------
    ImageError, OptionError
        If it is no picture, there are too many, or it cannot be written.
    """
    place = folder / UPLOADS
    digest = hashlib.sha256(content).hexdigest()[:16]
    with _one_at_a_time:
        try:
            place.mkdir(exist_ok=True)
            kept = [path for path in place.iterdir() if not path.name.startswith(".")]
            same = [path for path in kept if path.stem == digest]
            if same:
                return id_of("%s/%s" % (UPLOADS, same[0].name))
            if len(kept) >= MOST:
                raise OptionError(
                    "There are %d uploaded pictures already: remove some from the folder %s"
                    % (MOST, place)
                )
            # A hidden name, until it is known to be a picture.
            temporary = place / ("." + digest)
            try:
                files.replace_file(temporary, lambda path: path.write_bytes(content))
                name = digest + _suffix(temporary, shown)
                temporary.replace(place / name)
            finally:
                if temporary.exists():
                    temporary.unlink()
        except OSError as error:
            raise OptionError("%s cannot be kept: %s" % (shown, files.reason(error))) from None
    return id_of("%s/%s" % (UPLOADS, name))


def _suffix(path: Path, shown: str) -> str:
    """Return the suffix for a picture's format; raise ImageError unless it is a whole picture."""
    try:
        with open_picture(path) as image:
            kind, pixels = str(image.format), image.width * image.height
        if pixels > MOST_PIXELS:
            raise ImageError(
                "%s: more than %d megapixels; make it smaller first" % (path, MOST_PIXELS // 10**6)
            )
        if kind in SUFFIX:
            images.read_image(path)
    except ImageError as error:
        raise ImageError("%s: %s" % (shown, str(error).partition("%s: " % path)[2])) from None
    if kind not in SUFFIX:
        known = ", ".join(sorted({*SUFFIX} - {"MPO"}))
        raise ImageError("%s is a %s file: save it as one of %s first" % (shown, kind, known))
    return SUFFIX[kind]
