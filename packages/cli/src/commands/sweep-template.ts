/** The config that `outright sweep --init` writes: every key once, with the defaults, and what it means. */
export const SWEEP_TEMPLATE = `# Sweep config of outright: methods × λ × seeds from one run config. List the runs with \`outright sweep sweep.yaml --dry-run\`,
# train them with \`outright sweep sweep.yaml\`: it may be stopped and killed, the same command goes on.
version: 1

run: run.yaml                   # model, data, optimizer, evaluate: all that the runs share; its policy, steps, seed and out are replaced
set: {}                         # keys of it to replace for all runs, as { optimizer.lr: 1.0e-4 }
out: runs/sweep                 # the sweep's directory: runs, results.jsonl, results.csv, summary.json, report.html

# What is compared. { name: maxright, every: [1, 10, 100], lambdas: [0.5] } gives a method lambdas, seeds or every of its own.
#   single             each objective alone
#   sequential         one after the other, in both orders; λ is the share of the budget that the preference objective has
#   mix                every step on both;  mix-one-pass: with one backward pass for both, as in the paper (more memory)
#   alright            every step on one, drawn with probability λ
#   maxright           every step on the one with the largest weighted gap; measured every K steps
#   maxright-smoothed  the same with gaps from the training losses, at no cost
#   average            the weighted average of the two models that were trained alone
methods: [sequential, mix, alright, maxright]
lambdas: [0.25, 0.5, 0.75]      # weights of the preference objective
seeds: [1, 2, 3]                # error bars come from them; five are better
every: [10]                     # K of maxright

budget: { steps: 1000 }         # or { tokens: 2000000 } or { seconds: 600 }: what every run may spend. Default: the run config's steps
optima: measure                 # f*: measure (each objective alone, with the first seed), an optima.json, or { sft: 1.4, dpo: 0.1 }
# baseline: sequential-dpo-sft  # what costs are relative to; default: the first sequential curve
keep: models                    # models | nothing: what stays of each run's weights
jobs: 1                         # runs at the same time, each with its share of the threads
`;
