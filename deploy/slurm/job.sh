#!/bin/bash
# One run on the nodes that Slurm gives, from the root of a clone on a file system that all of them share:
#   sbatch --nodes=2 deploy/slurm/job.sh [ARGUMENTS OF dvc repro]
#SBATCH --job-name=fashion-mnist
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
#SBATCH --signal=TERM@30
set -eu

hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
export PET_NNODES=$SLURM_JOB_NUM_NODES PET_MASTER_ADDR=${hosts%%$'\n'*} PET_MASTER_PORT=${PET_MASTER_PORT:-29500}
# Every node runs the same: node 0 DVC, the others its training. A node that fails takes the others with it.
exec srun --kill-on-bad-exit=1 bash -c 'PET_NODE_RANK=$SLURM_NODEID exec .venv/bin/python -m tools.job "$@"' job "$@"
