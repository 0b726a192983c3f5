"""What lm-evaluation-harness itself answers to MMLU's questions in local CSV files (README.md beside this folder).

python harness.py MODEL FOLDER OUT.json [--shots 1] [--limit N] [--tasks mmlu]

FOLDER holds dev/ and test/. Needs lm_eval (0.4.13) with its Hugging Face model, and torch, transformers and datasets.
The harness does all but the loading of rows: tasks, prompts, requests, tokens, log-likelihoods, choices, standard errors.
"""

import argparse
import csv
import json
import pathlib

import datasets

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("out")
parser.add_argument("--shots", type=int, default=1)
parser.add_argument("--limit", type=int)
parser.add_argument("--tasks", default="mmlu")
args = parser.parse_args()

FEATURES = datasets.Features(
    question=datasets.Value("string"),
    subject=datasets.Value("string"),
    choices=datasets.Sequence(datasets.Value("string")),
    answer=datasets.ClassLabel(names=list("ABCD")),
)


def rows(subject, split):
    with open(args.folder / split / f"{subject}_{split}.csv", newline="", encoding="utf-8") as file:
        for question, *choices, answer in csv.reader(file):
            yield dict(question=question, subject=subject, choices=choices, answer="ABCD".index(answer))


def load_dataset(path, name, **_):
    assert path == "cais/mmlu", path
    splits = {split: list(rows(name, split)) for split in ("dev", "test")}
    return datasets.DatasetDict(
        {split: datasets.Dataset.from_list(found, features=FEATURES) for split, found in splits.items()}
    )


datasets.load_dataset = load_dataset

from lm_eval import evaluator  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402

options = {}
if not (pathlib.Path(args.model) / "tokenizer_config.json").exists():
    # stories260K has a tokenizer.json alone, which does not say which tokens are special
    names = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    options["tokenizer"] = PreTrainedTokenizerFast(tokenizer_file=f"{args.model}/tokenizer.json", **names)
model = HFLM(pretrained=args.model, dtype="float32", device="cpu", batch_size=8, **options)
found = evaluator.simple_evaluate(
    model=model, tasks=args.tasks.split(","), num_fewshot=args.shots, limit=args.limit, log_samples=True
)


def of(metric):
    return {name.removeprefix("mmlu_"): result[metric] for name, result in found["results"].items()}


samples = []
for task, asked in sorted(found["samples"].items()):
    for sample in asked:
        values = [response[0][0] for response in sample["resps"]]
        chosen = "ABCD"[max(range(4), key=values.__getitem__)]
        rounded = [round(float(value), 7) for value in values]
        subject = task.removeprefix("mmlu_")
        samples.append(dict(subject=subject, row=sample["doc_id"], chosen=chosen, correct=bool(sample["acc"]), logLikelihoods=rounded))

with open(args.out, "w", encoding="utf-8") as file:
    json.dump(dict(accuracy=of("acc,none"), standardError=of("acc_stderr,none"), rows=samples), file, default=float)
