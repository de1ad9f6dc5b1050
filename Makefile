# Every target is a command that a person would type; CI calls the same ones.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
UV ?= testbed/uv
RUN := $(UV) run --frozen --all-extras
KUBECONFIG_FILE ?= .testbed/kubeconfig
PROFILE ?= self-hosted
TESTBED ?= netns
DEBIAN ?= 12
SHAPE ?= step
IMAGES ?= all

.PHONY: help
help: ## show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: ## install what the project itself needs, into .venv
	@$(UV) sync --frozen --all-extras --compile-bytecode --quiet

.PHONY: fmt lint type test test-wheel test-stock check oracles
fmt: install ## format the code
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

lint: install ## style, as the tools see it
	$(RUN) ruff format --check .
	$(RUN) ruff check .

type: install ## types
	$(RUN) mypy .

test: install ## our own code: no cluster, no root, no network
	$(RUN) pytest tests -m "not cluster and not oracle and not wheel" -n 4 --dist loadfile

test-wheel: install ## the wheel in fresh environments and an empty folder, with the oldest and the newest Python here
	$(RUN) pytest tests -m wheel

oracles: install ## our rules beside the programs whose rules they are: kubectl, Kubernetes, Prometheus (builds them)
	$(RUN) pytest tests -m oracle

test-stock: install ## make test on a fresh Debian with nothing else (root); DEBIAN=13, DEMO=1 for make demo
	$(RUN) python -m testbed.stock --debian $(DEBIAN) $(if $(DEMO),--demo) $(if $(CACHE),--cache $(CACHE))

check: lint type spec-check ## everything that needs no test to run

.PHONY: spec-check plan
spec-check: install ## each spec file is valid, and the editor's schema is current
	$(RUN) python -m clusterproof schema --check
	$(RUN) pytest suites --plan --profile self-hosted >/dev/null
	$(RUN) pytest suites --plan --profile cloud >/dev/null
	$(RUN) pytest suites --plan --profile cloud-eu >/dev/null
	$(RUN) pytest suites --plan --profile lab >/dev/null
	$(RUN) pytest suites --plan --profile shop >/dev/null

plan: install ## what would be checked, row by row
	$(RUN) pytest suites --plan --profile $(PROFILE)

.PHONY: demo demo-vm cluster cluster-down cluster-status deploy verify rehearse steady versions minors
.PHONY: test-cluster test-cluster-dates bench figures
demo: cluster deploy verify ## a real cluster with the whole deployment, verified; KUBERNETES=1.35 for another one

# The testbed reads PATIENCE (a factor for every wait, on a slow machine), NODES (5), POLICY
# (nftables or kube-router), KUBERNETES (a minor, as 1.36) and KUBELET (one for the nodes, not newer)
# itself.
cluster: install ## start the local cluster (root, Linux), with NODES nodes; again: repair it
	$(RUN) python -m testbed.cluster up --backend $(TESTBED) --images $(IMAGES)

cluster-down: install ## end it and leave nothing behind
	$(RUN) python -m testbed.cluster down --backend $(TESTBED)

demo-vm: install ## a stock Debian 12 in an emulated machine: two nodes on cgroup v2 and systemd, up and down
	$(RUN) python -m testbed.vm $(if $(PAGE),--page $(PAGE))

cluster-status: install ## how it is
	$(RUN) python -m testbed.cluster status

deploy: install ## the deployment of PROFILE, onto the local cluster: self-hosted, lab, cloud or shop
	$(RUN) python -m testbed.deploy up --profile $(PROFILE)

verify: install ## verify the cluster of KUBECONFIG_FILE against PROFILE
	$(RUN) pytest suites --kubeconfig $(KUBECONFIG_FILE) --profile $(PROFILE)

rehearse: install ## the same, and its operations under load, each put back
	$(RUN) pytest suites --rehearse --kubeconfig $(KUBECONFIG_FILE) --profile $(PROFILE)

versions: install ## the demo on each supported Kubernetes in turn, and docs/versions.md; KUBERNETES=1.36 for one
	$(RUN) python -m testbed.versions $(if $(KUBERNETES),--only $(KUBERNETES)) $(if $(KUBELET),--kubelet $(KUBELET))

minors: install ## the module files of each supported Kubernetes, anew; NEWEST=1 moves to the newest patches
	$(RUN) python -m testbed.minors $(if $(NEWEST),--newest) $(MINOR)

steady: install ## the whole of it three times, and ten times under load: nothing may be green by chance
	$(RUN) python -m testbed.steady --kubeconfig $(KUBECONFIG_FILE)

# In CI a quarter of the slow ones; four commits in a row run them all, in a shallow clone by chance.
SLOW ?= all
test-cluster: cluster deploy ## the tests that need the local cluster and root; SLOW=quarter for a part of the slow ones
	PATH="$$($(RUN) python -m testbed.cluster search-path)" \
	  $(RUN) pytest tests -m cluster --slow $(SLOW) --seed $(SEED) --note-passes

test-cluster-dates: install ## refuse a cluster test that has not passed for 14 days
	$(RUN) pytest tests -m cluster --collect-only -qq --passed-within 14 >/dev/null

bench: install ## what a verification costs: beside bare round trips and kubectl, on a broken router, at scale
	$(RUN) python -m testbed.bench --kubeconfig $(KUBECONFIG_FILE) --broken --simulated 1000,5000

.PHONY: prove prove-sample load load-jobs load-faults load-resample load-chances hpa-lab
prove: install ## show every check red by its own defects, for 40 min; RESUME=1 goes on; ROW=id for one row
	$(RUN) python -m testbed.prove --profile $(PROFILE) $(if $(RESUME),--resume) $(if $(ROW),--row $(ROW),--for-s 2300 --pages $(if $(filter self-hosted,$(PROFILE)),docs,docs/$(PROFILE)))

# Another commit, another sample; the same commit, the same one. A shallow clone, as CI makes it,
# cannot count its commits: there it is by the commit's hash.
SEED ?= $(shell if [ "$$(git rev-parse --is-shallow-repository)" = true ]; \
  then printf '%d' "0x$$(git rev-parse HEAD | cut -c -8)"; else git rev-list --count HEAD; fi)
prove-sample: install ## the same with 16 entries of the catalogue, chosen by SEED
	$(RUN) python -m testbed.prove --profile $(PROFILE) --sample 16 --seed $(SEED)

load: install ## the lab deployment from 3 to 10 to 3 under load, every request accounted for
	$(RUN) python -m testbed.deploy up --profile lab
	$(RUN) python -m clusterproof.load run --kubeconfig $(KUBECONFIG_FILE) --shape $(SHAPE) \
	  --prometheus http://127.0.0.1:19090 \
	  --via "$(abspath .venv)/bin/python -m testbed.cluster enter cp-load -- chrt --rr 10"

load-jobs: install ## the Jobs of deploy/load in the local cluster, a master and three workers, to their verdict
	$(RUN) python -m testbed.loadjobs

# FOLDERS: of runs that passed, each with its files.
FOLDERS ?= reports/load
load-resample: install ## how often a healthy load run would not have passed: 1,000 drawn again from FOLDERS
	$(RUN) python -m loadtests.resample $(FOLDERS)

load-chances: install ## how often the judges of a load are right: 1,000 healthy runs and 200 faults of each link, generated
	$(RUN) python -m loadtests.generated

hpa-lab: install ## the HPA model against the real controller: 60 usage curves, played by kwok (no cluster)
	$(RUN) python -m loadtests.hpa_lab

load-faults: install ## each seeded fault of a load run gets the link that it breaks, three times of three
	$(RUN) python -m loadtests.prove_faults --times 3

# Figures of a run of minutes to hours only when named: FIGURES=by-hand,fault-matrix or FIGURES=all.
figures: install ## run the commands behind the figures of the pages, and rewrite the pages
	$(RUN) python -m testbed.figures --run "$(FIGURES)"

.PHONY: nightly nightly-rehearsal
nightly: install ## the nightly job of deploy/nightly, on the local cluster, now; OVERLAY=full for every row
	$(RUN) python -m testbed.nightly run --overlay $(or $(OVERLAY),read-only)

nightly-rehearsal: install ## a passing night, a seeded defect, the alert and the message, and the mending
	$(RUN) python -m testbed.nightly rehearse

.PHONY: init-coverage
init-coverage: install ## what `clusterproof init` covers of manifest sets in the shapes of published charts (no cluster)
	nice -n 10 $(RUN) python -m testbed.published --page docs/INIT.md

.PHONY: oracle-kubeconfig
CASES ?= 250
# Sets of files; another seed, other ones; MUTANTS=1 spoils our rules one by one, and each must be noticed.
oracle-kubeconfig: install ## generated kubeconfigs to kubectl and to us: the same server, as the same user (no cluster)
	$(RUN) python -m testbed.oracles.kubeconfig --cases $(CASES) --seed $(or $(SEED_OF_CASES),20261126) \
	  $(if $(MUTANTS),--mutants)

.PHONY: oracle-mutants
oracle-mutants: install ## our rules, changed by mutmut in every way: which changes the cases of an oracle notice alone
	nice -n 10 $(RUN) --group mutation python -m testbed.oracles.mutants

.PHONY: policies
policies: install ## 30,000 packets under NetworkPolicies on the running cluster's engine, and docs/POLICIES.md (root)
	$(RUN) python -m testbed.oracles.policies --pages docs

.PHONY: test-policies
test-policies: export POLICY = kube-router
test-policies: install ## the table of NetworkPolicies and some of chance on a cluster of its own, enforced by kube-router (root)
	$(RUN) python -m testbed.cluster up --images system
	$(RUN) python -m testbed.oracles.policies --generated 4 && code=0 || code=$$?; \
	  $(RUN) python -m testbed.cluster down && exit $$code

.PHONY: compare causes mutate
compare: install ## static tools on the same defects, beside our proof (no cluster)
	$(RUN) python -m testbed.compare --pages docs

causes: install ## how often the first cause of a defect's red rows is the defect, and its signatures (no cluster)
	$(RUN) python -m testbed.causes --write --page docs/CAUSES.md

mutate: install ## mutation testing of the pure core; goes on where it ended, and tries again what lived
	$(RUN) --group mutation python -m testbed.mutate --again

.PHONY: docs sbom release
docs: install ## the documentation as a site, in site/; no link in it may be broken
	$(RUN) --group docs python -m testbed.docs build

sbom: install ## what an installation holds, as CycloneDX, in dist/
	$(RUN) --group release python -m testbed.release --sbom

release: install ## wheel, chart, what the images are built of, and SBOM, in dist/; each checked
	$(RUN) --group release python -m testbed.release

.PHONY: clean
clean: ## remove what tools left in the checkout (not the cluster)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build site
