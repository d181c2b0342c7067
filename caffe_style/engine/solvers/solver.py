"""Solver: trains a net as its solver prototxt says, with pycaffe's interface."""

from __future__ import annotations

import os
from collections import deque
from typing import Any, Callable, ClassVar, Deque, List, Optional, Tuple, Union

import numpy as np

from ...errors import CheckpointError, OptionError
from ..fillers import set_random_seed
from ..formats.solver import read_solver
from ..formats.solverstate import SolverState, read_solverstate, write_solverstate
from ..log import log
from ..proto.caffe_pb2 import SolverParameter
from ..pycaffe import Net, same_shape
from . import report
from .gradients import clip, decay_gradient, learnable_parameters
from .nets import make_test_nets, make_train_net
from .rates import check_policy, learning_rate, next_step


class Solver:
    """What the six solvers have in common; a subclass brings its update rule.

    Parameters
    ----------
    solver_file : str or bytes
        A solver prototxt. Paths in it count from the working directory.

    Attributes
    ----------
    net : Net
        The net that is trained.
    test_nets : list of Net
        Their parameters are those of `net` from the first test on.
    iter : int
        Updates done so far.
    param : SolverParameter
        May be changed between steps, for instance its base_lr.

    Raises
    ------
    PrototxtError, OptionError, LayerError, WeightsError
        Where genuine Caffe kills the process.
    """

    #: Caffe's name of the solver in a prototxt.
    type: ClassVar[str] = ""
    #: See `caffe_style.engine.solvers.rules`.
    rule: ClassVar[Callable[..., np.ndarray]]
    #: How many arrays the rule remembers for each parameter.
    histories: ClassVar[int] = 1
    allows_momentum: ClassVar[bool] = True

    def __init__(self, solver_file: Union[str, bytes]) -> None:
        self.param = read_solver(os.fsdecode(solver_file))
        self._check()
        if self.param.random_seed >= 0:
            set_random_seed(self.param.random_seed)
        self.iter = 0
        self._step = 0
        self.net = make_train_net(self.param)
        self.test_nets = make_test_nets(self.param)
        self._parameters = learnable_parameters(self.net)
        shapes = [each.blob.shape for each in self._parameters]
        self._history = [np.zeros(shape, np.float32) for shape in shapes * self.histories]
        self._callbacks: List[Tuple[Callable[[], Any], Callable[[], Any]]] = []
        self._losses: Deque[float] = deque()

    def _check(self) -> None:
        """Raise OptionError for settings that cannot be meant."""
        param = self.param
        if param.average_loss < 1 or param.iter_size < 1:
            raise OptionError("average_loss and iter_size must be at least 1")
        if param.regularization_type not in ("L1", "L2"):
            raise OptionError(
                "regularization_type is L1 or L2, not '%s'" % param.regularization_type
            )
        if param.momentum and not self.allows_momentum:
            raise OptionError("%s knows no momentum: leave it out of the solver" % self.type)
        if not 0 <= param.rms_decay < 1:
            raise OptionError("rms_decay must be at least 0 and below 1")
        if param.snapshot:
            self._check_folder()

    def _check_folder(self) -> None:
        folder = os.path.dirname(self.param.snapshot_prefix) or "."
        if not os.access(folder, os.W_OK):
            raise OptionError(
                "snapshots cannot be written: there is no folder %s to write to" % folder
            )

    # -- training ------------------------------------------------------------------------------

    @property
    def lr(self) -> float:
        """The learning rate at this iteration."""
        check_policy(self.param)
        step = next_step(self.param, self.iter, self._step)
        return learning_rate(self.param, self.iter, step)

    def solve(self, resume_file: Optional[Union[str, bytes]] = None) -> None:
        """Train up to max_iter, from a solverstate if one is given, and write the last snapshot."""
        if self.param.snapshot_after_train:
            self._check_folder()
        log("Solving %s" % self.net.name)
        log("Learning Rate Policy: %s" % self.param.lr_policy)
        if resume_file is not None:
            self.restore(resume_file)
        self.step(self.param.max_iter - self.iter)
        every = self.param.snapshot
        if self.param.snapshot_after_train and not (every and self.iter % every == 0):
            self.snapshot()
        if self._due(self.param.display):
            self._losses.append(self.net._forward(0, len(self.net.layers) - 1))
            log("Iteration %d, loss = %g" % (self.iter, np.mean(self._losses)))
        if self._due(self.param.test_interval):
            self._test()
        log("Optimization Done.")

    def step(self, iterations: int) -> None:
        """Do so many iterations: gradients of iter_size batches, one update.

        Tests and snapshots are made where the prototxt says so.
        """
        check_policy(self.param)
        self._losses = deque(maxlen=self.param.average_loss)
        last = self.iter + iterations
        timer = report.Timer(self.iter)
        while self.iter < last:
            if self._due(self.param.test_interval) and (
                self.iter > 0 or self.param.test_initialization
            ):
                self._test()
            for on_start, _ in self._callbacks:
                on_start()
            self._losses.append(self._gradients())
            if self._due(self.param.display):
                speed = timer.speed(self.iter)
                log("Iteration %d (%s), loss = %g" % (self.iter, speed, np.mean(self._losses)))
                report.log_training(self.net)
            for _, on_gradients_ready in self._callbacks:
                on_gradients_ready()
            self.apply_update()
            if self._due(self.param.snapshot):
                self.snapshot()

    def _due(self, interval: int) -> bool:
        return interval > 0 and self.iter % interval == 0

    def _gradients(self) -> float:
        """Run iter_size batches forward and backward, which adds up diffs; the mean loss."""
        last = len(self.net.layers) - 1
        self.net.clear_param_diffs()
        loss = 0.0
        for _ in range(self.param.iter_size):
            loss += self.net._forward(0, last)
            self.net._backward(last, 0)
        return loss / self.param.iter_size

    def apply_update(self) -> None:
        """Change the parameters by the diffs they have now, and count one iteration."""
        param, rate = self.param, self.lr
        self._step = next_step(param, self.iter, self._step)
        if self._due(param.display):
            log("Iteration %d, lr = %g" % (self.iter, rate))
        clip(self._parameters, param.clip_gradients)
        for i, (blob, lr_mult, decay_mult) in enumerate(self._parameters):
            data, diff = blob.data, blob.diff
            diff /= param.iter_size
            if param.weight_decay * decay_mult:
                decay = param.weight_decay * decay_mult
                diff += decay_gradient(data, decay, param.regularization_type)
            history = self._history[i :: len(self._parameters)]
            diff[...] = type(self).rule(diff, rate * lr_mult, history, param, self.iter)
            data -= diff
        self.iter += 1

    def add_callback(
        self, on_start: Callable[[], Any], on_gradients_ready: Callable[[], Any]
    ) -> None:
        """Call the first before each iteration's forward, the second before its update."""
        self._callbacks.append((on_start, on_gradients_ready))

    # -- tests ---------------------------------------------------------------------------------

    def share_weights(self, net: Net) -> None:
        """Let `net` use the parameters of the net that is trained."""
        net.share_with(self.net)

    def _test(self) -> None:
        for number, (net, batches) in enumerate(zip(self.test_nets, self.param.test_iter)):
            log("Iteration %d, Testing net (#%d)" % (self.iter, number))
            self.share_weights(net)
            report.log_test(net, batches, self.param.test_compute_loss)

    # -- snapshots -----------------------------------------------------------------------------

    def snapshot(self) -> None:
        """Write PREFIX_iter_N.caffemodel and .solverstate (with .h5 behind where snapshot_format is HDF5).

        Raises
        ------
        WeightsError, CheckpointError
            Where they cannot be written.
        """
        hdf5 = self.param.snapshot_format == SolverParameter.HDF5
        stem = "%s_iter_%d" % (self.param.snapshot_prefix, self.iter)
        model, state = (stem + end + ".h5" * hdf5 for end in (".caffemodel", ".solverstate"))
        log("Snapshotting to %s and %s" % (model, state))
        save = self.net.save_hdf5 if hdf5 else self.net.save
        save(model, self.param.snapshot_diff)
        write_solverstate(state, SolverState(self.iter, model, self._history, self._step))

    def restore(self, state_file: Union[str, bytes]) -> None:
        """Continue from a solverstate, and from the weights file that it names.

        Raises
        ------
        CheckpointError, WeightsError
            Where a file is missing or broken, or is of another net or solver.
        """
        path = os.fsdecode(state_file)
        state = read_solverstate(path)
        if len(state.history) != len(self._history) or not all(
            same_shape(array.shape, own.shape) for array, own in zip(state.history, self._history)
        ):
            raise CheckpointError("%s is of another net, or of another type of solver" % path)
        if state.learned_net:
            self.net.copy_from(state.learned_net)
        for own, array in zip(self._history, state.history):
            own[...] = array.reshape(own.shape)
        self.iter, self._step = state.iteration, state.current_step
