"""What would the papers' sizes cost, and how do many machines fail? Counted, fitted, simulated.

`papers.py` has the published models as networks of ours, `cost.py` counts and forecasts a step,
`fleet.py` loses workers. Nothing here trains or runs a large model.
"""
