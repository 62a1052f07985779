# guestrc: build, install, try, test. "make demo" and "make test" install what
# they miss when run as root on a system with apt-get.

PREFIX       ?= /usr
SYSCONFDIR   ?= /etc
BINDIR       ?= $(PREFIX)/bin
MANDIR       ?= $(PREFIX)/share/man
UNITDIR      ?= $(PREFIX)/lib/systemd/system
GENERATORDIR ?= $(PREFIX)/lib/systemd/system-generators
DOCDIR       ?= $(PREFIX)/share/doc/guestrc
BASHDIR      ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR       ?= $(PREFIX)/share/zsh/site-functions
FISHDIR      ?= $(PREFIX)/share/fish/vendor_completions.d
DESTDIR      ?=

GO      ?= go
INSTALL ?= install
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo unreleased)
LDFLAGS  = -s -w -X main.release=$(VERSION)

# Two guests at a time: without KVM each takes a core.
TESTFLAGS ?= -timeout 20m -p 1 -parallel 2
FUZZTIME  ?= 30s

build: bin/guestrc

bin/guestrc: FORCE
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $@ ./cmd/guestrc

# The installed script and unit name the program where it is installed.
install: bin/guestrc
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(SYSCONFDIR)/init.d $(DESTDIR)$(SYSCONFDIR)/conf.d $(DESTDIR)$(UNITDIR) \
		$(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(DOCDIR)/examples \
		$(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	$(INSTALL) -m 755 bin/guestrc $(DESTDIR)$(BINDIR)/guestrc
	sed 's|/usr/bin/guestrc|$(BINDIR)/guestrc|g' initd/guestrc > $(DESTDIR)$(SYSCONFDIR)/init.d/guestrc
	chmod 755 $(DESTDIR)$(SYSCONFDIR)/init.d/guestrc
	for kind in lxc net qemu; do \
		sed 's|/usr/bin/guestrc|$(BINDIR)/guestrc|g' units/guestrc-$$kind@.service > $(DESTDIR)$(UNITDIR)/guestrc-$$kind@.service && \
		chmod 644 $(DESTDIR)$(UNITDIR)/guestrc-$$kind@.service || exit 1; \
	done
	$(INSTALL) -m 644 units/guestrc.target $(DESTDIR)$(UNITDIR)/guestrc.target
	$(INSTALL) -d $(DESTDIR)$(GENERATORDIR)
	ln -sf $(BINDIR)/guestrc $(DESTDIR)$(GENERATORDIR)/guestrc-generator
	for kind in guestrc lxc qemu; do \
		[ -e $(DESTDIR)$(SYSCONFDIR)/conf.d/$$kind ] || { bin/guestrc vars $$kind --sample > $(DESTDIR)$(SYSCONFDIR)/conf.d/$$kind && \
		chmod 644 $(DESTDIR)$(SYSCONFDIR)/conf.d/$$kind; } || exit 1; \
	done
	$(INSTALL) -m 644 docs/man/guestrc.8 $(DESTDIR)$(MANDIR)/man8/
	$(INSTALL) -m 644 docs/man/guestrc.conf.5 $(DESTDIR)$(MANDIR)/man5/
	$(INSTALL) -m 644 docs/from-qemu-openrc.md docs/from-gentoo-lxc.md docs/from-netifrc.md docs/for-script-authors.md docs/checks.md $(DESTDIR)$(DOCDIR)/
	$(INSTALL) -m 644 docs/examples/* $(DESTDIR)$(DOCDIR)/examples/
	bin/guestrc completion bash > $(DESTDIR)$(BASHDIR)/guestrc
	bin/guestrc completion zsh > $(DESTDIR)$(ZSHDIR)/_guestrc
	bin/guestrc completion fish > $(DESTDIR)$(FISHDIR)/guestrc.fish
	chmod 644 $(DESTDIR)$(BASHDIR)/guestrc $(DESTDIR)$(ZSHDIR)/_guestrc $(DESTDIR)$(FISHDIR)/guestrc.fish

# Leaves conf.d and what guests keep alone.
uninstall:
	rm -f $(DESTDIR)$(GENERATORDIR)/guestrc-generator $(DESTDIR)$(BINDIR)/guestrc $(DESTDIR)$(SYSCONFDIR)/init.d/guestrc $(DESTDIR)$(UNITDIR)/guestrc-qemu@.service $(DESTDIR)$(UNITDIR)/guestrc-lxc@.service $(DESTDIR)$(UNITDIR)/guestrc-net@.service $(DESTDIR)$(UNITDIR)/guestrc.target \
		$(DESTDIR)$(MANDIR)/man8/guestrc.8 $(DESTDIR)$(MANDIR)/man5/guestrc.conf.5 \
		$(DESTDIR)$(BASHDIR)/guestrc $(DESTDIR)$(ZSHDIR)/_guestrc $(DESTDIR)$(FISHDIR)/guestrc.fish
	rm -rf $(DESTDIR)$(DOCDIR)

demo:
	sh tests/deps.sh demo
	@$(MAKE) --no-print-directory build
	$(GO) run ./tests/demo bin/guestrc

test: deps lint
	@$(MAKE) --no-print-directory build
	$(GO) run ./tests/fetch
	$(GO) test $(shell CGO_ENABLED=1 sh tests/race.sh) $(TESTFLAGS) ./...

deps:
	sh tests/deps.sh test

lint:
	@test -z "$$(gofmt -l .)" || { echo "not gofmt'ed:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) -C tools build -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...
	shellcheck -s sh initd/guestrc tests/*.sh tests/lab/machine.sh tests/release/release.sh
	shellcheck .ci/run

bench:
	sh tests/deps.sh test
	$(GO) run ./bench

# Every fuzz target for FUZZTIME.
fuzz:
	sh tests/fuzz.sh $(FUZZTIME)

# The services' tests on bookworm, trixie and sid, each under OpenRC and systemd.
matrix:
	sh tests/deps.sh test
	@$(GO) run ./tests/matrix

# Both README commands in a bare root of the distribution, with only Go in it.
bare:
	sh tests/bare.sh

clean:
	rm -rf bin

FORCE:

.PHONY: build install uninstall demo test deps lint bench fuzz matrix bare clean FORCE
