"""How a network is trained: the loop and its exact resume, and what several objectives share."""
