# `make` prints what there is.
PREFIX ?= /usr/local
PROGRAMS = jr jr-node jr-distributor jr-supervisor
# Started by jr-supervisor only, which looks for it beside itself.
HELPERS = jr-exec
SOURCES = Package.swift $(wildcard Sources Tests Examples)

.PHONY: help build release test lint format check docs clean install uninstall

help:
	@echo 'make build              everything, for development'
	@echo 'make release            the programs, optimised'
	@echo 'make test               all tests; make test ONLY=JRWireTests for some'
	@echo 'make lint               is it formatted as it should be?'
	@echo 'make format             format it'
	@echo 'make check              what must pass before a change is merged: lint and all tests'
	@echo 'make docs               the documentation of the library, .build-docs/JobReactor.doccarchive'
	@echo 'make install            the programs, manual pages and completions to PREFIX ($(PREFIX)), after make release'
	@echo 'make uninstall          remove these again'
	@echo 'make clean              remove what was built'

build:
	swift build --build-tests

release:
	swift build -c release

test:
	scripts/test.sh $(ONLY)

lint:
	swift format lint --strict --parallel --recursive $(SOURCES)

format:
	swift format --in-place --parallel --recursive $(SOURCES)

check:
	.ci/run

docs:
	scripts/docs.sh

clean:
	swift package clean

# A node compiles job files against the modules of the library, so they are installed as well.
BUILT = .build/release
BIN = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share
LIBRARY = $(DESTDIR)$(PREFIX)/lib/jobreactor
COMPLETIONS = $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d

install:
	@test -x $(BUILT)/jr || { echo "There is nothing to install: run 'make release' first."; exit 66; }
	install -d $(BIN) $(SHARE)/man/man1 $(COMPLETIONS) $(LIBRARY)/Modules
	install -m 755 $(PROGRAMS:%=$(BUILT)/%) $(HELPERS:%=$(BUILT)/%) $(BIN)
	install -m 644 $(BUILT)/Modules/J*.swiftmodule $(LIBRARY)/Modules
	for module in CJRChecksum CJRLinux; do \
		install -d $(LIBRARY)/Modules/$$module && \
		install -m 644 Sources/$$module/include/*.h $(LIBRARY)/Modules/$$module && \
		(cd Sources/$$module/include && echo "module $$module { header \"$$(echo *.h)\" export * }") \
			> $(LIBRARY)/Modules/$$module/module.modulemap || exit 1; \
	done
	for program in $(PROGRAMS); do \
		$(BIN)/$$program --manual > $(SHARE)/man/man1/$$program.1 && \
		$(BIN)/$$program --completion bash > $(SHARE)/bash-completion/completions/$$program && \
		$(BIN)/$$program --completion zsh > $(SHARE)/zsh/site-functions/_$$program && \
		$(BIN)/$$program --completion fish > $(SHARE)/fish/vendor_completions.d/$$program.fish || exit 1; \
	done

uninstall:
	rm -rf $(LIBRARY)
	rm -f $(PROGRAMS:%=$(BIN)/%) $(HELPERS:%=$(BIN)/%) $(PROGRAMS:%=$(SHARE)/man/man1/%.1)
	rm -f $(PROGRAMS:%=$(SHARE)/bash-completion/completions/%) $(PROGRAMS:%=$(SHARE)/zsh/site-functions/_%)
	rm -f $(PROGRAMS:%=$(SHARE)/fish/vendor_completions.d/%.fish)
