# SPDX-License-Identifier: MIT
"""Checks the files of examples/bulk. Started by run.sh."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

EXAMPLES = pathlib.Path("examples/bulk")
VERSIONS = ["1.29", "1.33", kubernetes_validate.latest_version()]
ROWS = 30
passed = failed = 0


def check(name, problem=None):
    """Counts one check; `problem` says why it failed."""
    global passed, failed
    if problem:
        failed += 1
        print(f"not ok {passed + failed} - {name}\n# {problem}")
    else:
        passed += 1
        print(f"ok {passed + failed} - {name}")


def read(name):
    return yaml.safe_load((EXAMPLES / name).read_text())


def run(command, environment=None):
    """Runs a command; returns why it failed, or None."""
    done = subprocess.run(command, env={**os.environ, **(environment or {})}, timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        return f"exit status {done.returncode}: {done.stderr.strip()}"
    return None


def problem_of_answers(path):
    """Returns what is wrong with a merged output, or None."""
    lines = [json.loads(line)["line"] for line in path.read_text().splitlines()]
    if sorted(lines) != list(range(1, ROWS + 1)):
        return f"the lines of the answers are {sorted(lines)}"
    return None


def write_questions(folder):
    text = "".join(json.dumps({"prompt": f"Question {i}?"}) + "\n" for i in range(ROWS))
    (folder / "questions.jsonl").write_text(text)


def container(job):
    return job["spec"]["template"]["spec"]["containers"][0]


def check_schemas():
    for name in ("job.yaml", "merge-job.yaml"):
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(read(name), version, strict=True)
                check(f"{name} is valid in Kubernetes {version}")
            except kubernetes_validate.ValidationError as error:
                where = ".".join(map(str, error.path))
                check(f"{name} is valid in Kubernetes {version}", f"{where}: {error.message}")


def check_rules():
    """Checks rules of Jobs that their schema does not have."""
    spec = read("job.yaml")["spec"]
    count = re.search(r"--shard=auto/(\d+)", " ".join(container(read("job.yaml"))["args"]))
    problem = None
    if not count or int(count[1]) != spec["completions"]:
        problem = "--shard=auto/N and completions differ"
    elif spec["parallelism"] > spec["completions"]:
        problem = "parallelism is above completions"
    elif spec["completionMode"] != "Indexed":
        problem = "without completionMode Indexed, pods have no numbers"
    elif spec["template"]["spec"]["restartPolicy"] != "Never":
        problem = "podFailurePolicy and backoffLimitPerIndex need restartPolicy Never"
    check("job.yaml has one pod for each shard", problem)


def check_pods():
    """Runs what the pods would run, with the folder of the volume replaced."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_questions(folder)

        def run_pod(manifest, environment=None):
            pod = container(read(manifest))
            command = pod["command"] + [word.replace("/data", name) for word in pod["args"]]
            return run(command, environment)

        problem = None
        for index in range(read("job.yaml")["spec"]["completions"]):
            problem = problem or run_pod("job.yaml", {"JOB_COMPLETION_INDEX": str(index)})
        check("the pods of job.yaml answer the rows", problem)
        problem = run_pod("merge-job.yaml")
        check("the pod of merge-job.yaml joins the answers",
              problem or problem_of_answers(folder / "answers.jsonl"))


def check_slurm():
    """Runs the tasks of the Slurm script, with the variables that Slurm sets."""
    script = EXAMPLES / "slurm.sh"
    array = re.search(r"^#SBATCH --array=(\d+)-(\d+)$", script.read_text(), re.M)
    first, last = int(array[1]), int(array[2])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_questions(folder)
        (folder / "token").write_text("a-token-for-tests\n")
        problem = None
        for task in range(first, last + 1):
            variables = {"ID": task, "MIN": first, "MAX": last, "STEP": 1,
                         "COUNT": last - first + 1}
            environment = {f"SLURM_ARRAY_TASK_{k}": str(v) for k, v in variables.items()}
            environment["PREDIBASE_TOKEN_FILE"] = str(folder / "token")
            problem = problem or run(
                ["sh", str(script), str(folder / "questions.jsonl"), str(folder / "answers.jsonl"),
                 "--max-new-tokens=20", "--allow-plain-http"], environment)
        check("the tasks of slurm.sh answer the rows", problem)
        problem = run(["predibase", "batch", "merge", str(folder / "answers.jsonl"),
                       "--input", str(folder / "questions.jsonl")])
        check("their answers can be joined",
              problem or problem_of_answers(folder / "answers.jsonl"))


def check_docs():
    """Checks that docs/bulk.md quotes the files as they are, without the line of the licence."""
    text = pathlib.Path("docs/bulk.md").read_text()
    for name in ("slurm.sh", "job.yaml"):
        quoted = (EXAMPLES / name).read_text().replace("# SPDX-License-Identifier: MIT\n", "")
        check(f"docs/bulk.md quotes {name}",
              None if quoted in text else "its text is not in docs/bulk.md")


check_schemas()
check_rules()
check_pods()
check_slurm()
check_docs()
print(f"1..{passed + failed}\n{passed} passed, {failed} failed")
sys.exit(failed > 0)
