"""Trains strokenet, from pictures to caffemodel, on a processor.

    pip install -e ".[train]"
    python models/strokenet/train.py --folder FOLDER

The filters learn by an objective (`objectives`) from crops of free pictures (`pictures`, `crops`). A run that
was interrupted goes on from its last checkpoint in the folder, to the same filters; the caffemodel is written
there at the end, each filter scaled to a mean response of 1.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path
from typing import Any, Dict, Optional

import torch
from crops import bank_of
from network import Strokenet, export, settle
from objectives import OBJECTIVES
from pictures import drawings, photographs

SAVE_EVERY = 100


def train(
    folder: Path,
    bank: torch.Tensor,
    objective: str = "contrast",
    steps: int = 900,
    batch: int = 32,
    rate: float = 1e-3,
    seed: int = 0,
    stop_at: Optional[int] = None,
) -> Strokenet:
    """Train, or go on training; return the model.

    Parameters
    ----------
    folder : Path
        For ``checkpoint.pt``; one that is there is continued.
    bank : Tensor, (N, 3, BANK, BANK)
        Pictures, of `crops.bank_of`.
    objective : str
        One of OBJECTIVES.
    steps : int
        Of AdamW.
    batch : int
        Pairs of crops a step.
    rate : float
        Learning rate at the start; it falls to 0 by a half cosine.
    seed : int
        Of everything.
    stop_at : int, optional
        Leave after this step, as an interruption would.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    torch.manual_seed(seed)
    model = Strokenet().to(memory_format=torch.channels_last)
    goal = OBJECTIVES[objective]()
    optimiser = torch.optim.AdamW(
        [*model.parameters(), *goal.parameters()], rate, weight_decay=1e-4
    )
    done, seconds, loss = 0, 0.0, math.nan
    run = [objective, steps, batch, rate, seed, len(bank)]
    if checkpoint.is_file():
        state = torch.load(checkpoint)
        if state["run"] != run:
            raise SystemExit(
                "%s is of another run, %s: choose another folder" % (checkpoint, state["run"])
            )
        done, seconds, loss = state["step"], state["seconds"], state["loss"]
        for part, name in ((model, "model"), (goal, "goal"), (optimiser, "optimiser")):
            part.load_state_dict(state[name])
    begun = time.time() - seconds
    for step in range(done, steps if stop_at is None else stop_at):
        # Each step has its own generator: a resumed run draws what an uninterrupted one does.
        rng = torch.Generator().manual_seed(seed * 1000003 + step + 1)
        for group in optimiser.param_groups:
            group["lr"] = (
                rate * min(1, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * step / steps))
            )
        value = goal(model, bank, batch, rng)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        loss = value.item() if math.isnan(loss) else 0.98 * loss + 0.02 * value.item()
        if (step + 1) % SAVE_EVERY == 0 or step + 1 in (steps, stop_at):
            seconds = time.time() - begun
            parts = {"model": model, "goal": goal, "optimiser": optimiser}
            state = {name: part.state_dict() for name, part in parts.items()}
            _save(
                {**state, "run": run, "step": step + 1, "seconds": seconds, "loss": loss},
                checkpoint,
            )
            print("step %d of %d: loss %.3f, %.0f s" % (step + 1, steps, loss, seconds), flush=True)
    return model


def _save(state: Dict[str, Any], path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def write_caffemodel(model: Strokenet, bank: torch.Tensor, path: Path) -> None:
    """Settle the filters' statistics over the bank, export, save."""
    import caffe_style.engine as caffe
    from caffe_style.networks.resources import folder

    settle(model, bank)
    net = caffe.Net(str(folder("prototxt") / "strokenet.prototxt"), caffe.TEST)
    export(model, bank_of(photographs(), 1, 0), net)
    net.save(str(path))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--folder", type=Path, required=True, help="for checkpoints and the caffemodel")
    add("--objective", choices=sorted(OBJECTIVES), default="contrast")
    add("--steps", type=int, default=900)
    add("--batch", type=int, default=32)
    add("--drawn", type=int, default=160)
    add("--views", type=int, default=10)
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=2)
    args = vars(parser.parse_args())
    torch.set_num_threads(args.pop("threads"))
    views, drawn, seed = args.pop("views"), args.pop("drawn"), args["seed"]
    bank = torch.cat([bank_of(photographs(), views, seed), bank_of(drawings(drawn, seed), 1, seed)])
    model = train(bank=bank, **args)
    write_caffemodel(model, bank, args["folder"] / "strokenet.caffemodel")


if __name__ == "__main__":
    main()
