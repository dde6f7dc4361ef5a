"""Train on many devices: `torchrun --nproc-per-node 4 -m kineograph.training RECIPE`."""

from kineograph.cli import main
from kineograph.cli.train_spread import app

main(command=app)
