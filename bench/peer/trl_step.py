"""TRL's trainers with their defaults as a side of the step benchmark: what a user has without tuning anything.

Speaks the protocol of step.py. Ids reach TRL as words ("t17") of a tokenizer made for it, so that its own preparation
of the data runs. A step is what lies between the trainer's on_step_begin and on_step_end: the batch is collated before.
"""

import json
import os
import sys
import time

requests, answers = sys.stdin, os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def answer(**reply):
    answers.write(json.dumps(reply) + "\n")
    answers.flush()


def peak_rss_bytes():
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def make_tokenizer(vocabulary):
    import tokenizers
    import transformers

    model = tokenizers.models.WordLevel({f"t{i}": i for i in range(vocabulary)}, unk_token="t1")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="t0", pad_token="t0", unk_token="t1")


def words(ids, end=False):
    text = " ".join(f"t{i}" for i in ids)
    return text if not end or ids[-1] == 0 else text + " t0"


def run(work):
    import datasets
    import torch
    import transformers
    import trl

    on_gpu = work["device"].startswith("cuda")
    if on_gpu and not torch.cuda.is_available():
        raise ImportError("this torch finds no GPU")
    torch.set_num_threads(work["threads"] or os.cpu_count())
    micro = work.get("micro") or work["batch"]
    with open(work["rows"]) as file:
        rows = json.load(file)
    config = transformers.AutoConfig.from_pretrained(work["model"])
    settings = dict(
        output_dir=os.path.join(os.path.dirname(work["rows"]), "trl"),
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=work["batch"] // micro,
        learning_rate=work["lr"],
        max_steps=10**6,
        use_cpu=not on_gpu,
        bf16=work["dtype"] == "bfloat16",
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    if work["kind"] == "sft":
        Trainer, arguments = trl.SFTTrainer, trl.SFTConfig(**settings)
        data = [{"prompt": words(r["prompt"]), "completion": " " + words(r["response"], True)} for r in rows["sft"]]
    else:
        Trainer, arguments = trl.DPOTrainer, trl.DPOConfig(beta=work["beta"], **settings)
        data = [
            {"prompt": words(r["prompt"]), "chosen": " " + words(r["chosen"], True), "rejected": " " + words(r["rejected"], True)}
            for r in rows["dpo"]
        ]

    class InOrder(Trainer):
        losses = []

        def _get_train_sampler(self, *_):
            return torch.utils.data.SequentialSampler(self.train_dataset)

        def training_step(self, *arguments, **more):
            result = super().training_step(*arguments, **more)
            self.losses.append(result.detach())
            return result

    class Turns(transformers.TrainerCallback):
        begun = None

        def on_step_begin(self, *_, **__):
            line = requests.readline()
            if not line or "end" in json.loads(line):
                reply = dict(peakRssBytes=peak_rss_bytes())
                if on_gpu:
                    reply["devicePeakBytes"] = torch.cuda.max_memory_allocated()
                answer(**reply)
                os._exit(0)
            trainer.losses.clear()
            self.begun = time.perf_counter()

        def on_step_end(self, *_, **__):
            # the trainer divides each part's loss by the number of parts
            loss = sum(part.item() for part in trainer.losses)
            if on_gpu:
                torch.cuda.synchronize()
            answer(seconds=time.perf_counter() - self.begun, loss=loss)

    model = transformers.AutoModelForCausalLM.from_pretrained(work["model"], dtype=torch.float32)
    trainer = InOrder(
        model=model,
        args=arguments,
        train_dataset=datasets.Dataset.from_list(data),
        processing_class=make_tokenizer(config.vocab_size),
        callbacks=[Turns()],
    )
    place = torch.cuda.get_device_name() if on_gpu else f"{torch.get_num_threads()} threads"
    if micro != work["batch"]:
        place += f", micro-batches of {micro}"
    answer(**{"with": f"TRL {trl.__version__}, torch {torch.__version__}, its defaults, {place}"})
    trainer.train()


request = json.loads(requests.readline())
try:
    run(request["work"])
except ImportError as error:
    answer(unavailable=str(error))
