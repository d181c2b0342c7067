"""Small trainings, run by genuine Caffe and by the engine alike.

Where genuine Caffe is (Debian 11's python3-caffe), this records tests/reference/solvers anew:

    python3 tests/helpers/solver_cases.py tests/reference/solvers
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict

import numpy as np

#: Updates before the snapshot, and after it.
STEPS, MORE_STEPS = 10, 5
ITEMS, BATCH, CLASSES = 12, 4, 3

DATA = """
layer { name: "data" type: "MemoryData" top: "data" top: "label"
  memory_data_param { batch_size: 4 channels: 2 height: 6 width: 6 } }
"""
LOSS = """
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "score" bottom: "label" top: "loss" }
"""
PLAIN = (
    DATA
    + """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
  convolution_param { num_output: 3 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layer { name: "score" type: "InnerProduct" bottom: "pool" top: "score"
  param { lr_mult: 0.5 decay_mult: 3 } inner_product_param { num_output: 3 } }
"""
    + LOSS
)
#: One filter bank used twice; statistics that are no learned parameters; a layer that stays as it is.
SHARED = (
    DATA
    + """
layer { name: "fixed" type: "Convolution" bottom: "data" top: "fixed" param { lr_mult: 0 } param { lr_mult: 0 }
  convolution_param { num_output: 2 kernel_size: 1 } }
layer { name: "first" type: "Convolution" bottom: "fixed" top: "first"
  param { name: "w" lr_mult: 2 } param { name: "b" }
  convolution_param { num_output: 2 kernel_size: 3 pad: 1 } }
layer { name: "bn" type: "BatchNorm" bottom: "first" top: "bn" }
layer { name: "scale" type: "Scale" bottom: "bn" top: "scale" scale_param { bias_term: true } }
layer { name: "tanh" type: "TanH" bottom: "scale" top: "tanh" }
layer { name: "second" type: "Convolution" bottom: "tanh" top: "second"
  param { name: "w" } param { name: "b" lr_mult: 0.5 decay_mult: 0 }
  convolution_param { num_output: 2 kernel_size: 3 pad: 1 } }
layer { name: "score" type: "InnerProduct" bottom: "second" top: "score"
  inner_product_param { num_output: 3 } }
"""
    + LOSS
)

RATE = 'lr_policy: "fixed" base_lr: '
SOLVERS = {
    "sgd_fixed": RATE + "0.1",
    "sgd_momentum_step_l2": 'lr_policy: "step" base_lr: 0.1 stepsize: 3 gamma: 0.5 momentum: 0.9 '
    "weight_decay: 0.05",
    "sgd_exp_l1": 'lr_policy: "exp" base_lr: 0.2 gamma: 0.9 weight_decay: 0.02 '
    'regularization_type: "L1"',
    "sgd_inv_clip": 'lr_policy: "inv" base_lr: 0.1 gamma: 0.1 power: 0.75 momentum: 0.9 '
    "clip_gradients: 0.3",
    "sgd_multistep": 'lr_policy: "multistep" base_lr: 0.1 gamma: 0.3 '
    "stepvalue: 2 stepvalue: 3 stepvalue: 12",
    "sgd_poly_iter_size": 'lr_policy: "poly" base_lr: 0.2 power: 1.5 max_iter: 20 iter_size: 3 '
    "clip_gradients: 1",
    "sgd_sigmoid": 'lr_policy: "sigmoid" base_lr: 0.2 gamma: 0.5 stepsize: 5 momentum: 0.5',
    "nesterov": RATE + '0.1 type: "Nesterov" momentum: 0.9 weight_decay: 0.05',
    "nesterov_hdf5": RATE + '0.1 type: "Nesterov" momentum: 0.8 snapshot_format: HDF5',
    "adagrad": RATE + '0.1 type: "AdaGrad" weight_decay: 0.05 delta: 1e-4',
    "rmsprop": RATE + '0.02 type: "RMSProp" rms_decay: 0.9 delta: 1e-4 weight_decay: 0.05',
    "adadelta": RATE + '1 type: "AdaDelta" momentum: 0.95 delta: 1e-4 weight_decay: 0.05',
    "adam": RATE + '0.02 type: "Adam" momentum: 0.9 momentum2: 0.99 delta: 1e-4',
    "adam_by_its_old_name": RATE + "0.02 solver_type: ADAM momentum: 0.8 weight_decay: 0.05 "
    "delta: 1e-4 iter_size: 2",
    "shared_sgd": RATE + "0.1 momentum: 0.9 weight_decay: 0.05 clip_gradients: 1",
    "shared_adam": RATE + '0.02 type: "Adam" momentum: 0.9 delta: 1e-4 weight_decay: 0.05',
}


def write_prototxts(net: str, solver: str) -> None:
    """Write net.prototxt and solver.prototxt into the working directory."""
    Path("net.prototxt").write_text(net)
    Path("solver.prototxt").write_text(
        'net: "net.prototxt" snapshot_prefix: "run" random_seed: 1\n' + solver
    )


def make_solver(caffe: Any, case: Dict[str, np.ndarray]) -> Any:
    """The solver of the prototxts in the working directory, with the case's data and parameters."""
    solver = caffe.get_solver("solver.prototxt")
    solver.net.set_input_arrays(case["data"], case["label"])
    for key, value in case.items():
        if key.startswith("start:"):
            _, layer, index = key.split(":")
            solver.net.params[layer][int(index)].data[...] = value
    return solver


def skip_batches(case: Dict[str, np.ndarray], iter_size: int) -> Dict[str, np.ndarray]:
    """The case with its data as they come after the snapshot: a solverstate does not hold that."""
    served = STEPS * iter_size * BATCH
    rolled = {name: np.roll(case[name], -served, axis=0) for name in ("data", "label")}
    return dict(case, **rolled)


def parameters(net: Any, prefix: str) -> Dict[str, np.ndarray]:
    """Copies of all parameters, named as in a case."""
    return {
        "%s:%s:%d" % (prefix, layer, index): blob.data.copy()
        for layer, blobs in net.params.items()
        for index, blob in enumerate(blobs)
    }


def new_case(net: str, solver: str) -> Dict[str, np.ndarray]:
    """A case with its data, still without parameters."""
    random = np.random.RandomState(1)
    return {
        "net": np.array(net),
        "solver": np.array(solver),
        "data": random.normal(0, 1, (ITEMS, 2, 6, 6)).astype(np.float32),
        "label": random.randint(0, CLASSES, ITEMS).astype(np.float32),
    }


def record(caffe: Any, case: Dict[str, np.ndarray]) -> None:
    """Train in the working directory, and add to the case what came out, with the snapshot's files."""
    write_prototxts(str(case["net"]), str(case["solver"]))
    solver = make_solver(caffe, case)
    random = np.random.RandomState(2)
    for layer, blobs in solver.net.params.items():
        for blob in blobs:
            if layer != "bn":
                blob.data[...] = random.normal(0, 0.3, blob.data.shape)
    # Read after all are written: shared parameters are written twice.
    case.update(parameters(solver.net, "start"))
    solver.step(1)
    case.update(parameters(solver.net, "first"))
    solver.step(STEPS - 1)
    case.update(parameters(solver.net, "snapshot"))
    solver.snapshot()
    for file in sorted(Path(".").glob("run_iter_*")):
        case["file:" + file.name] = np.frombuffer(file.read_bytes(), np.uint8)
    solver.step(MORE_STEPS)
    case.update(parameters(solver.net, "end"))


def main() -> None:
    """Record all cases."""
    import caffe

    target = Path(sys.argv[1]).resolve()
    target.mkdir(exist_ok=True)
    for name, text in SOLVERS.items():
        case = new_case(SHARED if name.startswith("shared") else PLAIN, text)
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            record(caffe, case)
            os.chdir(str(target))
        np.savez_compressed(str(target / (name + ".npz")), **case)


if __name__ == "__main__":
    main()
