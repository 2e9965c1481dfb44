"""What torchrun's environment, `PET_*`, says of the hosts of a training. PyTorch is not imported: it takes a second."""

import os


def has_several_hosts() -> bool:
    """Whether `PET_NNODES` names more than one."""
    return os.environ.get("PET_NNODES", "1") not in ("", "1", "1:1")


def main_host() -> str:
    """Where host 0 is reached."""
    return os.environ.get("PET_MASTER_ADDR", "127.0.0.1")
