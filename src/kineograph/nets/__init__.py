"""Networks: they map tensors to tensors and know nothing of noise schedules, loops or files."""
