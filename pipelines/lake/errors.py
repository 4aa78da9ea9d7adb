"""The two ways a command can end badly; the sentence in each says what to do next."""


class TesseraError(Exception):
    """A failure a person can act on; `exit_code` is the code the command line ends with."""

    exit_code = 2
    run_id: str | None = None  # of the run that failed


class ContractBroken(TesseraError):
    """Data does not keep what its table or source promises: repeating the run will not help."""

    exit_code = 1


class CannotRun(TesseraError):
    """Something outside the data is missing or wrong: a path, a setting, a store, a network."""

    exit_code = 2


class Rejected(Exception):
    """One item that cannot be made into a row: `reason` is a short code, `detail` a sentence for its owner.

    Not a failure of the run: whoever takes items in turns it into a row of `rejects` and goes on.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail
