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
        buffer[: array.size] = array

    def download(self, buffer, array):
        self.downloads += 1
        array[...] = buffer[: array.size]


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
    versions = [memory.version]
    memory.read()
    memory.device_read(device)
    assert memory.version == versions[0]
    for write in (memory.array, lambda: memory.device_array(device)):
        write()
        versions.append(memory.version)
    versions.append(Memory(3).version)
    assert len(set(versions)) == 4


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


ORDER = (1, 3, 4)
"""Three channels of four positions."""


def test_callers_get_caffes_order_and_layers_channels_last():
    device = CountingDevice()
    memory = Memory(12)
    memory.order = ORDER
    memory.array()[:12] = np.arange(12).reshape(4, 3).ravel()
    assert (memory.lend()[:12].reshape(3, 4) == np.arange(12).reshape(4, 3).T).all()
    assert (memory.device_read(device) == np.arange(12)).all()
    memory.lend()[:12] = np.arange(12)
    assert (memory.read()[:12].reshape(4, 3).T == np.arange(12).reshape(3, 4)).all()


def test_a_new_order_moves_values_only_if_they_are_asked_for():
    device = CountingDevice()
    memory = Memory(12)
    memory.order = ORDER
    memory.device_array(device, overwritten=True)[...] = np.arange(12)
    memory.order = (1, 2, 4)
    memory.device_array(device, overwritten=True)[...] = 7
    assert (device.uploads, device.downloads) == (0, 0)
    memory.order = (1, 1, 6)
    assert (memory.read()[:6] == 7).all()
    assert (device.uploads, device.downloads) == (0, 1)


def test_what_is_lent_is_collected_before_and_shown_after_a_layer():
    memory = Memory(12)
    memory.order = ORDER
    lent = memory.lend()[:5]
    memory.read()
    lent[1] = 8
    memory.collect()
    assert memory.read()[3] == 8
    memory.array()[...] = 9
    assert (lent != 9).all()
    memory.show()
    assert (lent == 9).all()


def test_nothing_is_copied_for_callers_that_hold_nothing():
    memory = Memory(12)
    memory.order = ORDER
    memory.lend()[...] = 1
    assert not memory.lent
    memory.array()[...] = 2
    version = memory.version
    memory.collect()
    memory.show()
    assert memory.version == version and (memory._flat == 1).all()
    assert (memory.lend() == 2).all()
