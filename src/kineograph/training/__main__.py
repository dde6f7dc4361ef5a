"""Train on many devices: `torchrun -m kineograph.training RECIPE` (docs/scale.md)."""

from kineograph.cli import main
from kineograph.cli.train_spread import app

main(command=app)
