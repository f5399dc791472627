# Versions of the tools; "go run" fetches them, nothing is installed.
TEMPL       := github.com/a-h/templ/cmd/templ@v0.3.977
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
NFPM        := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2

BUILD := CGO_ENABLED=0 go build -trimpath -ldflags "-s -w"
SUDO  := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# What is released: GOOS/GOARCH/GOARM, and the architectures of packages with
# their binaries.
TARGETS := linux/amd64 linux/arm64 linux/arm/6 linux/riscv64 darwin/arm64 windows/amd64
DEBS    := amd64:linux-amd64 arm64:linux-arm64 arm6:linux-armv6

# The version of packages: a tag such as v1.2.3, else the time of the commit.
DEB_VERSION := $(shell git describe --tags --exact-match 2>/dev/null | sed -n 's/^v//p')
ifeq ($(DEB_VERSION),)
DEB_VERSION := 0.0.0~$(shell TZ=UTC git log -1 --date=format-local:%Y%m%d%H%M%S --format=%cd.%h 2>/dev/null || echo 0)
endif

.PHONY: help build run test test-tools check generate assets cross licenses package package-test dist rebuild release cover bench clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the static binary ./dashd
	$(BUILD) -o dashd .

run: build ## Serve the demo site on http://127.0.0.1:8000
	./dashd serve

test: test-tools ## Run every test, those in the browser too
	CGO_ENABLED=1 go test -race -shuffle=on -timeout 18m ./...

# The race detector needs gcc, the browser tests need Chromium, those of
# examples/deploy nginx and systemd-analyze.
test-tools:
	@missing=""; \
	command -v gcc >/dev/null || missing="gcc libc6-dev"; \
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || [ -n "$$CHROMIUM" ] || missing="$$missing chromium"; \
	if [ "$$(uname)" = Linux ]; then \
		command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing="$$missing nginx-light"; \
		command -v systemd-analyze >/dev/null || missing="$$missing systemd"; \
	fi; \
	if [ -n "$$missing" ] && ! command -v apt-get >/dev/null; then \
		echo "install these, without which some tests fail: $$missing"; \
	elif [ -n "$$missing" ]; then \
		echo "installing $$missing"; \
		$(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

check: ## Check formatting, vet, staticcheck, generated code, known vulnerabilities
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt would change these files"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	cd examples/custom && go vet ./...
	@$(MAKE) --no-print-directory generate
	@test -z "$$(git status --porcelain -- '*_templ.go' '*/components.go')" || { git status --short -- '*_templ.go' '*/components.go'; echo "generated code is stale: commit what make generate wrote"; exit 1; }
	@out=$$(go run $(GOVULNCHECK) ./... 2>&1); code=$$?; \
	case "$$code $$out" in \
	0*|*"exit status 3"*) echo "$$out"; exit $$code ;; \
	*) echo "govulncheck: not run, because it or its database cannot be reached" ;; \
	esac

generate: ## Write the generated code anew
	go run $(TEMPL) generate -path .
	go generate ./app/html ./app/dcc ./app/table ./app/dbc ./examples/network/cytoscape

assets: ## Fetch the front end's bundles anew (needs npm)
	go run ./static/fetch

cross: ## Build for all platforms into dist/ and print the sizes
	@for target in $(TARGETS); do \
		set -- $$(echo $$target | tr / ' '); \
		out=dist/dashd-$$1-$$2$${3:+v$$3}; [ $$1 = windows ] && out=$$out.exe; \
		GOOS=$$1 GOARCH=$$2 GOARM=$$3 $(BUILD) -o $$out . || exit 1; \
		printf '%-28s %5.1f MB\n' $$out $$(wc -c < $$out | awk '{ print $$1 / 1e6 }'); \
	done

# The licences of all that is in the binary: dashd's own, those of the front
# end, of Go and of the modules.
licenses:
	@mkdir -p dist
	@{ cat LICENSE && go run . version --licenses && printf '\n\nGo\n\n' && cat "$$(go env GOROOT)/LICENSE"; } > dist/LICENSES.txt
	@go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' . | sort -u | \
	while read -r path version dir; do \
		files=$$(ls -d "$$dir"/LICEN[CS]E* "$$dir"/COPYING* "$$dir"/NOTICE* 2>/dev/null); \
		[ -n "$$files" ] || { echo "$$path $$version has no licence"; exit 1; }; \
		printf '\n\n%s %s\n\n' "$$path" "$$version"; cat $$files; \
	done >> dist/LICENSES.txt || { tail -1 dist/LICENSES.txt; exit 1; }

package: licenses ## Build the Debian packages into dist/
	@$(MAKE) --no-print-directory cross TARGETS="linux/amd64 linux/arm64 linux/arm/6"
	@go run $(NFPM) --version >/dev/null || { echo "nfpm, which builds packages, could not be built: see above"; exit 1; }
	@rm -f dist/*.deb
	@for deb in $(DEBS); do \
		SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) DEB_ARCH=$${deb%:*} DEB_VERSION="$(DEB_VERSION)" BINARY=dist/dashd-$${deb#*:} \
			go run $(NFPM) package -f examples/deploy/nfpm.yaml -p deb -t dist/ || exit 1; \
	done

package-test: package ## Build the packages, look into them and run what they bring
	go test -tags packages -count=1 -run TestPackages ./examples/deploy

dist: ## Build all that a release has into dist/
	rm -rf dist
	@$(MAKE) --no-print-directory package-test cross BUILD='$(BUILD) -buildvcs=true'
	@$(BUILD) -buildvcs=true -o dist/host . && dist/host version --sbom > dist/dashd.cdx.json && rm dist/host
	@cd dist && sha256sum -- * > SHA256SUMS && cat SHA256SUMS

# Everything is compiled anew, in another directory and with an empty cache.
rebuild: ## Build elsewhere, and compare with dist/ bit by bit
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && mkdir "$$tmp/elsewhere" && \
	tar --exclude=./dist --exclude=./dashd --exclude=./dashd-data -cf - . | tar -xf - -C "$$tmp/elsewhere" && \
	cd "$$tmp/elsewhere" && GOCACHE="$$tmp/cache" GOOS=linux GOARCH=amd64 $(BUILD) -buildvcs=true -o "$$tmp/dashd" . && \
	cmp "$$tmp/dashd" "$(CURDIR)/dist/dashd-linux-amd64" && echo "built elsewhere, dist/dashd-linux-amd64 is the same"

release: ## Check, test, and build a release of what is committed into dist/
	@test -z "$$(git status --porcelain)" || { git status --short; echo "a release is of what is committed"; exit 1; }
	@$(MAKE) --no-print-directory check test
	@$(MAKE) --no-print-directory dist rebuild

# The floor is the whole percentage in .coverage; it only rises.
cover: test-tools ## Measure the tests' coverage and hold it above the floor
	CGO_ENABLED=0 go test -coverpkg=./app/...,./live/...,./static/...,./store/...,./views/... -coverprofile=coverage.out -timeout 18m ./...
	@total=$$(go tool cover -func=coverage.out | awk '/^total:/ { print int($$3) }'); floor=$$(cat .coverage); \
	echo "coverage $$total %, floor $$floor %"; \
	[ $$total -ge $$floor ] || exit 1; \
	[ $$total -le $$floor ] || { echo $$total > .coverage; echo "the floor is now $$total %: commit .coverage"; }

bench: test-tools ## Measure against the budgets, side by side, and print the table
	@CGO_ENABLED=0 go run ./examples/bench

clean: ## Remove what was built
	rm -rf dashd dist coverage.out
