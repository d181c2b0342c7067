"""Data layers: what they serve, in which order, transformed how; where genuine Caffe is, against it."""

from __future__ import annotations

import io as bytes_io

import numpy as np
import pytest
from conftest import skip_unless_it_computes
from helpers.engine_nets import input_layer, net_of
from PIL import Image

from caffe_style import engine
from caffe_style.backends import genuine
from caffe_style.engine import TEST, TRAIN, io, layer_type_list, set_random_seed
from caffe_style.engine.layers.reading import resize_picture
from caffe_style.errors import LayerError

#: Pictures, (height, width, RGB), and their labels.
PICTURES = np.random.RandomState(0).randint(0, 256, (5, 8, 9, 3)).astype(np.uint8)
LABELS = [3, 1, 4, 1, 5]
#: The same as Caffe has them: (channels, height, width), BGR.
BGR = np.moveaxis(PICTURES[..., ::-1], 3, 1).astype(np.float32)
MEAN = np.random.RandomState(1).uniform(0, 255, (3, 8, 9)).astype(np.float32)


PALETTE = np.array([[255, 0, 9], [0, 128, 0], [1, 2, 3], [40, 50, 60]], np.uint8)


def png(picture):
    stream = bytes_io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def encode(picture, label=0):
    return engine.proto.caffe_pb2.Datum(data=png(picture), encoded=True, label=label)


def other_pictures():
    """Pictures that are not simply RGB."""
    level = PICTURES[0, :, :, 0]
    palette = Image.fromarray(level % 4)
    palette.putpalette(PALETTE.ravel().tolist())
    return {
        "grey": Image.fromarray(level),
        "transparent": Image.fromarray(np.dstack([PICTURES[0], level])),
        "palette": palette,
        "deep": Image.fromarray(level.astype(np.uint16) * 200),
    }


def grey(pixels):
    """Luma of RGB pixels, (..., 3), as Pillow and OpenCV round it to a level."""
    return np.rint(pixels.astype(float) @ [0.299, 0.587, 0.114])


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A working directory with pictures, their list, and a mean."""
    monkeypatch.chdir(tmp_path)
    lines = []
    for i, (pixels, label) in enumerate(zip(PICTURES, LABELS)):
        (tmp_path / ("picture %d.png" % i)).write_bytes(png(Image.fromarray(pixels)))
        lines.append("picture %d.png %d\n" % (i, label))
    (tmp_path / "list.txt").write_text("".join(lines))
    mean = io.array_to_blobproto(MEAN[np.newaxis])
    (tmp_path / "mean.binaryproto").write_bytes(mean.SerializeToString())
    return tmp_path


@pytest.fixture
def database(files):
    lmdb = pytest.importorskip("lmdb")
    datums = [io.array_to_datum(a.astype(np.uint8), label) for a, label in zip(BGR, LABELS)]
    encoded = [encode(Image.fromarray(a), label) for a, label in zip(PICTURES, LABELS)]
    floats = [io.array_to_datum(a / 7, label) for a, label in zip(BGR, LABELS)]
    single = {name: [encode(picture)] for name, picture in other_pictures().items()}
    several = {"raw": datums, "encoded": encoded, "floats": floats}
    for name, items in {**several, **single}.items():
        with lmdb.open(str(files / name), map_size=1 << 20) as environment:
            with environment.begin(write=True) as transaction:
                for i, datum in enumerate(items):
                    transaction.put(b"%08d" % i, datum.SerializeToString())
    return files


def layer(type_, options):
    return 'layer { name: "data" type: "%s" top: "data" top: "label" %s }' % (type_, options)


def data(source, transform=""):
    options = 'data_param { source: "%s" backend: LMDB batch_size: 2 } transform_param { %s }'
    return layer("Data", options % (source, transform))


def images(options="", transform=""):
    return layer(
        "ImageData",
        'image_data_param { source: "list.txt" batch_size: 2 %s } transform_param { %s }'
        % (options, transform),
    )


def served(net, batches=3):
    """What so many forwards serve, one after the other."""
    found = []
    for _ in range(batches):
        net.forward()
        found.append([net.blobs[name].data.copy() for name in ("data", "label")])
    return [np.concatenate(each) for each in zip(*found)]


MEANS = np.array([10, 20, 30], np.float32).reshape(3, 1, 1)
TRANSFORMATIONS = {
    "none": ("", BGR),
    "scale": ("scale: 0.5 mean_value: 7", (BGR - 7) / 2),
    "means": ("mean_value: 10 mean_value: 20 mean_value: 30", BGR - MEANS),
    "crop": ("crop_size: 5", BGR[:, :, 1:6, 2:7]),
    "mean_file": (
        'mean_file: "mean.binaryproto" crop_size: 6 scale: 2',
        2 * (BGR - MEAN)[:, :, 1:7, 1:7],
    ),
}
ROUND = [0, 1, 2, 3, 4, 0]


@pytest.mark.parametrize("case", TRANSFORMATIONS)
@pytest.mark.parametrize("source", ["raw", "encoded", "list"])
def test_pictures_are_served_in_turn(database, source, case):
    transform, wanted = TRANSFORMATIONS[case]
    net = net_of(images(transform=transform) if source == "list" else data(source, transform))
    assert net.blobs["data"].shape == (2,) + wanted.shape[1:]
    found, labels = served(net)
    np.testing.assert_allclose(found, wanted[ROUND], rtol=1e-6, atol=1e-5)
    assert labels.tolist() == [LABELS[i] for i in ROUND]


def test_databases_of_floats(database):
    found, _ = served(net_of(data("floats", "crop_size: 5")))
    np.testing.assert_allclose(found, BGR[ROUND][:, :, 1:6, 2:7] / 7, rtol=1e-6)


@pytest.mark.parametrize("source", ["encoded", "list"])
def test_grey(database, source):
    text = images("is_color: false") if source == "list" else data(source, "force_gray: true")
    found, _ = served(net_of(text))
    assert found.shape == (6, 1, 8, 9)
    assert np.abs(found[:, 0] - grey(PICTURES[ROUND])).max() <= 1


def test_pictures_of_other_kinds(database):
    level = PICTURES[0, :, :, 0]
    assert net_of(data("grey")).blobs["data"].shape == (2, 1, 8, 9)
    found, _ = served(net_of(data("grey", "force_color: true")))
    np.testing.assert_array_equal(found[0], np.broadcast_to(level, (3, 8, 9)))
    found, _ = served(net_of(data("transparent")))
    np.testing.assert_array_equal(found[0], np.concatenate([BGR[0], [level]]))
    found, _ = served(net_of(data("transparent", "force_color: true")))
    np.testing.assert_array_equal(found[0], BGR[0])
    found, _ = served(net_of(data("palette")))
    np.testing.assert_array_equal(found[0], np.moveaxis(PALETTE[level % 4][..., ::-1], 2, 0))
    with pytest.raises(LayerError, match="more than 8 bits"):
        net_of(data("deep"))


def test_two_nets_read_one_database(database):
    first, second = net_of(data("raw")), net_of(data("raw", "crop_size: 3"))
    served(first, 1)
    assert served(second)[1].tolist() == [LABELS[i] for i in ROUND]
    assert served(first, 1)[1].tolist() == LABELS[2:4]


def test_training_crops_and_mirrors_by_chance(files):
    set_random_seed(3)
    (files / "list.txt").write_text("picture 0.png 0\n")
    net = net_of(images(transform="crop_size: 6 mirror: true"), TRAIN)
    windows = {
        (top, left, step): BGR[0, :, top : top + 6, left : left + 6][:, :, ::step]
        for top in range(3)
        for left in range(4)
        for step in (1, -1)
    }
    seen = set()
    for picture in served(net, 200)[0]:
        seen.update(key for key, value in windows.items() if np.array_equal(value, picture))
    assert seen == set(windows)


def test_tests_mirror_but_crop_in_the_centre(files):
    found, _ = served(net_of(images(transform="crop_size: 6 mirror: true")), 30)
    plain = np.tile(BGR, (12, 1, 1, 1))[:, :, 1:7, 1:7]
    mirrored = [np.array_equal(a, b[:, :, ::-1]) for a, b in zip(found, plain)]
    as_is = [np.array_equal(a, b) for a, b in zip(found, plain)]
    assert all(a != b for a, b in zip(mirrored, as_is)) and 10 < sum(mirrored) < 50


def test_shuffling_serves_each_picture_once_a_round(files):
    set_random_seed(1)
    net = net_of(images("shuffle: true").replace("batch_size: 2", "batch_size: 5"))
    rounds = [served(net, 1)[1].tolist() for _ in range(4)]
    assert all(sorted(labels) == sorted(LABELS) for labels in rounds)
    assert len(set(map(tuple, rounds))) > 1


def test_pictures_are_resized_as_opencv_does(files):
    found, _ = served(net_of(images("new_height: 4 new_width: 18")))
    # Half the height: the mean of two rows. Twice the width: quarters between the columns, the edge repeated.
    rows = (BGR[:, :, ::2] + BGR[:, :, 1::2]) / 2
    left = np.concatenate([rows[..., :1], rows[..., :-1]], 3)
    right = np.concatenate([rows[..., 1:], rows[..., -1:]], 3)
    wanted = np.stack([0.25 * left + 0.75 * rows, 0.75 * rows + 0.25 * right], 4)
    wanted = np.floor(wanted.reshape(5, 3, 4, 18) + 0.5)
    np.testing.assert_array_equal(found, wanted[ROUND])
    constant = np.full((1, 3, 5), 77, np.uint8)
    assert (resize_picture(constant, 7, 2) == 77).all()


def test_a_batch_of_one_takes_any_size(files):
    (files / "list.txt").write_text("picture 0.png 0\nsmall.png 1\n")
    (files / "small.png").write_bytes(png(Image.fromarray(PICTURES[0, :4, :5])))
    net = net_of(images().replace("batch_size: 2", "batch_size: 1"))
    assert net.forward()["data"].shape == (1, 3, 8, 9)
    assert net.forward()["data"].shape == (1, 3, 4, 5)
    with pytest.raises(LayerError, match="another size"):
        net_of(images()).forward()


@pytest.fixture
def hdf5(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    for name, start, rows in (("a.h5", 0, 3), ("b.h5", 3, 2)):
        with h5py.File(str(tmp_path / name), "w") as file:
            file["data"] = np.arange(start * 4, (start + rows) * 4, dtype=float).reshape(-1, 2, 2)
            file["label"] = np.arange(start, start + rows)
    (tmp_path / "files.txt").write_text("a.h5\nb.h5\n")
    return h5py


HDF5 = layer("HDF5Data", 'hdf5_data_param { source: "files.txt" batch_size: 4 }')


def test_hdf5_rows_are_served_file_by_file(hdf5):
    found, labels = served(net_of(HDF5))
    order = [i % 5 for i in range(12)]
    assert labels.tolist() == order
    np.testing.assert_array_equal(found, np.arange(20).reshape(5, 2, 2)[order])


def test_hdf5_shuffles_rows_and_files(hdf5):
    set_random_seed(2)
    shuffled = HDF5.replace("batch_size: 4", "batch_size: 5 shuffle: true")
    net = net_of(shuffled)
    rounds = [served(net, 1) for _ in range(20)]
    for found, labels in rounds:
        assert sorted(labels) == list(range(5))
        np.testing.assert_array_equal(found[:, 0, 0], 4 * labels)
    orders = {tuple(labels) for _, labels in rounds}
    assert len(orders) > 5 and {order[0] < 3 for order in orders} == {True, False}


OUTPUT = input_layer("x", (2, 3)) + input_layer("y", (2,))
OUTPUT += (
    'layer { name: "o" type: "HDF5Output" bottom: "x" bottom: "y" '
    'hdf5_output_param { file_name: "out.h5" } }'
)


def test_hdf5_output_is_what_hdf5_data_reads(hdf5, tmp_path):
    net = net_of(OUTPUT)
    x, y = np.arange(6).reshape(2, 3), np.array([7, 8])
    net.forward(x=x, y=y)
    (tmp_path / "files.txt").write_text("out.h5")
    found, labels = served(net_of(HDF5), 1)
    np.testing.assert_array_equal(found, np.concatenate([x, x]))
    assert labels.tolist() == [7, 8, 7, 8]
    with pytest.raises(LayerError, match="one batch"):
        net.forward(x=x, y=y)


def text_of(name):
    return {
        "missing list": images().replace("list.txt", "nothere.txt"),
        "missing picture": images('root_folder: "elsewhere/"'),
        "one size": images("new_height: 3"),
        "crop": images(transform="crop_size: 9"),
        "two means": images(transform='mean_value: 1 mean_file: "mean.binaryproto"'),
        "missing mean": images(transform='mean_file: "nothere"'),
        "wrong means": images(transform="mean_value: 1 mean_value: 2"),
        "skip": images("rand_skip: 1000000"),
        "leveldb": layer("Data", 'data_param { source: "x" batch_size: 1 }'),
        "missing database": data("nothere"),
        "colours": data("nothere", "force_color: true force_gray: true"),
        "missing hdf5": HDF5.replace("files.txt", "list.txt"),
        "hdf5 transformed": HDF5.replace("hdf5_data_param", "transform_param { } hdf5_data_param"),
    }[name]


@pytest.mark.parametrize(
    "name, message",
    [
        ("missing list", "cannot read the list nothere.txt"),
        ("missing picture", "elsewhere/picture 0.png"),
        ("one size", "both new_height and new_width"),
        ("crop", "crop_size 9 is larger"),
        ("two means", "both mean_file and mean_value"),
        ("missing mean", "cannot read the array nothere"),
        ("wrong means", "does not go with a picture of shape"),
        ("skip", "beyond the end of the list"),
        ("leveldb", "convert it to LMDB"),
        ("missing database", "nothere: No such file"),
        ("colours", "force_color and force_gray"),
        ("missing hdf5", "cannot read picture"),
        ("hdf5 transformed", "remove transform_param"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(files, name, message):
    if "database" in name:
        pytest.importorskip("lmdb")
    if "hdf5" in name:
        pytest.importorskip("h5py")
    set_random_seed(0)
    with pytest.raises(LayerError) as caught:
        net_of(text_of(name)).forward()
    text = str(caught.value)
    assert message in text and "layer 'data'" in text and "\n" not in text


def test_broken_files_are_named(files):
    (files / "picture 1.png").write_bytes(b"GIF89a")
    with pytest.raises(LayerError, match="picture 1.png.*no picture"):
        net_of(images()).forward()
    (files / "list.txt").write_text("picture 0.png cat\n")
    with pytest.raises(LayerError, match="list.txt, line 1"):
        net_of(images())
    (files / "list.txt").write_text(" \n")
    with pytest.raises(LayerError, match="is empty"):
        net_of(images())


def test_every_listed_type_can_be_built():
    assert {"Data", "ImageData", "HDF5Data", "HDF5Output", "MemoryData"} <= set(layer_type_list())
    assert "WindowData" not in layer_type_list()


GENUINE = {
    **{"raw " + name: data("raw", text) for name, (text, _) in TRANSFORMATIONS.items()},
    "encoded": data("encoded"),
    "encoded grey": data("encoded", "force_gray: true"),
    "floats": data("floats", "scale: 3 crop_size: 2"),
    "level": data("grey"),
    "transparent": data("transparent"),
    "transparent in colour": data("transparent", "force_color: true"),
    "palette": data("palette"),
    **{"list " + name: images(transform=text) for name, (text, _) in TRANSFORMATIONS.items()},
    "list grey": images("is_color: false"),
    "list smaller": images("new_height: 3 new_width: 5"),
    "list larger": images("new_height: 13 new_width: 20"),
}


@pytest.mark.parametrize("name", GENUINE)
def test_as_genuine_caffe(database, name):
    skip_unless_it_computes("caffe")
    caffe = genuine.import_caffe()
    (database / "net.prototxt").write_text(GENUINE[name])
    wanted, labels = served(caffe.Net("net.prototxt", TEST))
    found, ours = served(net_of(GENUINE[name]))
    # Rounding of grey and of resized pictures to a level differs in single places.
    level = 1 if "grey" in name or "er" in name.split()[-1] else 1e-4
    assert np.abs(found - wanted).max() <= level
    assert np.array_equal(labels, ours)


def test_hdf5_as_genuine_caffe(hdf5, tmp_path):
    skip_unless_it_computes("caffe")
    caffe = genuine.import_caffe()
    (tmp_path / "net.prototxt").write_text(HDF5)
    for theirs, ours in zip(served(caffe.Net("net.prototxt", TEST)), served(net_of(HDF5))):
        np.testing.assert_array_equal(theirs, ours)
