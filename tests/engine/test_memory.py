"""Memory keeps a host's and a device's copy in step."""

import numpy as np

from caffe_style.engine.blob import Blob
from caffe_style.engine.memory import Memory
from caffe_style.engine.pool import Pool


class CountingDevice:
    """A device whose memory is a numpy array of its own."""

    def __init__(self):
        self.uploads = self.downloads = 0

    def allocate(self, count):
        return np.full(count, np.nan, np.float32)

    def clear(self, buffer):
        buffer[...] = 0

    def upload(self, array, buffer):
        self.uploads += 1
        buffer[...] = array

    def download(self, buffer, array):
        self.downloads += 1
        array[...] = buffer


def test_starts_at_zero_on_either_side():
    device = CountingDevice()
    memory = Memory(3)
    assert (memory.device_read(device) == 0).all()
    assert (memory.read() == 0).all()
    assert (device.uploads, device.downloads) == (0, 1)


def test_each_side_sees_what_the_other_wrote():
    device = CountingDevice()
    memory = Memory(3)
    memory.array()[...] = 1
    assert (memory.device_array(device) == 1).all()
    memory.device_array(device)[...] = 2
    assert (memory.read() == 2).all()
    memory.array()[...] = 3
    assert (memory.device_read(device) == 3).all()


def test_reading_copies_once():
    device = CountingDevice()
    memory = Memory(3)
    memory.device_array(device, overwritten=True)[...] = 1
    for _ in range(3):
        memory.read()
        memory.device_read(device)
    assert (device.uploads, device.downloads) == (0, 1)


def test_what_is_overwritten_is_not_copied():
    device = CountingDevice()
    memory = Memory(3)
    memory.array()[...] = 1
    memory.device_array(device, overwritten=True)[...] = 2
    memory.array(overwritten=True)[...] = 3
    assert (device.uploads, device.downloads) == (0, 0)
    assert (memory.device_read(device) == 3).all()


def test_the_version_changes_with_every_chance_to_write():
    device = CountingDevice()
    memory = Memory(3)
    memory.read()
    memory.device_read(device)
    assert memory.version == 0
    memory.array()
    memory.device_array(device)
    assert memory.version == 2


def test_moves_from_one_device_to_another():
    first, second = CountingDevice(), CountingDevice()
    memory = Memory(3)
    memory.device_array(first)[...] = 5
    assert (memory.device_read(second) == 5).all()


def test_a_released_buffer_is_zero_again():
    device = CountingDevice()
    memory = Memory(3)
    memory.pool = Pool()
    memory.device_array(device)[...] = 5
    assert (memory.read() == 5).all()
    memory.release()
    assert not memory.allocated
    assert (memory.read() == 0).all()
    memory.release()
    assert (memory.device_read(device) == 0).all()


def test_a_blob_shows_the_device_values_and_read_data_leaves_them_there():
    device = CountingDevice()
    blob = Blob((1, 2, 2, 2))
    blob.data_memory.device_array(device)[...] = np.arange(8)
    shown = blob.read_data()
    assert shown[0, 1, 0, 0] == 1 and shown[0, 0, 0, 1] == 2
    assert not shown.flags.writeable
    blob.data_memory.device_read(device)
    assert device.uploads == 0
