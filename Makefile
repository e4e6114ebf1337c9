# The commands of the project. `make` alone lists them.
.PHONY: help release run test test-browser test-containers check sizes audit kubernetes pin faults fuzz demo-certificates bench bench-annuaire

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 20

# The Dockerfile runs the same command. It takes several times longer than `cargo build --release`, for a smaller and
# faster program.
release: ## build the program to install: target/dist/sas-endpoint
	cargo build --locked --profile dist --bin sas-endpoint

run: ## serve on http://127.0.0.1:8080/fhir, on SQLite
	cargo run --release

# The container tests need root and Debian's packages: elsewhere they are skipped, with a message. `.ci/run` requires them.
ifneq ($(SAS_TEST_CONTAINERS),skip)
ifneq ($(filter required,$(SAS_TEST_CONTAINERS))$(shell test "$$(id -u)" = 0 && command -v apt-get),)
CONTAINERS := containers-installed
endif
endif
ifneq ($(SAS_TEST_BROWSER),skip)
BROWSER := browser-installed
endif
ifneq ($(SAS_TEST_CURL),skip)
CURL := curl-installed
endif
test: postgres-installed pgbouncer-installed nginx-installed $(BROWSER) $(CURL) $(CONTAINERS) ## run all tests: SQLite, Postgres, nginx, Chromium, containers
	SAS_TEST_POSTGRES=required SAS_TEST_PGBOUNCER=required SAS_TEST_NGINX=required SAS_TEST_BROWSER=$(or $(SAS_TEST_BROWSER),required) \
		SAS_TEST_CURL=$(or $(SAS_TEST_CURL),required) cargo test --locked
	SAS_TEST_POSTGRES=required cargo test --locked --test faults -- --short

test-browser: browser-installed ## run only the tests of the console in Chromium; screenshots in target/console-screenshots
	SAS_TEST_BROWSER=required cargo test --locked --test browser

test-containers: containers-installed ## run only the tests of the image, the compositions and the units (root; three minutes)
	SAS_TEST_CONTAINERS=required cargo test --locked --test containers

faults: postgres-installed ## inject faults (kill, disconnect, pause, fill disks, flood) and print what was lost (some minutes)
	SAS_TEST_POSTGRES=required cargo test --locked --release --test faults

# The suite of `make test` with more cases, which differ at each run.
CASES ?= 50000
fuzz: ## send malformed input to every public interface (CASES=50000, some minutes)
	PROPTEST_CASES=$(CASES) cargo test --locked --release --test fuzz

check: sizes ## check sizes, formatting, lints and documentation
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test faults -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --quiet

sizes: ## print the longest file and function of src/, tests apart, and how many exceed 400 and 60 lines
	@awk -f .ci/sizes.awk $$(find src -name '*.rs' ! -name tests.rs)

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sas-endpoint-test
CARGO_DENY := 0.20.2
# Advisories need GitHub: run `cargo deny check advisories` where it is reachable.
audit: ## check dependencies against deny.toml: licences, bans, sources (builds cargo-deny the first time)
	@test -x "$(CACHE)/cargo-deny-$(CARGO_DENY)/bin/cargo-deny" || \
		cargo install --quiet --locked --debug --version $(CARGO_DENY) --root "$(CACHE)/cargo-deny-$(CARGO_DENY)" cargo-deny
	"$(CACHE)/cargo-deny-$(CARGO_DENY)/bin/cargo-deny" --locked check bans licenses sources

# The validator contains the schemas of the API. It is installed into a virtual environment in the cache.
KUBERNETES_VALIDATE := kubernetes-validate==1.37.0
KUBERNETES_VERSION := 1.34
VENV := $(CACHE)/$(KUBERNETES_VALIDATE)
kubernetes: ## validate deploy/kubernetes against the schema of the API
	@python3 -c 'import ensurepip' 2>/dev/null || $(MAKE) --no-print-directory python-installed
	@test -x "$(VENV)/bin/kubernetes-validate" || { python3 -m venv "$(VENV)" && "$(VENV)/bin/pip" install --quiet '$(KUBERNETES_VALIDATE)'; }
	"$(VENV)/bin/kubernetes-validate" --strict --kubernetes-version $(KUBERNETES_VERSION) deploy/kubernetes/*.yaml

pin: ## pin the images of Dockerfile and compositions by digest (needs their registries, and docker or skopeo)
	deploy/pin.sh Dockerfile docker-compose.yml deploy/docker-compose.sqlite.yml

DEMO ?= deploy/demo
demo-certificates: ## make a demo authority, certificates and revocation lists for mutual TLS (DEMO=folder)
	cargo run --quiet --locked --example demo-certificates -- "$(DEMO)"

# The README quotes WRITES=2000000 for the disk, which takes some 10 GB in the temporary folder.
WRITES ?= 100000
bench: ## run the benchmarks and print tables for the README (Postgres too, where it is installed; WRITES=100000)
	cargo bench --locked --bench validation
	cargo bench --locked --bench load -- --writes $(WRITES)

# The README quotes PRACTITIONERS=1800000, which takes some 40 GB in FOLDER (default: the temporary folder).
PRACTITIONERS ?= 100000
bench-annuaire: ## run the benchmarks of the directory mirror (PRACTITIONERS=100000, FOLDER=…)
	cargo bench --locked --bench annuaire -- --practitioners $(PRACTITIONERS) $(if $(FOLDER),--folder "$(FOLDER)")

# Installs a Debian package unless its program exists. Arguments: a pattern of paths, a name in PATH, the package.
define install
	@ls $(1) >/dev/null 2>&1 || command -v $(2) >/dev/null 2>&1 || \
	if command -v apt-get >/dev/null 2>&1; then \
		sudo=$$(test "$$(id -u)" = 0 || echo sudo); \
		$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -q --no-install-recommends $(3); \
	else \
		echo "Install the program $(2) and run this again." >&2; exit 1; \
	fi
endef

# The tests start these programs themselves; the services of Debian's packages are not needed.
.PHONY: postgres-installed pgbouncer-installed nginx-installed browser-installed curl-installed containers-installed python-installed
python-installed:
	$(call install,/none,none,python3-venv)

postgres-installed:
	$(call install,/usr/lib/postgresql/*/bin/postgres,postgres,postgresql)

pgbouncer-installed:
	$(call install,/usr/sbin/pgbouncer,pgbouncer,pgbouncer)

nginx-installed:
	$(call install,/usr/sbin/nginx,nginx,nginx-light)

browser-installed:
	$(call install,/usr/bin/chromium,chromium,chromium)
	$(call install,/usr/bin/chromedriver,chromedriver,chromium-driver)
	$(call install,/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf,none,fonts-dejavu-core)

curl-installed:
	$(call install,/usr/bin/curl,curl,curl)

containers-installed:
	$(call install,/usr/bin/podman,podman,podman)
	$(call install,/usr/sbin/runc,runc,runc)
	$(call install,/usr/lib/podman/netavark,netavark,netavark)
	$(call install,/usr/lib/podman/aardvark-dns,aardvark-dns,aardvark-dns)
	$(call install,/usr/sbin/iptables,iptables,iptables)
	$(call install,/usr/sbin/debootstrap,debootstrap,debootstrap)
