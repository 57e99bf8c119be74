#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks examples/bulk: the manifests against the schemas of Kubernetes, and what their pods and
# the tasks of the Slurm script would run, against the stand-in server. No cluster is needed.
#   spec/cluster/run.sh
# kubernetes-validate is installed from PyPI into build/cluster-venv. Needs python3 with venv.
# Prints TAP and "N passed, N failed"; the exit status is 0 only when everything passed.
set -eu
cd "$(dirname "$0")/../.."
python=$(sh tools/python-clients.sh spec/cluster)
make -s build
eval "$(make -s env)"
. tools/stand-in.sh
start_stand_in
"$python" spec/cluster/check.py
