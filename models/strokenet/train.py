"""Trains strokenet, from pictures to caffemodel, on a processor.

    pip install -e ".[train]"
    python models/strokenet/train.py --folder FOLDER --packages FOLDER

The filters learn to respond as SqueezeNet's do (`teacher`, `distillation`) on crops of free pictures
(`pictures`, `crops`) and on small pictures that they paint meanwhile (`painting`). A run that was interrupted
goes on from its last checkpoint in the folder, to the same filters; it may be given fewer steps than before.
The caffemodel is written there at the end, each filter scaled to a mean response of 1.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch
from crops import CROP, bank_of, crops
from distillation import PAIRS, Distillation
from network import Strokenet, export, to_input
from painting import paint
from pictures import drawings, of_packages, photographs
from teacher import Teacher

SAVE_EVERY = 100
#: Every so many steps, this many pictures are painted; of the latest PAINTED, a quarter of a batch is drawn.
PAINT_EVERY, PAINT, PAINTED = 200, 8, 48


def train(
    folder: Path,
    bank: torch.Tensor,
    teacher: Teacher,
    steps: int = 3200,
    batch: int = 4,
    rate: float = 3e-3,
    seed: int = 0,
    stop_at: Optional[int] = None,
) -> Strokenet:
    """Train, or go on training; return the model.

    Parameters
    ----------
    folder : Path
        For ``checkpoint.pt``; one that is there is continued.
    bank : Tensor, (N, SQUARE, SQUARE, 3)
        Pictures, of `crops.bank_of`.
    teacher : Teacher
    steps : int
        Of AdamW. In the last fifth the learning rate falls to 0 and normalisation no longer changes; until
        then nothing depends on their number, so that a run that is continued may be given fewer.
    batch : int
        Crops a step.
    rate : float
        Learning rate.
    seed : int
        Of everything.
    stop_at : int, optional
        Leave after this step, as an interruption would.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    torch.manual_seed(seed)
    model = Strokenet().to(memory_format=torch.channels_last)
    goal = Distillation(teacher, [crops(bank, batch, _rng(seed, -k)) for k in range(1, 17)])
    optimiser = torch.optim.AdamW(
        [*model.parameters(), *goal.parameters()], rate, weight_decay=1e-4
    )
    painted = torch.empty(0, 3, CROP, CROP)
    done, seconds, errors = 0, 0.0, [1.0] * len(PAIRS)
    run = [batch, rate, seed, list(bank.shape), int(bank.sum(dtype=torch.int64))]
    if checkpoint.is_file():
        state = torch.load(checkpoint)
        if state["run"] != run or state["step"] > steps:
            raise SystemExit(
                "%s is of another run, %s, at step %d: choose another folder"
                % (checkpoint, state["run"], state["step"])
            )
        done, seconds, errors = state["step"], state["seconds"], state["errors"]
        painted = state["painted"]
        for part, name in ((model, "model"), (goal, "goal"), (optimiser, "optimiser")):
            part.load_state_dict(state[name])
    begun = time.time() - seconds
    for step in range(done, steps if stop_at is None else stop_at):
        # Each step has its own generator: a resumed run draws what an uninterrupted one does.
        rng = _rng(seed, step)
        left = min(1.0, (steps - step) / (0.2 * steps))
        model.train(left == 1)
        for group in optimiser.param_groups:
            group["lr"] = rate * left * min(1, (step + 1) / 50)
        if step and step % PAINT_EVERY == 0:
            new = paint(model, crops(bank, PAINT, rng), crops(bank, PAINT, rng), rng)
            painted = torch.cat([painted, new])[-PAINTED:]
        x = crops(bank, batch, rng)
        if len(painted):
            x[: batch // 4] = painted[torch.randint(len(painted), (batch // 4,), generator=rng)]
        values = goal(model, x.contiguous(memory_format=torch.channels_last))
        optimiser.zero_grad()
        torch.stack(values).mean().backward()
        optimiser.step()
        errors = [0.98 * old + 0.02 * new.item() for old, new in zip(errors, values)]
        if (step + 1) % SAVE_EVERY == 0 or step + 1 in (steps, stop_at):
            seconds = time.time() - begun
            parts = {"model": model, "goal": goal, "optimiser": optimiser}
            state = {name: part.state_dict() for name, part in parts.items()}
            state.update(run=run, step=step + 1, seconds=seconds, errors=errors, painted=painted)
            _save(state, checkpoint)
            print(
                "step %d of %d, %.0f s: %s" % (step + 1, steps, seconds, _said(errors)), flush=True
            )
    return model.eval()


def _rng(seed: int, step: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 1000003 + step + 1000)


def _said(errors: List[float]) -> str:
    return ", ".join(
        "%s<%s/%d %.2f" % (ours, theirs, scale, error)
        for (ours, scale, theirs), error in zip(PAIRS, errors)
    )


def _save(state: Dict[str, Any], path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def write_caffemodel(model: Strokenet, path: Path) -> None:
    """Export and save, scaled over scikit-image's photographs."""
    import caffe_style.engine as caffe
    from caffe_style.networks.resources import folder

    net = caffe.Net(str(folder("prototxt") / "strokenet.prototxt"), caffe.TEST)
    export(model, to_input(bank_of(photographs(), 1, 0)), net)
    net.save(str(path))


def main() -> None:
    """The command line."""
    from caffe_style.errors import CaffeStyleError
    from caffe_style.networks import weights, zoo

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--folder", type=Path, required=True, help="for checkpoints and the caffemodel")
    add("--packages", type=Path, required=True, help="Debian's, unpacked: see readme.md")
    add("--teacher", type=Path, help="caffemodel (default: as `models add squeezenet` put it)")
    add("--steps", type=int, default=3200)
    add("--batch", type=int, default=4)
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    squeezenet = zoo.get_model("squeezenet")
    caffemodel = args.teacher or weights.weights_path(squeezenet)
    if caffemodel is None:
        raise SystemExit(weights.how_to_get(squeezenet))
    try:
        found = of_packages(args.packages)
    except (CaffeStyleError, OSError) as error:
        raise SystemExit("%s: readme.md says how to get the packages" % error) from None
    bank = torch.cat(
        [
            bank_of(found + photographs(), 40, args.seed),
            bank_of(drawings(400, args.seed), 1, args.seed),
        ]
    )
    model = train(args.folder, bank, Teacher(caffemodel), args.steps, args.batch, seed=args.seed)
    write_caffemodel(model, args.folder / "strokenet.caffemodel")


if __name__ == "__main__":
    main()
