#!/bin/sh
# SPDX-License-Identifier: MIT
# Answers the rows of a file with the tasks of a Slurm array job. Each task takes every N-th row,
# where N is the number of tasks (--array), and writes OUT.I-of-N.
# usage: sbatch slurm.sh IN OUT [OPTION]...     (the options are those of predibase batch)
# IN and OUT are in a folder that all nodes see. The API token is in a file that only you can read;
# an environment variable would be stored with the job.
#SBATCH --job-name=predibase
#SBATCH --array=0-7
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=1G
#SBATCH --time=12:00:00
#SBATCH --output=predibase-%A_%a.log
#SBATCH --open-mode=append
# When a node fails, its tasks start again elsewhere, and go on where they were.
#SBATCH --requeue
# Two minutes before the time is over: take no more rows, finish those under way.
#SBATCH --signal=B:TERM@120
set -eu
in=$1 out=$2
shift 2
# With exec, the signal reaches predibase and not a shell that waits for it.
exec predibase batch "$in" --out "$out" --shard auto \
  --token-file "${PREDIBASE_TOKEN_FILE:-$HOME/.config/predibase/token}" "$@"
