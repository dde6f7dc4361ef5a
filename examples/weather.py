"""The weather forecaster of the lecture: count yesterday → today, then forecast.

Run: python examples/weather.py
The same of a file: kineograph chain DAYS.csv --predict 5
"""

import numpy as np
import torch

from kineograph.sequence.markov import fit, from_matrix

STATES = ["cloudy", "rainy", "sunny"]
TRUTH = np.array(
    [[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.2, 0.1, 0.7]]
)  # row: today, column: tomorrow

nature = from_matrix(STATES, TRUTH)
days = list(nature.sample(3_000, torch.Generator().manual_seed(7), start=["sunny"]))
print("eight of 3,000 days:", *days[:8])

forecaster = fit([days])
print("counted matrix, true one beside it:")
for state, counted, true in zip(STATES, forecaster.matrix, TRUTH, strict=True):
    print(f"  {state:7}", counted.round(3), true)

print("after a rainy day:")
for ahead, chances in enumerate(forecaster.predict(["rainy"], 4), start=1):
    print(f"  +{ahead}", dict(zip(STATES, chances.round(3).tolist(), strict=True)))

end = forecaster.long_run()
print("in the long run:", dict(zip(STATES, end.shares[0].round(3).tolist(), strict=True)))
print(f"a day's weather says {end.bits[0]:.2f} bits; even chances would say {np.log2(3):.2f}")
