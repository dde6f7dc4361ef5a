"""What can go wrong, as one small tree; each leaf knows the exit code a door returns.

KineographError            1  the run failed
├── InputError             2  bad usage or input: the person can correct it
├── MissingError           3  a model, a dependency or a data set is not there
├── LimitError             4  a resource limit (memory, pixels, frames, time)
└── PolicyError            5  refused by policy

Every message names the field, the value received and the remedy, in one sentence to act on.
"""


class KineographError(Exception):
    """The run failed."""

    exit_code = 1


class InputError(KineographError):
    """Bad usage or input; `field` is the argument to correct, `remedy` what to do about it."""

    exit_code = 2

    def __init__(self, field: str, problem: str, remedy: str = "") -> None:
        self.field, self.problem, self.remedy = field, problem, remedy
        super().__init__(f"{field}: {problem}" + (f"; {remedy}" if remedy else ""))


class MissingError(KineographError):
    """A model, a dependency or a data set is not on this machine."""

    exit_code = 3


class LimitError(KineographError):
    """A resource limit would be passed."""

    exit_code = 4


class PolicyError(KineographError):
    """Refused by policy."""

    exit_code = 5
