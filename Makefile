# Versions of the tools; "go run" fetches them, nothing is installed.
TEMPL       := github.com/a-h/templ/cmd/templ@v0.3.977
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

BUILD := CGO_ENABLED=0 go build -trimpath -ldflags "-s -w"
SUDO  := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help build run test test-tools check generate assets cross cover bench clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the static binary ./dashd
	$(BUILD) -o dashd .

run: build ## Serve the demo site on http://127.0.0.1:8000
	./dashd serve

test: test-tools ## Run every test, those in the browser too
	CGO_ENABLED=1 go test -race -shuffle=on -timeout 15m ./...

# The race detector needs gcc, the browser tests need Chromium.
test-tools:
	@missing=""; \
	command -v gcc >/dev/null || missing="gcc libc6-dev"; \
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || [ -n "$$CHROMIUM" ] || missing="$$missing chromium"; \
	if [ -n "$$missing" ]; then \
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
	@for target in linux/amd64 linux/arm64 linux/arm/6 darwin/arm64 windows/amd64; do \
		set -- $$(echo $$target | tr / ' '); \
		out=dist/dashd-$$1-$$2$${3:+v$$3}; [ $$1 = windows ] && out=$$out.exe; \
		GOOS=$$1 GOARCH=$$2 GOARM=$$3 $(BUILD) -o $$out . || exit 1; \
		printf '%-28s %5.1f MB\n' $$out $$(wc -c < $$out | awk '{ print $$1 / 1e6 }'); \
	done

# The floor is the whole percentage in .coverage; it only rises.
cover: test-tools ## Measure the tests' coverage and hold it above the floor
	CGO_ENABLED=0 go test -coverpkg=./app/...,./live/...,./static/...,./store/...,./views/... -coverprofile=coverage.out -timeout 15m ./...
	@total=$$(go tool cover -func=coverage.out | awk '/^total:/ { print int($$3) }'); floor=$$(cat .coverage); \
	echo "coverage $$total %, floor $$floor %"; \
	[ $$total -ge $$floor ] || exit 1; \
	[ $$total -le $$floor ] || { echo $$total > .coverage; echo "the floor is now $$total %: commit .coverage"; }

bench: test-tools ## Measure against the budgets, side by side, and print the table
	@CGO_ENABLED=0 go run ./examples/bench

clean: ## Remove what was built
	rm -rf dashd dist coverage.out
