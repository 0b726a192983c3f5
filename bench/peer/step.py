"""A careful PyTorch training loop, the other side of the step benchmark. No part of Outright needs it.

Reads its work and requests as JSON lines and answers each with one, as workers/step.ts does. What it does to be
fast: one padded batch a step (or micro-batches of examples sorted by length), padding on the right so that causal
attention needs no mask and scaled-dot-product attention takes its fastest kernel, only scored positions through the
head, chosen and rejected answers in one forward pass, reference log-probs computed once, fused AdamW, gradients set
to none, one wait for a GPU in each micro-batch at most. The allocator is chosen by the environment that starts it (lib/peer.ts).
"""

import json
import os
import sys
import time

requests, answers = sys.stdin, os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is not an answer


def answer(**reply):
    answers.write(json.dumps(reply) + "\n")
    answers.flush()


def peak_rss_bytes():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    import resource

    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class Loop:
    def __init__(self, work):
        import torch
        import transformers

        self.torch, self.work = torch, work
        self.device = torch.device("cuda" if work["device"].startswith("cuda") else "cpu")
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise ImportError("this torch finds no GPU")
        torch.set_num_threads(work["threads"] or os.cpu_count())
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            work["model"], dtype=torch.float32, attn_implementation="sdpa"
        ).to(self.device)
        model.train()
        if work.get("lora"):
            import peft

            lora = work["lora"]
            model = peft.get_peft_model(
                model,
                peft.LoraConfig(r=lora["rank"], lora_alpha=lora["alpha"], target_modules=lora["targets"], task_type="CAUSAL_LM"),
            )
        self.model = model
        self.core = model.get_base_model() if work.get("lora") else model
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        settings = dict(lr=work["lr"], betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0)
        try:
            self.optimizer = torch.optim.AdamW(self.parameters, fused=True, **settings)
            update = "fused AdamW"
        except RuntimeError:
            self.optimizer = torch.optim.AdamW(self.parameters, foreach=True, **settings)
            update = "foreach AdamW"
        with open(work["rows"]) as file:
            rows = json.load(file)
        self.sft, self.dpo = rows["sft"], rows["dpo"]
        self.batches = max(1, len(self.sft) // work["batch"])
        self.reference = [] if work["kind"] == "sft" else self.pair_logprobs()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        allocator = os.path.basename(os.environ.get("LD_PRELOAD", "")) or os.environ.get("BENCH_ALLOCATOR", "malloc as it is")
        self.description = (
            f"torch {torch.__version__}, transformers {transformers.__version__}, {self.place()}, "
            f"{update}, {allocator}, micro-batches of {work['micro'] or work['batch']}"
        )

    def place(self):
        if self.device.type == "cuda":
            return self.torch.cuda.get_device_name(self.device)
        return f"{self.torch.get_num_threads()} threads"

    def token_logprobs(self, sequences):
        """Log-probs in float32 of the answers of (context, answer) sequences, end to end, and their lengths."""
        torch = self.torch
        width = max(len(context) + len(reply) - 1 for context, reply in sequences)
        ids = torch.zeros((len(sequences), width), dtype=torch.long)
        scored, targets = [], []
        for row, (context, reply) in enumerate(sequences):
            tokens = context + reply[:-1]
            ids[row, : len(tokens)] = torch.tensor(tokens)
            first = row * width + len(context) - 1
            scored.append(torch.arange(first, first + len(reply)))
            targets += reply
        bf16 = self.work["dtype"] == "bfloat16"
        ids, scored, targets = (x.to(self.device) for x in (ids, torch.cat(scored), torch.tensor(targets)))
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16):
            hidden = self.core.base_model(input_ids=ids, use_cache=False).last_hidden_state
            logits = self.core.get_output_embeddings()(hidden.reshape(-1, hidden.shape[-1])[scored])
        logprobs = -torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
        return logprobs, [len(reply) for _, reply in sequences]

    def pair_sums(self, pairs):
        """(chosen, rejected) log-probs, both answers of all pairs in one forward pass."""
        both = [(p["prompt"], p["chosen"]) for p in pairs] + [(p["prompt"], p["rejected"]) for p in pairs]
        logprobs, lengths = self.token_logprobs(both)
        sums = self.torch.stack([part.sum() for part in logprobs.split(lengths)])
        return sums[: len(pairs)], sums[len(pairs) :]

    def pair_logprobs(self):
        batch = self.work["batch"]
        with self.torch.no_grad():
            parts = [self.pair_sums(self.dpo[at : at + batch]) for at in range(0, len(self.dpo), batch)]
        return [(c.item(), r.item()) for chosen, rejected in parts for c, r in zip(chosen, rejected)]

    def micro_batches(self, indices, length):
        size = self.work["micro"] or len(indices)
        indices = sorted(indices, key=length)
        return [indices[at : at + size] for at in range(0, len(indices), size)]

    def indices(self, step):
        first = step % self.batches * self.work["batch"]
        return range(first, first + self.work["batch"])

    def run_sft(self, step, weight):
        rows, loss = self.sft, 0.0
        indices = self.indices(step)
        tokens = sum(len(rows[i]["response"]) for i in indices)
        for part in self.micro_batches(indices, lambda i: len(rows[i]["prompt"]) + len(rows[i]["response"])):
            logprobs, _ = self.token_logprobs([(rows[i]["prompt"], rows[i]["response"]) for i in part])
            mean = -logprobs.sum() / tokens
            (weight * mean).backward()
            loss += mean.item()
        return loss

    def run_dpo(self, step, weight):
        torch, rows, loss = self.torch, self.dpo, 0.0
        indices = self.indices(step)
        longest = lambda i: len(rows[i]["prompt"]) + max(len(rows[i]["chosen"]), len(rows[i]["rejected"]))
        for part in self.micro_batches(indices, longest):
            chosen, rejected = self.pair_sums([rows[i] for i in part])
            reference = torch.tensor([self.reference[i] for i in part], device=self.device)
            margin = self.work["beta"] * ((chosen - reference[:, 0]) - (rejected - reference[:, 1]))
            mean = -torch.nn.functional.logsigmoid(margin).sum() / len(indices)
            (weight * mean).backward()
            loss += mean.item()
        return loss

    def step(self, index):
        self.optimizer.zero_grad(set_to_none=True)
        kind = self.work["kind"]
        if kind == "mix":
            loss = 0.5 * self.run_sft(index, 0.5) + 0.5 * self.run_dpo(index, 0.5)
        else:
            loss = self.run_sft(index, 1.0) if kind == "sft" else self.run_dpo(index, 1.0)
        self.torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()
        return loss

    def end(self):
        reply = dict(peakRssBytes=peak_rss_bytes())
        if self.device.type == "cuda":
            reply["devicePeakBytes"] = self.torch.cuda.max_memory_allocated(self.device)
        return reply


def main():
    loop = None
    for line in requests:
        request = json.loads(line)
        if "work" in request:
            try:
                loop = Loop(request["work"])
            except ImportError as error:
                answer(unavailable=str(error))
                continue
            answer(**{"with": loop.description})
        elif "step" in request:
            begun = time.perf_counter()
            loss = loop.step(request["step"])
            answer(seconds=time.perf_counter() - begun, loss=loss)
        else:
            answer(**loop.end())


main()
