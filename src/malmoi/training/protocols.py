"""The contract between a task and the training loop lives in `malmoi.objective`."""

from malmoi.objective import Batch, Loss, Task

__all__ = ["Batch", "Loss", "Task"]
