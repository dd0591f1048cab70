# berth: builds, tests, measures and installs. Every target does its own set-up.
#
#   make                 build/cni/<type>, build/bin/{berth,berth-core,berth-cni,berth-iptables,berth-firewalld},
#                        build/images/busybox.tar (the image berth/busybox)
#   make demo            two containers' network, made and taken down in a private host
#   make test            the core's tests (FILTER=name for some of them)
#   make test-cli        the berth program as a process
#   make test-page       the page of berth view in a real Chromium (PAGE=--update writes docs/screens anew)
#   make test-engines    podman and containerd on our plugins (PLUGIN_DIR=folder for others), and both beside the reference;
#                        berth doctor beside dockerd, ufw and firewalld
#   make test-containers  berth's own containers: bundles by berth-oci, its daemon by our command and by docker's
#   make test-vm         control groups v2, v1 and both, each in an emulated virtual machine, and containers with limits
#                        there: slow (LAYOUT=v2 for one)
#   make bench           ours beside the distribution's plugins (BENCH=--quick for a smoke run, --readme to publish it,
#                        --only thousand for a part)
#   make bench-lab   the lab's speed against its aims (make bench runs it, too)
#   make bench-runtime   our containers beside docker's and crun's
#   make man             the manual and the shells' completions anew, after a change of a command
#   make lint fuzz clean
#   make install uninstall   [PREFIX=/usr/local] [CNI_BIN_DIR=/opt/cni/bin] [DESTDIR=] [FORCE=1]

PREFIX ?= /usr/local
CNI_BIN_DIR ?= /opt/cni/bin
DESTDIR ?=
FORCE ?=
FILTER ?=
BENCH ?=
PAGE ?=
PLUGIN_DIR ?= $(CURDIR)/build/cni
# The packet filters that test-engines goes through: nftables, iptables-nft, iptables-legacy.
BACKENDS ?= nftables iptables-nft iptables-legacy

# One scratch folder for each set of traits: a change of traits compiles everything again.
CORE_FLAGS = -c release --static-swift-stdlib --disable-local-rpath --disable-default-traits
BERTH_FLAGS = -c release --static-swift-stdlib --disable-local-rpath --product berth --scratch-path .build-berth

.NOTPARALLEL:
.PHONY: all core berth image demo test test-cli test-page test-engines test-containers test-vm test-random soak soak-containers bench bench-runtime fuzz lint install uninstall clean deps man lab-pages test-worlds soak-worlds bench-lab

all: core berth image

deps:
	@scripts/deps

core: deps
	@# SwiftPM does not know that the linker reads it.
	@[ ! scripts/link-order.txt -nt .build/release/berth-core ] || rm -f .build/release/berth-core
	@scripts/static
	swift build $(CORE_FLAGS) --product berth-core
	swift build $(CORE_FLAGS) --product berth-iptables
	swift build $(CORE_FLAGS) --product berth-firewalld
	@scripts/stage core .build/release/berth-core
	@scripts/stage berth-iptables .build/release/berth-iptables
	@scripts/stage berth-firewalld .build/release/berth-firewalld

berth: deps
	@scripts/static
	swift build $(BERTH_FLAGS)
	@scripts/stage berth .build-berth/release/berth

# The image berth/busybox.
image: deps
	@scripts/image

demo: all
	@scripts/deps demo
	@scripts/as-root scripts/demo

test: core
	@scripts/deps test
	swift build --build-tests --disable-default-traits
	@# What the plugins do is tested on each backend; the last run has everything, on nftables.
	@$(if $(FILTER),,failed=0; for backend in iptables-nft iptables-legacy; do echo "== the plugins' tests on $$backend"; \
	    BERTH_TEST_BACKEND=$$backend scripts/as-root swift test --disable-default-traits --skip-build \
	        --filter ConformanceTests || failed=1; done; [ $$failed = 0 ])
	@# The lab's tests take the release's berth where it stands and nothing is newer: it takes a third of the time.
	program=; [ ! -x build/bin/berth ] || [ -n "$$(find Sources Package.swift -newer build/bin/berth -print -quit)" ] || program=$(CURDIR)/build/bin/berth; \
	BERTH_TEST_PROGRAM=$$program scripts/as-root swift test --disable-default-traits --skip-build $(if $(FILTER),--filter '$(FILTER)')

test-cli: all
	@scripts/deps cli
	scripts/as-root Tests/engines/berth
	scripts/as-root Tests/engines/looking
	scripts/as-root Tests/engines/tracing
	scripts/as-root Tests/engines/stories
	scripts/as-root Tests/engines/viewing
	scripts/as-root Tests/engines/schemas
	scripts/as-root Tests/engines/completions
	scripts/as-root Tests/engines/examples

# Everything in network namespaces of its own; the fonts are fonts-dejavu's alone, so pictures are the same everywhere.
test-page: all
	@scripts/deps page
	swift build --package-path Tests/page
	Tests/page/.build/debug/page-tests --berth $(CURDIR)/build/bin/berth $(PAGE)

test-engines: all
	@scripts/deps engines
	@failed=0; for backend in $(BACKENDS); do for test in podman containerd differential; do \
		scripts/as-root Tests/engines/$$test --plugins $(PLUGIN_DIR) --backend $$backend || failed=1; \
	done; done; scripts/as-root Tests/engines/doctor || failed=1; exit $$failed

# berth's own containers: bundles by berth-oci (also under podman and containerd), then its daemon by both clients.
test-containers: all
	@scripts/deps engines runtime
	@failed=0; for test in oci shim docker docker_py tls inside hostile escapes chains containers_faults containers_full appendix; do \
	    scripts/as-root Tests/engines/$$test || failed=1; done; \
	scripts/as-root Tests/engines/shim --executed || failed=1; \
	for client in berth docker; do for test in runtime remap; do \
	    scripts/as-root Tests/engines/$$test --client $$client || failed=1; done; done; \
	for test in containers_kills containers_random; do \
	    scripts/as-root Tests/engines/$$test $(if $(SEED),--seed $(SEED)) || failed=1; done; exit $$failed

# A kill before each thing that daemon, shim and runtime change (in test-containers two or three hundred of them), then random operations on
# containers beside a model, with daemon and shims killed, for an hour (in test-containers it is 2,000).
soak-containers: all
	@scripts/deps engines runtime
	scripts/as-root Tests/engines/containers_kills --every
	scripts/as-root Tests/engines/containers_random --operations 100000000 --seconds 3600 $(if $(SEED),--seed $(SEED))

# KVM is not asked for: the same on every machine, some seven minutes for all.
test-vm: all
	swift build --build-tests --disable-default-traits
	Tests/engines/limits $(if $(LAYOUT),--layout $(LAYOUT))
	Tests/engines/cgroups $(if $(LAYOUT),--layout $(LAYOUT)) --bundle "$$(swift build --show-bin-path --disable-default-traits)/berthPackageTests.xctest"

# 10,000 random operations by 16 workers beside a model, and 4,000 on each iptables; soak is the same for an hour on
# BACKEND. SEED=N repeats their choices.
BACKEND ?= nftables
test-random: all
	@scripts/deps cli
	@for backend in $(BACKENDS); do \
	    case $$backend in nftables) operations=10000 ;; *) operations=4000 ;; esac; \
	    scripts/as-root Tests/engines/random --backend $$backend --operations $$operations \
	        $(if $(SEED),--seed $(SEED)) || exit 1; done

soak: soak-worlds
	@scripts/deps cli
	scripts/as-root Tests/engines/random --backend $(BACKEND) --operations 100000000 --seconds 3600 $(if $(SEED),--seed $(SEED))

# 500 random worlds, a traced packet in each, and what berth trace said of it held against captures, counters and conntrack, and against
# what berth explain had said before; soak-worlds runs 20,000. SEED=N chooses the same worlds.
test-worlds: all
	@scripts/deps test
	scripts/as-root Tests/engines/worlds --explain --worlds 500 $(if $(SEED),--seed $(SEED))

soak-worlds: all
	@scripts/deps test
	scripts/as-root Tests/engines/worlds --explain --worlds 20000 --seconds 7200 $(if $(SEED),--seed $(SEED))

bench: core
	@scripts/deps bench
	scripts/as-root Benchmarks/run $(BENCH)
	@$(if $(BENCH),,$(MAKE) --no-print-directory bench-lab)

# berth's containers beside docker's, podman's runtime and crun (BENCH=--quick for a smoke run).
# A world's start, a traced packet, checks and all lessons against their aims.
bench-lab: all
	@scripts/deps bench
	scripts/as-root Benchmarks/lab $(BENCH)

bench-runtime: all
	@scripts/deps bench runtime
	scripts/as-root Benchmarks/runtime $(BENCH)

fuzz: deps
	scripts/fuzz

lint:
	@scripts/deps
	swift format lint --strict -r Sources Tests Fuzz Package.swift

man: berth
	@scripts/man

# The lessons' pages, from the lessons themselves.
lab-pages: berth
	@{ build/bin/berth lab list --json | sed -n 's/^ *"id": "\([0-9A-Z]*\)",$$/\1/p'; echo broken; } | while read -r id; do build/bin/berth lab page "$$id" > "docs/lab/$$id.md" || exit 1; done

install:
	@[ -x build/bin/berth ] && [ -x build/bin/berth-core ] && [ -x build/bin/berth-iptables ] && [ -x build/bin/berth-firewalld ] && [ -e build/images/busybox.tar ] || $(MAKE) --no-print-directory all
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' CNI_BIN_DIR='$(CNI_BIN_DIR)' FORCE='$(FORCE)' scripts/install

uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' CNI_BIN_DIR='$(CNI_BIN_DIR)' scripts/install --remove

clean:
	rm -rf build .build .build-berth
