/** The config that `outright init` writes: every key once, with the defaults, and what it means. */
export const INIT_TEMPLATE = `# Run config of outright. Check it with \`outright train run.yaml --dry-run\`, run it with \`outright train run.yaml\`.
# Relative paths start from this file's folder. Keys that stand with their default may be removed.
# Any key can be set on the command line: --steps 10 --objectives.sft.batch 8
version: 1

model: models/base              # a Hugging Face directory (config.json, *.safetensors, tokenizer.json), or an adapter's
init: pretrained                # pretrained | random (drawn from the seed; config.json and tokenizer.json are enough)
out: runs/first                 # the run's directory: metrics, checkpoints, the final model, the report

# What to train on, by names of your choice. Each objective has data of its own that never ends.
objectives:
  sft:
    kind: sft                   # raise the log-prob of the response
    data: data/instructions.jsonl
    format: alpaca              # alpaca | prompt-response | messages | text
    # heldout: data/heldout.jsonl  # a separate file for evaluation; else a share of data is held out
    # template: alpaca          # plain | clean | alpaca | paper | chat; default: the format's own
    boundary: separate          # separate | joint: prompt and response tokenised apart, or as one text
    batch: 24                   # examples per optimizer step
    loss: token-mean            # token-mean | example-mean
  dpo:
    kind: dpo                   # prefer the chosen answer to the rejected one
    data: data/preferences.jsonl
    format: pairs               # pairs | hh
    batch: 8                    # pairs per optimizer step
    loss: sigmoid               # sigmoid (DPO) | ipo | hinge | robust | mmpo | simpo | orpo
    beta: 0.1                   # what log-ratios to the reference are multiplied by; its default depends on the loss
    nll: 0                      # weight of an added SFT term on the chosen answers; default with orpo: 1
    labelSmoothing: 0           # sigmoid, robust: share of pairs that are the wrong way round
    lengthNormalised: false     # mean log-ratio per token in place of the sum; not for simpo and orpo, which always do so
    # margin: 1                 # simpo: by how much the chosen answer's reward is to be ahead
    # marginScale: 1            # mmpo: targets are sigmoid(marginScale * the \`margin\` of the row)
    reference: initial          # initial (the weights the run starts from) or a model directory; not for simpo and orpo
    identicalPairs: drop        # drop | keep | error: pairs whose two answers are the same

# Low-rank adapters instead of all weights; names as in peft. targets: names, all-linear, or a regular expression.
# lora: { rank: 32, alpha: 32, dropout: 0, targets: [query_key_value], merge: true }  # merge: whole weights in model/ too
# lora: { from: runs/earlier/adapter }  # go on with these adapters

# Which objective trains at each step. lambda weighs dpo, 1 - lambda sft; \`weights: { sft: 1, dpo: 1 }\` takes any number.
policy: { name: alright, lambda: 0.5 }
# policy: { name: mix, lambda: 0.5 }  # backward: apart | together (one pass after all forward passes: more memory, the same gradient)
# policy: { name: maxright, lambda: 0.5, every: 10, gaps: fresh }  # gaps: fresh | smoothed (at no cost)
# policy: { name: sequential, stages: [{ objective: dpo, steps: 500 }, { objective: sft, steps: 500 }], freshOptimizer: true }
# policy: { name: single, objective: sft }

# optima: optima.json           # f* of each objective, as \`outright optima\` measures it
# optima: { sft: 1.4, dpo: { heldout: 0.1, train: 0.08, from: "an earlier run" } }  # a key: there says what it was measured on

steps: 1000                     # optimizer steps
# budget: { tokens: 1000000 }   # or { seconds: 600 }: end at the first step with which so much is spent
seed: 42                        # of shuffles, of the policy's draws, of random weights

maxLength: 2048                 # most tokens of one example
truncate: error                 # error | drop | prompt-left | response-right: what to do with longer ones
order: shuffle                  # shuffle | file (rows in file order, for comparisons)

optimizer:
  name: adamw
  lr: 5.0e-5
  betas: [0.9, 0.95]
  eps: 1.0e-8
  weightDecay: 0
  clip: 1.0                     # largest global gradient norm; 0 = no clipping
  masters: true                 # with bfloat16: float32 masters of the weights; false rounds each update stochastically
schedule:
  name: constant                # constant | linear | cosine
  warmup: 0                     # steps
  minimum: 0                    # where linear and cosine end, as a share of lr

evaluate:
  every: 100                    # steps; 0 = only before the first and after the last
  rows: 500                     # most held-out rows of each objective
  holdout: 0.03                 # share of data held out of training
  # splitSeed: 1                # by which rows are held out; default: seed
  trainRows: 0                  # training rows of each objective that are evaluated too
  kl: 64                        # held-out tokens of each objective on which KL(base || trained) is measured; 0 = none
  # text: data/text.txt         # plain text on which it is measured too
checkpoint:
  every: 500                    # steps; 0 = only at the end and when stopped
  keep: 2

device: auto                    # auto | cpu | cuda | cuda:N; only auto falls back
dtype: float32                  # float32 | bfloat16: of weights and activations
threads: 0                      # 0 = one per physical core
tokensPerMicroBatch: auto       # tokens that go through the model at once; less saves memory
recompute: none                 # none | attention | block: computed again in the backward pass; saves memory, costs time, changes no bit
headCache: 128                  # MiB that the output head keeps for the backward pass; 0 = none, computes it again
`;
